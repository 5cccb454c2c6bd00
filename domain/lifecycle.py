"""The lifecycle on one page: statuses, events, the transition table, and the subscription itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from domain.errors import Rejected
from domain.payments import Card, Decline
from domain.plans import Interval, Item
from domain.policy import MAX_TRIES_IN_30_DAYS, Access
from domain.reminders import Reminder


class Status(StrEnum):
    """Where a subscription stands."""

    TRIALING = "trialing"
    """Full access, nothing paid yet, an end in sight."""
    ACTIVE = "active"
    """Paid up."""
    PAST_DUE = "past_due"
    """A payment failed and is being recovered."""
    SUSPENDED = "suspended"
    """Access off, data kept; a payment or an operator brings it back."""
    PAUSED = "paused"
    """Stopped by the customer's wish until a date."""
    CANCELED = "canceled"
    """Over, for good."""


class Event(StrEnum):
    """What can happen to a subscription."""

    NOTED = "noted"
    """Something was written down that changes no status."""
    REMINDED = "reminded"
    TRIAL_EXTENDED = "trial_extended"
    TRIAL_EXPIRED = "trial_expired"
    CONVERTED = "converted"
    RENEWED = "renewed"
    PAYMENT_FAILED = "payment_failed"
    RECOVERY_ADVANCED = "recovery_advanced"
    RECOVERED = "recovered"
    RECOVERY_SUSPENDED = "recovery_suspended"
    SUSPENDED_BY_OPERATOR = "suspended_by_operator"
    RETURNED_TO_TRIAL = "returned_to_trial"
    RETURNED_PAID_UP = "returned_paid_up"
    RETURNED_OWING = "returned_owing"
    CARD_REPLACED = "card_replaced"
    CANCEL_SCHEDULED = "cancel_scheduled"
    CANCEL_WITHDRAWN = "cancel_withdrawn"
    CANCELED = "canceled"


_T, _A, _D, _S, _X = Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.SUSPENDED, Status.CANCELED

TRANSITIONS: Mapping[tuple[Status, Event], Status] = {
    (_T, Event.REMINDED): _T,
    (_T, Event.TRIAL_EXTENDED): _T,
    (_T, Event.TRIAL_EXPIRED): _S,
    (_T, Event.CONVERTED): _A,
    (_T, Event.PAYMENT_FAILED): _D,
    (_T, Event.SUSPENDED_BY_OPERATOR): _S,
    (_T, Event.NOTED): _T,
    (_T, Event.CARD_REPLACED): _T,
    (_T, Event.CANCEL_SCHEDULED): _T,
    (_T, Event.CANCEL_WITHDRAWN): _T,
    (_T, Event.CANCELED): _X,
    (_A, Event.RENEWED): _A,
    (_A, Event.PAYMENT_FAILED): _D,
    (_A, Event.SUSPENDED_BY_OPERATOR): _S,
    (_A, Event.NOTED): _A,
    (_A, Event.CARD_REPLACED): _A,
    (_A, Event.CANCEL_SCHEDULED): _A,
    (_A, Event.CANCEL_WITHDRAWN): _A,
    (_A, Event.CANCELED): _X,
    # A first payment can fail as well: then it is the conversion that is recovered.
    (_D, Event.CONVERTED): _A,
    (_D, Event.RECOVERY_ADVANCED): _D,
    (_D, Event.RECOVERED): _A,
    (_D, Event.RECOVERY_SUSPENDED): _S,
    (_D, Event.SUSPENDED_BY_OPERATOR): _S,
    (_D, Event.NOTED): _D,
    (_D, Event.CARD_REPLACED): _D,
    (_D, Event.CANCELED): _X,
    # Expired trials, failed recoveries and operators' holds are all suspensions; `Suspension.kind` tells which.
    (_S, Event.TRIAL_EXTENDED): _T,
    (_S, Event.CONVERTED): _A,
    (_S, Event.RECOVERY_ADVANCED): _S,
    (_S, Event.RECOVERED): _A,
    (_S, Event.RETURNED_TO_TRIAL): _T,
    (_S, Event.RETURNED_PAID_UP): _A,
    (_S, Event.RETURNED_OWING): _D,
    (_S, Event.NOTED): _S,
    (_S, Event.CARD_REPLACED): _S,
    (_S, Event.CANCELED): _X,
}
"""Every move there is. A pair that is not listed cannot happen; a canceled subscription has none."""


class SuspensionKind(StrEnum):
    """Why access is off."""

    TRIAL_EXPIRED = "trial_expired"
    NONPAYMENT = "nonpayment"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Suspension:
    """A suspension, and what it will come back to."""

    kind: SuspensionKind
    since: datetime
    reason: str
    returns_to: Status
    cancel_at: datetime | None = None
    """When it ends the subscription, unless the recovery ladder says so."""
    access: Access = Access.FULL
    """What it comes back to, should it come back owing."""


@dataclass(frozen=True)
class Recovery:
    """A failed payment on its way up the ladder."""

    since: datetime
    """The first decline; the ladder's days count from here."""
    step: int
    """The ladder's next step."""
    tries: int
    """Charges declined so far, the first one included."""
    decline: Decline
    card_ref: str
    """The card that was declined; a hard decline bars this one only."""
    invoice_ref: str = ""
    """The open bill; empty while it is the conversion that failed."""
    period_end: datetime | None = None
    """End of the period that the bill is for."""


@dataclass(frozen=True)
class Subscription:
    """One customer's subscription and where in its life it stands. Holds ids, never a name or an address."""

    id: str
    tenant: str
    customer: str
    plan: str
    plan_name: str
    interval: Interval
    quantity: int
    items: tuple[Item, ...]
    amount: int
    """What one period costs, in minor units of `currency`."""
    currency: str
    created_at: datetime
    status: Status = Status.TRIALING
    status_reason: str = ""
    access: Access = Access.FULL
    sequence: int = 0
    """Counts the steps; a stale write to the projection carries a lower one and loses."""
    add_ons: dict[str, int] = field(default_factory=dict)
    trial_ends_at: datetime | None = None
    reminders: tuple[Reminder, ...] = ()
    customer_ref: str = ""
    agreement_ref: str = ""
    card: Card | None = None
    card_since: datetime | None = None
    """When the card was put on file; one that was given elsewhere before does not replace it."""
    barred_card: str = ""
    """The card that was last declined for good, if it was not in a recovery."""
    period_start: datetime | None = None
    period_end: datetime | None = None
    ask_at: datetime | None = None
    """When to ask the provider about the renewal, should its word not come."""
    settled_invoice: str = ""
    is_held: bool = False
    """Whether the provider was told to bill no further for now."""
    owes_new_period: bool = False
    """Billing goes on after a hold that outlasted the paid period."""
    cancel_at: datetime | None = None
    cancel_reason: str = ""
    suspension: Suspension | None = None
    recovery: Recovery | None = None
    charge_tries: int = 0
    """Business tries of taking money so far; the next one's idempotency key names its number."""
    recent_tries: tuple[datetime, ...] = ()

    @property
    def is_over(self) -> bool:
        return self.status is Status.CANCELED

    @property
    def next_try_key(self) -> str:
        """Names the next try to take money: the same when the try is repeated, new for a new try."""
        return f"{self.id}/charge/{self.charge_tries + 1}"

    def allows(self, event: Event) -> bool:
        return (self.status, event) in TRANSITIONS

    def after(self, event: Event, **changes: Any) -> Self:
        """Return the subscription one step on.

        Raises:
            Rejected: *event* cannot happen in this status.
        """
        try:
            status = TRANSITIONS[self.status, event]
        except KeyError:
            raise Rejected(f"{event} cannot happen while {self.status}", code="transition_rejected") from None
        return replace(self, status=status, sequence=self.sequence + 1, **changes)

    def with_try(self, now: datetime) -> Self:
        """The subscription with one more try of taking money counted at *now*."""
        recent = tuple(moment for moment in self.recent_tries if moment > now - timedelta(days=30))
        return replace(self, charge_tries=self.charge_tries + 1, recent_tries=(*recent, now))

    def may_try(self, now: datetime) -> bool:
        """True unless the card networks' cap on tries within 30 days is reached."""
        return sum(moment > now - timedelta(days=30) for moment in self.recent_tries) < MAX_TRIES_IN_30_DAYS

    @property
    def card_is_barred(self) -> bool:
        """True while the card on file is the one that was declined for good."""
        if self.card is None:
            return False
        declined = self.recovery
        barred = declined.card_ref if declined is not None and declined.decline.is_hard else self.barred_card
        return bool(barred) and self.card.ref == barred

    @property
    def wants_hold(self) -> bool:
        """True while no further period may be billed: one is owed already, or access is off."""
        return bool(self.agreement_ref) and self.status in (Status.PAST_DUE, Status.SUSPENDED)
