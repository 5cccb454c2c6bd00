"""Syncs changes of a customer to their subscription and to the payment provider."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.errors import GatewayRefused
from domain.provider.agreements import KnownCustomer
from domain.provider.ports import CustomerContacts
from domain.subscription.contact_changes import UNUSABLE_ADDRESS, KnownContact, fit_name
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import ContactChanges, CustomerSyncStarter, SubscriptionNotifier


@dataclass(frozen=True)
class HeardRequest:
    """Requests a customer's contact data from the provider, because of one of its messages."""

    customer: str
    event: str


class CustomerActivities:
    """The activities of customer changes; one per worker.

    Args:
        normalized: normalizes a mail address; raises ValueError for one that cannot receive mail.

    """

    def __init__(
        self,
        changes: ContactChanges,
        subscriptions: SubscriptionNotifier,
        contacts: CustomerContacts,
        sync: CustomerSyncStarter,
        normalized: Callable[[str], str],
    ) -> None:
        self._changes = changes
        self._subscriptions = subscriptions
        self._contacts = contacts
        self._sync = sync
        self._normalized = normalized

    @activity.defn(name="tell_subscription")
    async def notify_subscription(self, customer: str) -> None:
        """Notify the customer's subscription of what has changed. Idempotent by the change's id."""
        with as_temporal_failures():
            for change in await self._changes.unreported(customer):
                if change.subscription:
                    await self._subscriptions.notify(change)
                await self._changes.mark_notified(change.id)

    @activity.defn(name="carry_customer")
    async def sync_to_provider(self, customer: str) -> None:
        """Send the customer's contact data to the provider. Idempotent by the change's id, and it sets a state."""
        with as_temporal_failures():
            change = await self._changes.unsynced(customer)
            if change is None:
                return
            try:
                await self._contacts.change_customer(
                    change.customer_ref,
                    change.email,
                    change.name,
                    change.locale,
                    key=f"{customer}/customer/{change.id}/{activity.info().workflow_run_id}",
                )
            except GatewayRefused as refused:
                await self._changes.mark_refused(change.id, refused.code)
                return
            await self._changes.mark_synced(customer, change.id)

    @activity.defn(name="hear_customer")
    async def sync_from_provider(self, request: HeardRequest) -> None:
        """Adopt the customer's contact data from the provider if it has changed. Idempotent."""
        with as_temporal_failures():
            before = await self._changes.known(request.customer)
            if before is None or not before.customer_ref or before.is_changing:
                return
            at_provider = await self._contacts.known_customer(before.customer_ref)
            if at_provider is not None:
                after, trouble = self._read(before, at_provider)
                cause = Cause(CauseKind.WEBHOOK, request.event)
                await self._changes.adopt(request.customer, before, after, cause, trouble)

    def _read(self, before: KnownContact, at_provider: KnownCustomer) -> tuple[KnownContact, str]:
        """Returns the contact by the provider's data, and what is wrong with it; missing values stay as before."""
        name = fit_name(at_provider.name) or before.name
        if not at_provider.email:
            return replace(before, name=name), ""
        try:
            return replace(before, email=self._normalized(at_provider.email), name=name), ""
        except ValueError:
            return replace(before, name=name), UNUSABLE_ADDRESS

    @activity.defn(name="take_up_customers")
    async def start_pending_syncs(self) -> int:
        """Start syncing customer changes that were left behind; returns how many. Idempotent."""
        with as_temporal_failures():
            return await self._sync.start_pending()
