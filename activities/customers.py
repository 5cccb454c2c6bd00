"""Telling all who must know that a customer was changed: their subscription, and the payment provider."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.errors import GatewayRefused
from domain.provider.agreements import KnownCustomer
from domain.provider.ports import KnowsCustomers
from domain.subscription.contact_changes import UNUSABLE_ADDRESS, ContactChanges, KnownContact, Untold, fit_name
from domain.subscription.journal import Cause, CauseKind


@dataclass(frozen=True)
class HeardRequest:
    """Asks to look at the provider for who a customer is, because of one of its messages."""

    customer: str
    event: str


class TellsSubscriptions(Protocol):
    """What tells subscriptions of changes of their customers."""

    async def tell(self, change: Untold) -> None:
        """Have the subscription know; safe to repeat. One that is over need not know.

        Raises:
            GatewayUnavailable: Temporal, or the subscription's workflow, did not answer.
        """
        ...


class TakesUp(Protocol):
    """What takes up changes of customers that nobody has taken up."""

    async def take_up(self) -> int: ...


class CustomerActivities:
    """The activities about customers; one per worker.

    Args:
        normalized: a mail address as ours are written; raises ValueError for one that no mail could be sent to.

    """

    def __init__(
        self,
        changes: ContactChanges,
        subscriptions: TellsSubscriptions,
        provider: KnowsCustomers,
        left: TakesUp,
        normalized: Callable[[str], str],
    ) -> None:
        self._changes = changes
        self._subscriptions = subscriptions
        self._provider = provider
        self._left = left
        self._normalized = normalized

    @activity.defn(name="tell_subscription")
    async def tell_subscription(self, customer: str) -> None:
        """Tell the customer's subscription what has changed. Idempotent by the change's id."""
        with as_temporal_failures():
            for change in await self._changes.untold(customer):
                if change.subscription:
                    await self._subscriptions.tell(change)
                await self._changes.mark_told(change.id)

    @activity.defn(name="carry_customer")
    async def carry_customer(self, customer: str) -> None:
        """Tell the provider who the customer is now. Idempotent by the change's id, and it sets a state."""
        with as_temporal_failures():
            change = await self._changes.uncarried(customer)
            if change is None:
                return
            try:
                await self._provider.change_customer(
                    change.customer_ref,
                    change.email,
                    change.name,
                    change.locale,
                    key=f"{customer}/customer/{change.id}/{activity.info().workflow_run_id}",
                )
            except GatewayRefused as refused:
                await self._changes.mark_refused(change.id, refused.code)
                return
            await self._changes.mark_carried(customer, change.id)

    @activity.defn(name="hear_customer")
    async def hear_customer(self, request: HeardRequest) -> None:
        """Take over who the customer is at the provider, if that is news. Idempotent."""
        with as_temporal_failures():
            was = await self._changes.known(request.customer)
            if was is None or not was.customer_ref or was.is_changing:
                return
            told = await self._provider.known_customer(was.customer_ref)
            if told is not None:
                found, trouble = self._read(was, told)
                cause = Cause(CauseKind.WEBHOOK, request.event)
                await self._changes.take_over(request.customer, was, found, cause, trouble)

    def _read(self, was: KnownContact, told: KnownCustomer) -> tuple[KnownContact, str]:
        """Who they are by the provider's word, and what is wrong with it; what is missing there stays as it was."""
        name = fit_name(told.name) or was.name
        if not told.email:
            return replace(was, name=name), ""
        try:
            return replace(was, email=self._normalized(told.email), name=name), ""
        except ValueError:
            return replace(was, name=name), UNUSABLE_ADDRESS

    @activity.defn(name="take_up_customers")
    async def take_up_customers(self) -> int:
        """Start what tells of customers' changes that were left behind; for how many. Idempotent."""
        with as_temporal_failures():
            return await self._left.take_up()
