"""What Tenure says of customers and their subscriptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.entitlements import PlanRef
from tenure.client.values import Access, ChangeAt, Interval, Status


@dataclass(frozen=True)
class Person:
    """Who signs up; known by `external_id`, your own id for them."""

    external_id: str
    email: str
    name: str | None = None
    timezone: str | None = None
    """As `Europe/London`: mails go out in this zone's day."""
    locale: str | None = None


@dataclass(frozen=True)
class Subscriber:
    """Whose subscription it is."""

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
    """What a subscription will be to."""

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
    """A payment that the customer still has to confirm to their bank."""

    action: str
    confirmation_url: str
    """The page on which the customer confirms."""
    expires_at: datetime


@dataclass(frozen=True)
class Blocked:
    """A step that waits for the payment provider, or for an operator; it is tried again."""

    since: datetime
    action: str
    code: str = ""
    why: str = ""
    next_try: datetime | None = None


@dataclass(frozen=True)
class Subscription:
    """A subscription as it stands, and what happens to it next."""

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
    end_kind: str | None = None
    """What has ended it, or will at `cancel_at`: `customer`, `operator`, `nonpayment`, …"""
    reason_code: str | None = None
    trial_ends_at: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    cancel_at: datetime | None = None
    resumes_at: datetime | None = None
    pending_change: Change | None = None
    blocked: Blocked | None = None
    """None: all goes on."""
    pending_confirmation: PendingConfirmation | None = None
    """None: nothing waits for the customer's bank."""
    next_actions: tuple[NextAction, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True)
class Trial:
    """Whether a trial may begin, and if not, why."""

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
class Misfit:
    """Something in use for which a plan has no room."""

    feature: str
    used: int
    name: str = ""
    limit: int | None = None
    """What there would be."""
    excess: int | None = None
    window: str | None = None
    detail: str = ""
    """The same in words, and what to do."""


@dataclass(frozen=True)
class QuoteLine:
    """One line of the bill that a change would bring about."""

    text: str
    amount: int


@dataclass(frozen=True)
class Preview:
    """What a change would bill, and when; nothing has changed."""

    change: Change
    when: ChangeAt
    due_now: int
    currency: str
    next_amount: int
    lines: tuple[QuoteLine, ...] = ()
    next_at: datetime | None = None
    exact_until: datetime | None = None
    misfits: tuple[Misfit, ...] = ()
    """What of current use would not fit; with any, the change is refused."""
    replaces: Change | None = None
    """The planned change that would no longer take place."""
    credit_applied: int = 0
    """Minor units of what is billed at once that earlier credit pays."""
    carried_to_next: int = 0
    """Minor units of it that are left to the next bill; negative: a credit for it."""


@dataclass(frozen=True)
class Checkout:
    """Send the customer to `url`, where they give a card."""

    url: str
    subscription: str


@dataclass(frozen=True)
class Portal:
    """Send the customer to `url`, where they find their bills and look after their card."""

    url: str
    customer: str
