"""The state of one customer's subscription."""

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
from domain.subscription.unanswered_attempts import UnansweredAttempt, UnansweredChange


class SuspensionKind(StrEnum):
    """Why access is off."""

    TRIAL_EXPIRED = "trial_expired"
    NONPAYMENT = "nonpayment"
    OPERATOR = "operator"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    """Its first payment is not confirmed yet: it has not begun."""
    AWAITING_PAYMENT = "awaiting_payment"
    """The provider does not accept its first payment for now: it has not begun."""


@dataclass(frozen=True)
class Suspension:
    """A suspension, and what it returns to."""

    kind: SuspensionKind
    since: datetime
    reason: str
    returns_to: Status
    cancel_at: datetime | None = None
    """When it ends the subscription, unless the recovery ladder decides that."""
    access: Access = Access.FULL
    """The access it returns to, if a payment is still owed then."""


@dataclass(frozen=True)
class Recovery:
    """The recovery of a failed payment."""

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
    """The open invoice; empty if the conversion failed."""
    period_end: datetime | None = None
    """The end of the invoice's period."""
    rungs: tuple[datetime, ...] = ()
    """When each step of the ladder is due, within the customer's contact hours; empty: counted from `since`."""
    ladder: tuple[LadderStep, ...] = ()
    """The ladder it began with, if the policy has changed since; empty: the policy's."""
    amount_due: int | None = None
    """The amount due on the latest attempted invoice, in minor units of `currency`; None: there is no invoice."""
    currency: str = ""
    asked: tuple[str, ...] = ()
    """The latest commands whose attempt required confirmation on the open invoice's page."""


@dataclass(frozen=True)
class PendingChange:
    """A plan change scheduled for the end of the paid period."""

    to: Selection
    at: datetime
    asked_at: datetime


@dataclass(frozen=True)
class Pause:
    """A pause at the customer's request."""

    since: datetime
    resumes_at: datetime | None = None
    """None: when the customer resumes it."""
    counts: bool = False
    """It counts as recurring revenue meanwhile, as the policy said when it began."""


@dataclass(frozen=True)
class Dispute:
    """A payment that the customer's bank has provisionally taken back."""

    ref: str
    since: datetime
    access: Access
    """The access before."""


class NoticeKind(StrEnum):
    """What a customer is notified of ahead of a renewal."""

    CARD_EXPIRING = "card_expiring"
    RENEWAL_AHEAD = "renewal_ahead"


@dataclass(frozen=True)
class Notice:
    """A notice to send ahead of a renewal."""

    kind: NoticeKind
    days: int
    """Before the renewal."""
    at: datetime


@dataclass(frozen=True)
class Blocked:
    """A step that an external system refuses or does not respond to; it is retried until it succeeds."""

    since: datetime
    action: str
    """The blocked action (`domain.subscription.agenda.Action`), or one of `domain.subscription.blocked_steps`."""
    code: str
    """The code of the refusal."""
    why: str
    next_try: datetime
    refusals: int = 0
    """How often it was refused, not counting unanswered attempts. It is part of the next attempt's key."""


@dataclass(frozen=True)
class UnreportedEnd:
    """An end that the provider has not accepted yet; it is retried until it does."""

    since: datetime
    invoice_ref: str = ""
    """The open invoice that is no longer owed."""
    confirmation: Confirmation | None = None
    """A payment that awaited confirmation, and must no longer be taken."""


@dataclass(frozen=True)
class Subscription:
    """The state of one customer's subscription. Holds ids, never a name or an address."""

    id: str
    tenant: str
    customer: str
    plan: str
    plan_name: str
    interval: Interval
    quantity: int
    items: tuple[Item, ...]
    amount: int
    """The price of one period, in minor units of `currency`."""
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
    """Since when the card is on file; one from an earlier checkout does not replace it."""
    paying_card: str = ""
    """The payment method that has paid instead of the card on file, and is to come on file; empty: there is none."""
    barred_card: str = ""
    """The card with the last hard decline outside a recovery."""
    period_start: datetime | None = None
    period_end: datetime | None = None
    ask_at: datetime | None = None
    """When to check the provider about the renewal if no event arrives."""
    settled_invoice: str = ""
    """The latest invoice that nothing is owed of: it was paid or waived."""
    waived_invoices: tuple[str, ...] = ()
    """The latest invoices that were written off and not paid since: the provider still takes money for them."""
    is_held: bool = False
    """Whether we put billing on hold at the provider."""
    paused_at_provider: str = ""
    """Why the agreement is paused at the provider by somebody else; empty: it is not, or not reported."""
    owes_new_period: bool = False
    """A new period must be begun, after a hold that outlasted the paid period."""
    cancel_at: datetime | None = None
    cancel_reason: str = ""
    """The comment given with the cancellation."""
    undone_end: datetime | None = None
    """When the latest cancellation would have taken effect, which the customer has undone; None: there is none."""
    end_kind: EndKind | None = None
    """Why it will end or has ended; None: not ending, or ended before this was stored."""
    reason_code: str = ""
    """One of `ReasonCode`, if the customer stated a reason."""
    suspension: Suspension | None = None
    recovery: Recovery | None = None
    charge_tries: int = 0
    """Charge attempts so far; the next one's idempotency key contains its number."""
    recent_tries: tuple[datetime, ...] = ()
    free_plan: Selection | None = None
    """The free plan to fall back to, if the catalog has one."""
    pending_change: PendingChange | None = None
    pause: Pause | None = None
    dispute: Dispute | None = None
    other_disputes: tuple[str, ...] = ()
    """The other disputes that are open: once `dispute` is decided, the first of them takes its place."""
    known_reversals: tuple[str, ...] = ()
    """The latest refunds and disputes that were processed, with their state."""
    notices: tuple[Notice, ...] = ()
    """The scheduled notices before the next renewal."""
    noticed_for: str = ""
    """Identifies what the notices were scheduled for."""
    begins_own_period: bool = False
    """We begin the next period, at `period_end`: since a pause, the provider's periods differ."""
    agreement_is_stale: bool = False
    """The agreement still has the items from before a plan change; the next period corrects that."""
    billing_anchor: datetime | None = None
    """Our billing anchor; None: not stored yet, so it is derived from the provider's periods."""
    agreement_anchor: datetime | None = None
    """The provider's billing anchor as last reported; None: not stored yet."""
    sets_billing_day: bool = False
    """The next period sets the billing day: access was off when it was due."""
    given_back_seconds: int = 0
    """How far pauses have moved the end of the paid period."""
    paused_seconds: int = 0
    """Time of pauses below whole days that has not been given back yet."""
    catalog: str = ""
    """The catalog of its plan, whose entitlements it keeps; empty: begun before this was stored."""
    lost_agreement: str = ""
    """The agreement that ended when the provider deleted the customer; its paid period continues to its end."""
    blocked: Blocked | None = None
    """The step that has been blocked longest; None: nothing is blocked."""
    also_blocked: tuple[Blocked, ...] = ()
    """Other blocked steps, each with its own `since` and count."""
    untold_end: UnreportedEnd | None = None
    """Set while the provider still has to end the agreement: immediately if it is over, else with the paid period."""
    confirmation: Confirmation | None = None
    """The payment that waits for the customer to confirm it with their bank."""
    confirmed: tuple[str, ...] = ()
    """The latest commands whose waiting payment was confirmed."""
    unconfirmed: tuple[str, ...] = ()
    """The latest commands whose waiting payment was not confirmed."""
    unheard_tries: tuple[UnansweredAttempt, ...] = ()
    """Charge attempts that the provider has not answered, with unknown outcome."""
    unheard_change: UnansweredChange | None = None
    """The plan change that the provider has not answered, or the bank not decided; None: there is none."""

    @property
    def selection(self) -> Selection:
        """The customer's choice with its price."""
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
        """Returns a new subscription in which nothing has happened yet."""
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
        """Returns the subscription with another selection, without taking a step."""
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
        """True if the customer's plan is never billed."""
        return not self.items

    @property
    def is_over(self) -> bool:
        return self.status is Status.CANCELED

    @property
    def bills_overage_at_end(self) -> bool:
        """True if its end is followed by a last invoice, of what was used beyond the limit."""
        is_unpaid = self.recovery is not None or self.end_kind is EndKind.NONPAYMENT
        is_billed = bool(self.agreement_ref) and not self.trial_is_elsewhere and not is_unpaid
        return is_billed and any(item.quantity == 0 for item in self.items)

    @property
    def end(self) -> End | None:
        """How it ended; None: it has not ended."""
        if not self.is_over:
            return None
        if self.end_kind is None:
            return End.of_before(self.status_reason)
        return End(self.end_kind, self.cancel_reason, self.reason_code)

    @property
    def next_attempt_key(self) -> str:
        """The key of the next charge attempt: the same if it is repeated, new for a new attempt."""
        return f"{self.id}/charge/{self.charge_tries + 1}"

    def is_due_for_renewal(self, now: datetime) -> bool:
        """True if the paid period is over and the outcome of the renewal is not known yet."""
        bills_on = self.status is Status.ACTIVE and bool(self.agreement_ref)
        return bills_on and self.period_end is not None and self.period_end <= now

    @property
    def trial_is_elsewhere(self) -> bool:
        """True while an adopted trial also runs at the provider: until it has ended there, we bill nothing."""
        return self.status is Status.TRIALING and bool(self.agreement_ref)

    def allows(self, event: Event) -> bool:
        return (self.status, event) in TRANSITIONS

    def after(self, event: Event, **changes: Any) -> Self:
        """Returns the subscription one step later.

        Raises:
            Rejected: *event* cannot happen in this status.
        """
        try:
            status = TRANSITIONS[self.status, event]
        except KeyError:
            raise Rejected(f"{event} cannot happen while {self.status}", code="transition_rejected") from None
        return replace(self, status=status, sequence=self.sequence + 1, **changes)

    def with_attempt(self, now: datetime) -> Self:
        """Returns the subscription with another charge attempt counted at *now*."""
        recent = tuple(moment for moment in self.recent_tries if moment > now - timedelta(days=30))
        return replace(self, charge_tries=self.charge_tries + 1, recent_tries=(*recent, now))

    def may_attempt(self, now: datetime) -> bool:
        """True unless the card networks' limit on attempts within 30 days is reached."""
        return sum(moment > now - timedelta(days=30) for moment in self.recent_tries) < MAX_TRIES_IN_30_DAYS

    @property
    def card_is_barred(self) -> bool:
        """True while the card on file is the one with the last hard decline."""
        if self.card is None:
            return False
        declined = self.recovery
        barred = declined.card_ref if declined is not None and declined.decline.is_hard else self.barred_card
        return bool(barred) and self.card.ref == barred

    @property
    def has_chargeable_card(self) -> bool:
        """True if a card is on file that may be charged."""
        return self.card is not None and not self.card_is_barred

    @property
    def wants_hold(self) -> bool:
        """True when the provider must not bill another period: one is owed, access is off, or we begin the next."""
        is_stopped = self.status in (Status.PAST_DUE, Status.SUSPENDED, Status.PAUSED) or self.dispute is not None
        next_is_ours = self.pending_change is not None or self.begins_own_period or self.agreement_is_stale
        return bool(self.agreement_ref) and (is_stopped or next_is_ours)
