"""The ports of the database and of mail dispatch for the activities; storage and services implement them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.customers import Contact
from domain.entitlements.downgrade_fit import LimitConflict
from domain.notifications.ports import MailDispatcher, QueuedMail
from domain.subscription.contact_changes import KnownContact, ProviderUpdate, SubscriptionNotification
from domain.subscription.journal import Cause, FitCheck, Step
from domain.subscription.policy import TrialMark
from domain.subscription.renewals import ExpectedRenewal, RecordedStep
from domain.subscription.sign_up import SignUpContact
from domain.subscription.state import Subscription


class Records(Protocol):
    """The database; each call is one transaction."""

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        """Store a step: its projection (unless a later one is stored), journal, mails and invoice.

        Idempotent by the subscription's id and sequence; returns the step's mails that still wait to be sent.
        """
        ...

    async def limit_conflicts(self, subscription: Subscription, check: FitCheck) -> Sequence[LimitConflict]:
        """Returns where current usage does not fit a change; empty if a catalog is unknown."""
        ...

    async def contact(self, customer: str, signing_up: str = "") -> Contact:
        """Returns the customer's contact; with *signing_up*, as it will be once that sign-up is accepted.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def take_turn(self, customer: str, signing_up: str) -> Contact:
        """Returns the customer's current contact, for a sign-up that puts a card on file before it is decided.

        Of concurrent sign-ups of a customer, one has the turn, until its first step is stored or it is refused.

        Raises:
            Rejected: code `already_subscribed`; or `sign_up_expired`: its contact data was removed after a day.
            GatewayUnavailable: another sign-up has the turn.
        """
        ...

    async def remember_wallet(self, customer: str, customer_ref: str, signing_up: str = "") -> str:
        """Store the customer's id at the provider and return it, or the one stored earlier if there is another.

        If the customer has none before *signing_up*, it becomes theirs with the first step.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def is_changing(self, customer: str) -> bool:
        """True if a change of the customer is still to be synced."""
        ...

    async def replace_wallet(self, customer: str, deleted_ref: str, customer_ref: str) -> str:
        """Store *customer_ref* instead of *deleted_ref*, which stays known for late messages.

        Returns the stored one, which differs if another caller has replaced it already.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def forget_sign_up(self, customer: str, subscription: str) -> None:
        """Remove a refused sign-up's contact data, and the customer if nothing else refers to them."""
        ...


class RenewalRecords(Protocol):
    """Records plain renewals; each call is one transaction."""

    async def save_renewal(self, step: Step, expected: ExpectedRenewal) -> Sequence[QueuedMail] | None:
        """Store a step as `Records.save` does, but only if it follows the state that is stored.

        Returns None, and stores nothing, if another state is stored, or the customer is erased.
        """
        ...

    async def latest_step(self, subscription: str) -> RecordedStep | None:
        """Returns the latest step of a subscription; None: it has none."""
        ...

    async def waiting_mails(self, subscription: str) -> Sequence[QueuedMail]:
        """Returns the mails of a subscription that still wait to be sent."""
        ...


class Dispatcher(MailDispatcher, Protocol):
    """Dispatches what a step leaves to do: mails, and the sync of a changed customer."""

    async def start_customer_sync(self, customer: str) -> None: ...


class EndedSubscriptions(Protocol):
    """Reads subscriptions that are over."""

    async def ended(self, subscription: str) -> tuple[Subscription, datetime] | None:
        """A canceled subscription and the time of its latest entry; None: it is not canceled."""
        ...


class CommandReasons(Protocol):
    """Knows why commands were given."""

    async def reason_of(self, subscription: str, key: str) -> str:
        """Returns what stands for the reason of a command, by its key; empty: it gave none, or is not known."""
        ...


class SignUpContacts(Protocol):
    """Customer data of sign-ups until they are decided."""

    async def wait(self, subscription: str, tenant: str, contact: SignUpContact, *, customer_ref: str = "") -> str:
        """Store the data for *subscription* and return our id of the customer, who may not exist yet.

        *customer_ref* is their id at the provider, if it knows them already.
        """
        ...


class LiveSubscriptions(Protocol):
    """Finds customers' subscriptions."""

    async def live_subscription(self, *, tenant: str, external_id: str) -> str | None:
        """The customer's subscription that is not canceled, if there is one."""
        ...


class RecordedSubscriptions(Protocol):
    """Reads subscriptions in any status."""

    async def recorded(self, tenant: str, subscription: str) -> Subscription | None:
        """The subscription as it was stored last; None: it was not."""
        ...


class UsedTrials(Protocol):
    """Finds out who has had a trial."""

    async def used(
        self, *, tenant: str, external_id: str, email: str, one_per: Sequence[TrialMark], besides: str | None = None
    ) -> TrialMark | None:
        """The first mark under which the customer has had a trial, other than that of subscription *besides*."""
        ...


class ContactChanges(Protocol):
    """Customer changes that are still to be synced."""

    async def unreported(self, customer: str) -> Sequence[SubscriptionNotification]:
        """Returns changes that the subscription has not been notified of, oldest first."""
        ...

    async def mark_notified(self, change: str) -> None: ...

    async def unsynced(self, customer: str) -> ProviderUpdate | None:
        """Returns the latest change to send to the provider; None: it has all, or does not know the customer."""
        ...

    async def mark_synced(self, customer: str, change: str) -> None:
        """Record that the provider has this change and all earlier ones."""
        ...

    async def mark_refused(self, change: str, code: str) -> None:
        """Record that the provider refused the change; it is retried in an hour."""
        ...

    async def known(self, customer: str) -> KnownContact | None: ...

    async def adopt(self, customer: str, was: KnownContact, found: KnownContact, cause: Cause, trouble: str) -> None:
        """Adopt the provider's data, unless the customer has changed since *was* was read."""
        ...


class PendingContactChanges(Protocol):
    """Customer changes that nothing syncs yet."""

    async def pending(self) -> list[str]:
        """Customers with a change that has not been picked up."""
        ...


class SubscriptionNotifier(Protocol):
    """Notifies subscriptions of changes of their customers."""

    async def notify(self, change: SubscriptionNotification) -> None:
        """Notify the subscription; safe to repeat. Ignores a subscription that is over.

        Raises:
            GatewayUnavailable: Temporal, or the subscription's workflow, did not respond.
        """
        ...


class CustomerSyncStarter(Protocol):
    """Starts syncing customer changes that were left behind."""

    async def start_pending(self) -> int: ...
