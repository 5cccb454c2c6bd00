"""Customers and subscriptions as Tenure returns them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.entitlements import PlanRef
from tenure.client.values import Access, ChangeAt, EndKind, Interval, ReasonCode, Status


@dataclass(frozen=True)
class Person:
    """A customer who signs up; `external_id` is your own id for them."""

    external_id: str
    email: str
    name: str | None = None
    timezone: str | None = None
    """Such as `Europe/London`: mails are sent during the day in this zone."""
    locale: str | None = None


@dataclass(frozen=True)
class Subscriber:
    """The customer of a subscription."""

    external_id: str
    id: str = ""
    email: str = ""
    name: str | None = None
    timezone: str = ""
    locale: str = ""


@dataclass(frozen=True)
class NextAction:
    """Something that will happen if nobody intervenes."""

    at: datetime
    action: str
    why: str = ""


@dataclass(frozen=True)
class Change:
    """What a subscription changes to."""

    plan: str
    plan_name: str = ""
    at: datetime | None = None
    interval: Interval = "month"
    quantity: int = 1
    add_ons: Mapping[str, int] = field(default_factory=dict)
    amount: int = 0
    currency: str = ""


@dataclass(frozen=True)
class PendingConfirmation:
    """A payment that the customer still has to confirm with their bank."""

    action: str
    confirmation_url: str
    """The page on which the customer confirms."""
    expires_at: datetime


@dataclass(frozen=True)
class Blocked:
    """A step that waits for the payment provider or an operator; it is retried."""

    since: datetime
    action: str
    code: str = ""
    why: str = ""
    next_try: datetime | None = None


@dataclass(frozen=True)
class Card:
    """The card on file."""

    brand: str
    last4: str = ""
    exp_month: int = 0
    exp_year: int = 0


@dataclass(frozen=True)
class Recovery:
    """A payment that has failed and is being recovered."""

    since: datetime
    tries: int
    decline_code: str = ""
    next_try_at: datetime | None = None
    """When the card is tried again; None: not by itself."""
    pay_url: str | None = None
    """The page on which the customer can pay the open invoice."""


@dataclass(frozen=True)
class Suspension:
    """Why access is off."""

    kind: str
    since: datetime
    cancel_at: datetime | None = None
    """When it ends the subscription, unless a recovery decides that."""


@dataclass(frozen=True)
class Pause:
    """A pause that the customer has asked for."""

    since: datetime
    resumes_at: datetime | None = None
    """None: when the customer resumes it."""


@dataclass(frozen=True)
class Dispute:
    """A payment that the customer's bank has taken back until it decides."""

    id: str
    since: datetime


@dataclass(frozen=True)
class Subscription:
    """The current state of a subscription, and what happens next."""

    id: str
    customer: Subscriber
    plan: str
    status: Status
    access: Access
    plan_name: str = ""
    interval: Interval = "month"
    quantity: int = 1
    add_ons: Mapping[str, int] = field(default_factory=dict)
    amount: int = 0
    currency: str = ""
    status_reason: str = ""
    end_kind: EndKind | None = None
    """What has ended it, or will at `cancel_at`."""
    reason_code: ReasonCode | None = None
    """Why the customer leaves, if given."""
    trial_ends_at: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    cancel_at: datetime | None = None
    resumes_at: datetime | None = None
    pending_change: Change | None = None
    blocked: Blocked | None = None
    """None: nothing is blocked."""
    pending_confirmation: PendingConfirmation | None = None
    """None: no payment waits for confirmation."""
    next_actions: tuple[NextAction, ...] = ()
    card: Card | None = None
    recovery: Recovery | None = None
    suspension: Suspension | None = None
    pause: Pause | None = None
    dispute: Dispute | None = None
    cancel_comment: str | None = None
    """What was written with the cancellation; `subscription` alone has it, for keys of role operator or admin."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True)
class SubscriptionPage:
    """One page of subscriptions, newest first."""

    data: tuple[Subscription, ...]
    next_cursor: str | None = None
    """None: this is the last page."""


@dataclass(frozen=True)
class Trial:
    """Whether the customer may start a trial, and if not, why."""

    eligible: bool
    reason: str | None = None


@dataclass(frozen=True)
class Customer:
    """A customer, their plan and their subscription: the live one, else the last."""

    external_id: str
    plan: PlanRef | None
    basis: str
    id: str = ""
    email: str = ""
    name: str | None = None
    timezone: str = ""
    locale: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    subscription: Subscription | None = None
    trial: Trial | None = None


@dataclass(frozen=True)
class LatestSubscription:
    """A listed customer's subscription: the live one, else the last."""

    id: str
    status: Status
    plan: str


@dataclass(frozen=True)
class ListedCustomer:
    """A customer in a list."""

    external_id: str
    id: str = ""
    email: str = ""
    name: str | None = None
    timezone: str = ""
    locale: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    subscription: LatestSubscription | None = None


@dataclass(frozen=True)
class CustomerPage:
    """One page of customers, newest first."""

    data: tuple[ListedCustomer, ...]
    next_cursor: str | None = None
    """None: this is the last page."""


@dataclass(frozen=True)
class Misfit:
    """Current usage that a plan's limit does not allow."""

    feature: str
    used: int
    name: str = ""
    limit: int | None = None
    """The limit of the new plan."""
    excess: int | None = None
    window: str | None = None
    detail: str = ""
    """An explanation, with what to do."""


@dataclass(frozen=True)
class QuoteLine:
    """One line of the invoice that a change would cause."""

    text: str
    amount: int


@dataclass(frozen=True)
class Preview:
    """What a change would bill, and when; nothing is changed."""

    change: Change
    when: ChangeAt
    due_now: int
    currency: str
    next_amount: int
    lines: tuple[QuoteLine, ...] = ()
    next_at: datetime | None = None
    exact_until: datetime | None = None
    misfits: tuple[Misfit, ...] = ()
    """Current usage that would not fit; if there is any, the change is refused."""
    replaces: Change | None = None
    """The planned change that this one would replace."""
    credit_applied: int = 0
    """Minor units of the immediate invoice that existing credit pays."""
    carried_to_next: int = 0
    """Minor units carried over to the next invoice; negative: a credit on it."""
    preview_at: datetime | None = None
    """When this was previewed: give it with `expected_due` to `change_plan`."""


@dataclass(frozen=True)
class CancellationPreview:
    """What a cancellation would do; nothing is changed."""

    ends_at: datetime
    """When access ends."""
    loses_paid_days: int = 0
    """Whole days that were paid for and would be lost."""
    voids_invoice: str | None = None
    """The open invoice that would be voided."""
    undo_until: datetime | None = None
    """Until when `uncancel` can undo it; None: it takes effect at once."""


@dataclass(frozen=True)
class Checkout:
    """Send the customer to `url`, where they enter a card, or buy a subscription."""

    url: str
    subscription: str
    """Of a purchase: the id that the subscription will have."""
    expires_at: datetime | None = None
    """Until when a purchase can be completed; None: the page is not for a purchase."""


@dataclass(frozen=True)
class BillingSession:
    """Send the customer to `url` before `expires_at`: it can be used once, and opens their billing pages."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Banner:
    """The one thing to say to a customer now, in their language."""

    kind: str
    tone: str
    """calm, warning or urgent."""
    title: str
    text: str
    """One or two sentences; may be empty."""
    flow: str | None = None
    """The billing page on which the customer can act; pass it to `billing_session`."""
    action: str | None = None
    """What that page does, for a button."""
    url: str | None = None
    """That page without a login, for this customer alone: anyone who has it can do what the page does."""
    html: str = ""
    """The same as a piece of HTML, without script and style."""


@dataclass(frozen=True)
class CustomerBanner:
    """What to say to a customer now; None: nothing."""

    banner: Banner | None = None


@dataclass(frozen=True)
class Portal:
    """Send the customer to `url`, where they see their invoices and manage their card."""

    url: str
    customer: str
