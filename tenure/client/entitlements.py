"""What Tenure says of entitlements and use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.values import Access, EventAction, EventOutcome, Interval, Level, Status

Value = bool | int | str | tuple[str, ...] | None
"""What a plan gives of a feature: a switch, a number (None: unlimited), a level or a set."""


@dataclass(frozen=True)
class PlanRef:
    """A plan by its code."""

    code: str
    name: str = ""
    catalog: str = ""


@dataclass(frozen=True)
class SubscriptionRef:
    """The subscription that entitles, or the last there was."""

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
    """So many more of the add-on."""
    add_ons: Mapping[str, int] = field(default_factory=dict)
    """Units that it takes besides the plan."""
    interval: Interval = "month"
    amount: int = 0
    """Minor units: what a period costs then, or what these units cost."""
    currency: str = ""
    price_difference: int | None = None
    """Minor units a period more than now; None: what is paid now is billed by another interval."""
    limit: int | None = None
    unlimited: bool = False
    value: Value = None


@dataclass(frozen=True)
class Overage:
    """What use beyond a limit costs: so much for so many units."""

    amount: int
    currency: str
    units: int = 1
    at_most: int | None = None
    """Units beyond the limit at which use is refused all the same."""


@dataclass(frozen=True)
class Standing:
    """By what a customer is entitled to anything."""

    customer: str
    plan: PlanRef | None
    """None: nothing entitles them."""
    basis: str
    """plan, no_new_use, free_plan or nothing"""
    subscription: SubscriptionRef | None = None
    stale: bool = False
    """Known from before, as Tenure could not be asked."""

    @property
    def is_subscribed(self) -> bool:
        """Whether a subscription lets them in, be it in full or limited."""
        of = self.subscription
        return of is not None and of.status in ("trialing", "active", "past_due") and of.access in ("full", "limited")


@dataclass(frozen=True)
class Entitlement:
    """What a customer has of one feature; `customer` to `stale` are known when it was asked for by itself."""

    feature: str
    kind: str
    """switch, number, level, set or rate"""
    allowed: bool
    """Whether what was asked for may be done now."""
    name: str = ""
    reason: str | None = None
    """Why not: feature_not_in_plan, limit_reached, no_plan or access_limited."""
    detail: str | None = None
    """The same in words."""
    limited_by: str | None = None
    """The feature that stands in the way, if it is another one of the same meter."""
    value: Value = None
    unlimited: bool = False
    limit: int | None = None
    used: int | None = None
    remaining: int | None = None
    percent: int | None = None
    level: Level | None = None
    """How close usage is to the limit; None: there is no limit."""
    window: str | None = None
    """Over which time it is counted; gauge: how much there is now; None: it is not counted."""
    resets_at: datetime | None = None
    grace_ends_at: datetime | None = None
    overage: Overage | None = None
    """What use beyond the limit costs; None: it is not sold."""
    plans: tuple[PlanRef, ...] = ()
    """That have what was asked for; where it may not be used, that would allow it."""
    available: tuple[str, ...] = ()
    """Of a set or a level: what there is now."""
    upgrades: tuple[Suggestion, ...] = ()
    customer: str = ""
    plan: PlanRef | None = None
    basis: str = ""
    subscription: SubscriptionRef | None = None
    stale: bool = False
    """Known from before, as Tenure could not be asked."""

    @property
    def is_counted(self) -> bool:
        return self.window is not None


@dataclass(frozen=True)
class Entitlements(Standing):
    """All that a customer is entitled to, by feature."""

    entitlements: Mapping[str, Entitlement] = field(default_factory=dict)

    def __getitem__(self, feature: str) -> Entitlement:
        return self.entitlements[feature]

    def allows(self, feature: str) -> bool:
        """Whether there is such a feature and the customer may use it now."""
        found = self.entitlements.get(feature)
        return found is not None and found.allowed


@dataclass(frozen=True)
class FeatureUsage:
    """How much of one feature is used in the period that runs."""

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
    """A use that was let pass, a release or a setting, and where the customer stands after it."""

    feature: str
    customer: str = ""
    meter: str | None = None
    quantity: int = 1
    key: str = ""
    """What names it: the same under the same key is counted once."""
    repeated: bool = False
    """It was counted before, and not again now."""
    allowed: bool = True
    plan: PlanRef | None = None
    basis: str = ""
    used: int | None = None
    """None: it is not counted, only answered."""
    limit: int | None = None
    unlimited: bool = False
    remaining: int | None = None
    percent: int | None = None
    level: Level | None = None
    window: str | None = None
    resets_at: datetime | None = None
    grace_ends_at: datetime | None = None
    hint: str | None = None
    """What to tell the customer as they come near the limit."""
    upgrades: tuple[Suggestion, ...] = ()
    limits: tuple[FeatureUsage, ...] = ()
    """One for each feature that was used up, as posts a day and posts a week."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """`RateLimit` and `RateLimit-Policy`, to be passed on as they are."""

    @property
    def is_gauge(self) -> bool:
        """Whether it is in use until it is released."""
        return self.window == "gauge"


@dataclass(frozen=True)
class Released:
    """A use of a counter that was given back."""

    released: int
    """So much was taken off; 0 where an operator has had it count from 0 since."""
    used: int
    """In the period, when it was given back."""


@dataclass(frozen=True)
class Event:
    """Something that was used, released or set; `key` names it once and for all."""

    customer: str
    meter: str
    quantity: int
    key: str
    at: datetime | None = None
    """When; None: now."""
    action: EventAction = "record"


@dataclass(frozen=True)
class Recorded:
    """What became of one event."""

    outcome: EventOutcome
    key: str = ""
    customer: str = ""
    meter: str = ""
    plan: PlanRef | None = None
    """None: nothing entitles the customer, or the event made no sense."""
    basis: str | None = None
    code: str | None = None
    """Why it was refused."""
    detail: str | None = None
    used: int | None = None
    limit: int | None = None
    level: Level | None = None


@dataclass(frozen=True)
class Batch:
    """What became of many events, in their order."""

    counted: int
    repeated: int
    refused: int
    results: tuple[Recorded, ...] = ()


@dataclass(frozen=True)
class Usage:
    """All that is counted for a customer, by feature."""

    customer: str
    plan: PlanRef | None
    basis: str
    usage: Mapping[str, FeatureUsage]


@dataclass(frozen=True)
class PeriodUsage:
    """What was used in one period."""

    starts_at: datetime
    used: int
    ends_at: datetime | None = None


@dataclass(frozen=True)
class DayUsage:
    """Between what a gauge moved on one day."""

    day: str
    lowest: int
    highest: int
    latest: int


@dataclass(frozen=True)
class History:
    """Use of one feature in periods past, for charts."""

    customer: str
    feature: str
    plan: PlanRef | None = None
    basis: str = ""
    window: str | None = None
    periods: tuple[PeriodUsage, ...] = ()
    days: tuple[DayUsage, ...] = ()
