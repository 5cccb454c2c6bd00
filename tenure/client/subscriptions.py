"""What Tenure says of customers, their subscriptions and what is for sale."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tenure.client.entitlements import PlanRef, Value


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
    interval: str = "month"
    quantity: int = 1
    add_ons: Mapping[str, int] = field(default_factory=dict)
    amount: int = 0
    currency: str = ""


@dataclass(frozen=True)
class Subscription:
    """A subscription as it stands, and what happens to it next."""

    id: str
    customer: Subscriber
    plan: str
    status: str
    access: str
    plan_name: str = ""
    interval: str = "month"
    quantity: int = 1
    add_ons: Mapping[str, int] = field(default_factory=dict)
    amount: int = 0
    currency: str = ""
    status_reason: str = ""
    trial_ends_at: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    cancel_at: datetime | None = None
    resumes_at: datetime | None = None
    pending_change: Change | None = None
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
    value: Value = None
    excess: int | None = None


@dataclass(frozen=True)
class QuoteLine:
    """One line of the bill that a change would bring about."""

    text: str
    amount: int


@dataclass(frozen=True)
class Preview:
    """What a change would bill, and when; nothing has changed."""

    change: Change
    when: str
    due_now: int
    currency: str
    next_amount: int
    lines: tuple[QuoteLine, ...] = ()
    next_at: datetime | None = None
    exact_until: datetime | None = None
    misfits: tuple[Misfit, ...] = ()
    """What of current use would not fit; with any, the change is refused."""


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


@dataclass(frozen=True)
class Price:
    """Minor units: 4900 usd is forty-nine dollars."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Plan:
    """One plan; without prices it is free."""

    code: str
    name: str
    description: str = ""
    trial_days: int = 0
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By interval: month, year."""
    entitlements: Mapping[str, Any] = field(default_factory=dict)
    """What it gives of each feature, as Tenure tells it."""
    overage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def monthly_amount(self) -> float:
        """About what a month of it costs; of a plan sold by the year alone, a twelfth."""
        if "month" in self.prices or not self.prices:
            return self.prices["month"].amount if self.prices else 0
        return min(price.amount for price in self.prices.values()) / 12


@dataclass(frozen=True)
class AddOn:
    """Something sold by the unit on top of a plan."""

    code: str
    name: str
    prices: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True)
class Plans:
    """Everything for sale."""

    product: str
    version: int
    currency: str
    data: tuple[Plan, ...]
    add_ons: tuple[AddOn, ...] = ()
    features: Any = None
    """What plans differ in, as Tenure tells it."""
    stale: bool = False
    """Known from before, as Tenure could not be asked."""

    def __getitem__(self, code: str) -> Plan:
        found = next((plan for plan in self.data if plan.code == code), None)
        if found is None:
            raise KeyError(code)
        return found

    def reaches(self, code: str, wanted: str) -> bool:
        """Whether plan *code* is *wanted* or dearer; a plan that is for sale no more is nothing but itself."""
        known = {plan.code: (plan.monthly_amount, place) for place, plan in enumerate(self.data)}
        return code == wanted or (code in known and wanted in known and known[code] >= known[wanted])


@dataclass(frozen=True)
class Comparison:
    """Two plans side by side; to be filled in."""


@dataclass(frozen=True)
class Suggested:
    """To be filled in."""
