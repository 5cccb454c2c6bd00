"""Entitlements and usage as Tenure returns them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.values import Access, EventAction, EventOutcome, Interval, Level, Status

Value = bool | int | str | tuple[str, ...] | None
"""A plan's value for a feature: a switch, a number (None: unlimited), a level or a set."""


@dataclass(frozen=True)
class PlanRef:
    """A plan by its code."""

    code: str
    name: str = ""
    catalog: str = ""


@dataclass(frozen=True)
class SubscriptionRef:
    """The subscription that entitles the customer, or their last one."""

    id: str
    status: Status
    access: Access


@dataclass(frozen=True)
class Suggestion:
    """Something to buy that would allow it: a plan, or units of an add-on."""

    name: str
    plan: str | None = None
    """Its code; None: it is an add-on."""
    add_on: str | None = None
    units: int | None = None
    """How many more units of the add-on."""
    add_ons: Mapping[str, int] = field(default_factory=dict)
    """Units needed in addition to the plan."""
    interval: Interval = "month"
    amount: int = 0
    """Minor units: the new price per period, or the price of these units."""
    currency: str = ""
    price_difference: int | None = None
    """Minor units per period more than now; None: the current interval is a different one."""
    limit: int | None = None
    unlimited: bool = False
    value: Value = None


@dataclass(frozen=True)
class Overage:
    """The price of usage beyond a limit: *amount* for every *units*."""

    amount: int
    currency: str
    units: int = 1
    at_most: int | None = None
    """Units beyond the limit at which usage is refused anyway."""


@dataclass(frozen=True)
class Standing:
    """What entitles a customer: plan and subscription."""

    customer: str
    plan: PlanRef | None
    """None: nothing entitles them."""
    basis: str
    """plan, no_new_use, free_plan or nothing"""
    subscription: SubscriptionRef | None = None
    stale: bool = False
    """From the cache, because Tenure could not be reached."""

    @property
    def is_subscribed(self) -> bool:
        """True if a subscription gives access, full or limited."""
        of = self.subscription
        return of is not None and of.status in ("trialing", "active", "past_due") and of.access in ("full", "limited")


@dataclass(frozen=True)
class Entitlement:
    """A customer's entitlement to one feature; `customer` to `stale` are set only by `check`."""

    feature: str
    kind: str
    """switch, number, level, set or rate"""
    allowed: bool
    """True if the requested usage is allowed now."""
    name: str = ""
    reason: str | None = None
    """Why not: feature_not_in_plan, limit_reached, no_plan or access_limited."""
    detail: str | None = None
    """The same in words."""
    refusal_status: int | None = None
    """The HTTP status with which Tenure refuses to count it; None: it is allowed, or Tenure is an older one."""
    retry_at: datetime | None = None
    """When the count that blocks it resets; None: waiting does not help."""
    limited_by: str | None = None
    """The limiting feature, if it is another one of the same meter."""
    value: Value = None
    unlimited: bool = False
    limit: int | None = None
    used: int | None = None
    remaining: int | None = None
    percent: int | None = None
    level: Level | None = None
    """How close usage is to the limit; None: there is no limit."""
    window: str | None = None
    """The period it is counted over; gauge: the amount in use now; None: it is not counted."""
    resets_at: datetime | None = None
    grace_ends_at: datetime | None = None
    overage: Overage | None = None
    """The price of usage beyond the limit; None: it is not sold."""
    plans: tuple[PlanRef, ...] = ()
    """Plans that include it; if it is not allowed, plans that would allow it."""
    available: tuple[str, ...] = ()
    """Of a set or a level: the current values."""
    upgrades: tuple[Suggestion, ...] = ()
    customer: str = ""
    plan: PlanRef | None = None
    basis: str = ""
    subscription: SubscriptionRef | None = None
    stale: bool = False
    """From the cache, because Tenure could not be reached."""

    @property
    def is_counted(self) -> bool:
        return self.window is not None


@dataclass(frozen=True)
class Entitlements(Standing):
    """All entitlements of a customer, by feature."""

    entitlements: Mapping[str, Entitlement] = field(default_factory=dict)

    def __getitem__(self, feature: str) -> Entitlement:
        return self.entitlements[feature]

    def allows(self, feature: str) -> bool:
        """True if the feature exists and the customer may use it now."""
        found = self.entitlements.get(feature)
        return found is not None and found.allowed


@dataclass(frozen=True)
class FeatureUsage:
    """Usage of one feature in the current period."""

    feature: str
    used: int
    name: str = ""
    meter: str = ""
    window: str = ""
    limit: int | None = None
    unlimited: bool = False
    remaining: int | None = None
    percent: int | None = None
    level: Level | None = None
    starts_at: datetime | None = None
    resets_at: datetime | None = None
    grace_ends_at: datetime | None = None


@dataclass(frozen=True)
class Used:
    """An allowed usage, a release or a correction, with the customer's usage after it."""

    feature: str
    customer: str = ""
    meter: str | None = None
    quantity: int = 1
    key: str = ""
    """The idempotency key: a repeat under the same key is counted once."""
    repeated: bool = False
    """It was already counted, and is not counted again."""
    allowed: bool = True
    plan: PlanRef | None = None
    basis: str = ""
    used: int | None = None
    """None: usage of it is not counted."""
    limit: int | None = None
    unlimited: bool = False
    remaining: int | None = None
    percent: int | None = None
    level: Level | None = None
    window: str | None = None
    resets_at: datetime | None = None
    grace_ends_at: datetime | None = None
    hint: str | None = None
    """A text for customers who are close to the limit."""
    upgrades: tuple[Suggestion, ...] = ()
    limits: tuple[FeatureUsage, ...] = ()
    """One for each feature that the usage counts towards, such as posts a day and posts a week."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """`RateLimit` and `RateLimit-Policy`, to pass on unchanged."""

    @property
    def is_gauge(self) -> bool:
        """True if it stays in use until it is released."""
        return self.window == "gauge"


@dataclass(frozen=True)
class Released:
    """Usage of a counter that was given back."""

    released: int
    """The quantity taken off; 0 if an operator has reset the counter since."""
    used: int
    """Usage in the period after giving back."""


@dataclass(frozen=True)
class Event:
    """Something that was used, released or set; `key` is its idempotency key."""

    customer: str
    meter: str
    quantity: int
    key: str
    at: datetime | None = None
    """When; None: now."""
    action: EventAction = "record"


@dataclass(frozen=True)
class Recorded:
    """The result of one event."""

    outcome: EventOutcome
    key: str = ""
    customer: str = ""
    meter: str = ""
    plan: PlanRef | None = None
    """None: nothing entitles the customer, or the event is malformed."""
    basis: str | None = None
    code: str | None = None
    """Why it was refused."""
    detail: str | None = None
    used: int | None = None
    limit: int | None = None
    level: Level | None = None


@dataclass(frozen=True)
class Batch:
    """The results of many events, in their order."""

    counted: int
    repeated: int
    refused: int
    results: tuple[Recorded, ...] = ()


@dataclass(frozen=True)
class Usage:
    """A customer's usage, by feature."""

    customer: str
    plan: PlanRef | None
    basis: str
    usage: Mapping[str, FeatureUsage]


@dataclass(frozen=True)
class PeriodUsage:
    """Usage in one period."""

    starts_at: datetime
    used: int
    ends_at: datetime | None = None


@dataclass(frozen=True)
class DayUsage:
    """The range of a gauge on one day."""

    day: str
    lowest: int
    highest: int
    latest: int


@dataclass(frozen=True)
class History:
    """Usage of one feature in past periods, for charts."""

    customer: str
    feature: str
    plan: PlanRef | None = None
    basis: str = ""
    window: str | None = None
    periods: tuple[PeriodUsage, ...] = ()
    days: tuple[DayUsage, ...] = ()
