"""The subscription itself: one customer's, and where in its life it stands."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from domain.access import Access
from domain.catalog.plans import Interval, Item, Selection
from domain.errors import Rejected
from domain.money import Money
from domain.provider.payments import Card, Decline
from domain.subscription.confirmation import Confirmation
from domain.subscription.ends import End, EndKind
from domain.subscription.lifecycle import TRANSITIONS, Event, Status
from domain.subscription.policy import MAX_TRIES_IN_30_DAYS, LadderStep
from domain.subscription.reminders import Reminder
from domain.subscription.unanswered_attempts import UnheardChange, UnheardTry


class SuspensionKind(StrEnum):
    """Why access is off."""

    TRIAL_EXPIRED = "trial_expired"
    NONPAYMENT = "nonpayment"
    OPERATOR = "operator"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    """Its first payment is still to be confirmed: it has not begun."""
    AWAITING_PAYMENT = "awaiting_payment"
    """Its first payment is still to be taken, which the provider refuses for now: it has not begun."""


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
    rungs: tuple[datetime, ...] = ()
    """When each step of the ladder is due, at a decent hour of the customer's day; empty: counted from `since`."""
    ladder: tuple[LadderStep, ...] = ()
    """The ladder it began with, should the policy have changed since; empty: the policy's."""
    amount_due: int | None = None
    """What is to be paid with the latest bill that was tried, in minor units of `currency`; None: there is no bill."""
    currency: str = ""
    asked: tuple[str, ...] = ()
    """The latest commands whose try the bank wanted the customer to confirm, on the open bill's page."""


@dataclass(frozen=True)
class PendingChange:
    """What the subscription will be to when its paid period ends."""

    to: Selection
    at: datetime
    asked_at: datetime


@dataclass(frozen=True)
class Pause:
    """A stop by the customer's wish."""

    since: datetime
    resumes_at: datetime | None = None
    """None: when the customer says so."""


@dataclass(frozen=True)
class Dispute:
    """A payment that the customer's bank has taken back for now."""

    ref: str
    since: datetime
    access: Access
    """What there was before."""


class NoticeKind(StrEnum):
    """What a customer is told of ahead of time."""

    CARD_EXPIRING = "card_expiring"
    RENEWAL_AHEAD = "renewal_ahead"


@dataclass(frozen=True)
class Notice:
    """Something to tell the customer ahead of a renewal."""

    kind: NoticeKind
    days: int
    """Before the renewal."""
    at: datetime


@dataclass(frozen=True)
class Blocked:
    """A step that the outside refuses, or gives no answer to; it is tried again until it is taken."""

    since: datetime
    action: str
    """What is due and waits (`domain.subscription.agenda.Action`), or one of `domain.subscription.blocked_steps`."""
    code: str
    """Of the refusal, for programs."""
    why: str
    next_try: datetime
    refusals: int = 0
    """How often it was refused; what was not answered is not counted. The next try has the number in its key."""


@dataclass(frozen=True)
class UntoldEnd:
    """An end that was decided while the provider did not take it; it is told again and again until it does."""

    since: datetime
    invoice_ref: str = ""
    """The open bill that is not owed any more."""
    confirmation: Confirmation | None = None
    """A payment that waited for the customer's bank, and is not to be taken any more."""


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
    """Since when the card counts; one that was given at a checkout before does not replace it."""
    barred_card: str = ""
    """The card that was last declined for good, if it was not in a recovery."""
    period_start: datetime | None = None
    period_end: datetime | None = None
    ask_at: datetime | None = None
    """When to ask the provider about the renewal, should its word not come."""
    settled_invoice: str = ""
    is_held: bool = False
    """Whether the provider was told to bill no further for now."""
    paused_at_provider: str = ""
    """Why the provider has paused its side, by somebody else's word; empty: it has not, or not told."""
    owes_new_period: bool = False
    """Billing goes on after a hold that outlasted the paid period."""
    cancel_at: datetime | None = None
    cancel_reason: str = ""
    """What whoever canceled says of it."""
    end_kind: EndKind | None = None
    """What will end it, or has; None: nothing yet, or from before that was kept."""
    reason_code: str = ""
    """One of `ReasonCode`, if the customer has said why they leave."""
    suspension: Suspension | None = None
    recovery: Recovery | None = None
    charge_tries: int = 0
    """Business tries of taking money so far; the next one's idempotency key names its number."""
    recent_tries: tuple[datetime, ...] = ()
    free_plan: Selection | None = None
    """What there is to fall back to, if the catalog has something for nothing."""
    pending_change: PendingChange | None = None
    pause: Pause | None = None
    dispute: Dispute | None = None
    known_reversals: tuple[str, ...] = ()
    """The latest refunds and disputes that were taken note of, as they stood."""
    notices: tuple[Notice, ...] = ()
    """What the customer will be told before the next renewal."""
    noticed_for: str = ""
    """Names what the notices were laid out for."""
    begins_own_period: bool = False
    """The next period is begun by us, at `period_end`: the provider's own periods run otherwise since a pause."""
    agreement_is_stale: bool = False
    """The agreement is still about what there was before a change of plan; the next period puts it right."""
    billing_anchor: datetime | None = None
    """From where its periods are counted; None: not noted yet, the provider's periods tell."""
    agreement_anchor: datetime | None = None
    """From where the provider counts, as last heard; None: not noted yet."""
    sets_billing_day: bool = False
    """The next period sets the billing day: access was off when it was due."""
    given_back_seconds: int = 0
    """By how much pauses have moved the end of the period that is paid for."""
    paused_seconds: int = 0
    """What pauses took beyond whole days and have not given back yet."""
    catalog: str = ""
    """The catalog its plan is of, whose entitlements it keeps; empty: begun before that was noted."""
    lost_agreement: str = ""
    """The agreement that ended when the provider deleted the customer; what it was paid for goes on until its end."""
    blocked: Blocked | None = None
    """The step that has waited longest for an operator or for the end of an outage; None: all goes on."""
    also_blocked: tuple[Blocked, ...] = ()
    """Other steps that wait as well, each with its own `since` and count."""
    untold_end: UntoldEnd | None = None
    """Set while the provider is still to be told of the end: at once if it is over, else with the paid period."""
    confirmation: Confirmation | None = None
    """The payment that waits until the customer has confirmed it to their bank."""
    confirmed: tuple[str, ...] = ()
    """The latest commands whose payment had waited and was confirmed."""
    unconfirmed: tuple[str, ...] = ()
    """The latest commands whose payment had waited and was not."""
    unheard_tries: tuple[UnheardTry, ...] = ()
    """Tries of taking money that the provider has not answered, and of which nobody knows yet what came."""
    unheard_change: UnheardChange | None = None
    """The change of plan that the provider has not answered, or its bank not decided on; None: all were answered."""

    @property
    def selection(self) -> Selection:
        """What the customer has chosen, with its price."""
        return Selection(
            self.plan,
            self.plan_name,
            self.interval,
            self.quantity,
            self.add_ons,
            self.items,
            Money(self.amount, self.currency),
            self.catalog,
        )

    @classmethod
    def to(
        cls, selection: Selection, *, subscription_id: str, tenant: str, customer: str, created_at: datetime
    ) -> Self:
        """A customer's subscription that has just come about, in which nothing has happened yet."""
        return cls(
            id=subscription_id,
            tenant=tenant,
            customer=customer,
            plan=selection.plan,
            plan_name=selection.plan_name,
            interval=selection.interval,
            quantity=selection.quantity,
            items=selection.items,
            amount=selection.total.amount,
            currency=selection.total.currency,
            created_at=created_at,
            add_ons=dict(selection.add_ons),
            catalog=selection.catalog,
        )

    def choosing(self, selection: Selection) -> Self:
        """The same subscription to something else; no step is taken."""
        return replace(
            self,
            plan=selection.plan,
            plan_name=selection.plan_name,
            interval=selection.interval,
            quantity=selection.quantity,
            add_ons=dict(selection.add_ons),
            items=selection.items,
            amount=selection.total.amount,
            currency=selection.total.currency,
            catalog=selection.catalog,
        )

    @property
    def is_free(self) -> bool:
        """True when nothing is ever billed for what the customer has."""
        return not self.items

    @property
    def is_over(self) -> bool:
        return self.status is Status.CANCELED

    @property
    def end(self) -> End | None:
        """How it has ended; None: it has not."""
        if not self.is_over:
            return None
        if self.end_kind is None:
            return End.of_before(self.status_reason)
        return End(self.end_kind, self.cancel_reason, self.reason_code)

    @property
    def next_try_key(self) -> str:
        """Names the next try to take money: the same when the try is repeated, new for a new try."""
        return f"{self.id}/charge/{self.charge_tries + 1}"

    def is_due_for_renewal(self, now: datetime) -> bool:
        """True when the paid period is over and nobody has said yet how the renewal went."""
        bills_on = self.status is Status.ACTIVE and bool(self.agreement_ref)
        return bills_on and self.period_end is not None and self.period_end <= now

    @property
    def trial_is_elsewhere(self) -> bool:
        """True while a trial that is taken over goes on at the provider too: until it has ended there, we bill none."""
        return self.status is Status.TRIALING and bool(self.agreement_ref)

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
        """True while the provider may bill no further period: one is owed, access is off, or we begin the next."""
        stands_still = self.status in (Status.PAST_DUE, Status.SUSPENDED, Status.PAUSED) or self.dispute is not None
        next_is_ours = self.pending_change is not None or self.begins_own_period or self.agreement_is_stale
        return bool(self.agreement_ref) and (stands_still or next_is_ours)
