"""What Tenure says of what is for sale."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenure.client.entitlements import Overage, PlanRef, Suggestion, Value
from tenure.client.values import Interval


@dataclass(frozen=True)
class Price:
    """Minor units: 4900 usd is forty-nine dollars."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Limits:
    """What happens near a limit, in percent of it."""

    warn: int
    mails: tuple[int, ...] = ()
    hard: int | None = None
    """How far use may go; None: it is never refused."""
    grace_days: int = 0
    status: int = 429


@dataclass(frozen=True)
class Feature:
    """Something that plans differ in."""

    code: str
    name: str
    kind: str
    values: tuple[str, ...] = ()
    """Of a level from the least to the most, or of a set."""
    window: str | None = None
    meter: str | None = None
    per_unit: bool = False
    limits: Limits | None = None


@dataclass(frozen=True)
class PlanEntitlement:
    """What a plan gives of one feature."""

    feature: str
    value: Value
    name: str = ""
    kind: str = ""
    unlimited: bool = False
    window: str | None = None
    per_unit: bool = False
    limits: Limits | None = None
    overage: Overage | None = None


@dataclass(frozen=True)
class Plan:
    """One plan; without prices it is free."""

    code: str
    name: str
    description: str = ""
    trial_days: int = 0
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By interval: month, year."""
    entitlements: Mapping[str, PlanEntitlement] = field(default_factory=dict)
    """By feature, what it gives of each."""
    overage: Mapping[str, Overage] = field(default_factory=dict)
    """By feature, what use beyond its limit costs."""
    upgrades_to: tuple[str, ...] | None = None

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
    adds: Mapping[str, int] = field(default_factory=dict)
    """By feature, what one unit adds to the plan's number."""


@dataclass(frozen=True)
class Plans:
    """Everything for sale."""

    product: str
    version: int
    currency: str
    data: tuple[Plan, ...]
    add_ons: tuple[AddOn, ...] = ()
    features: tuple[Feature, ...] = ()
    """What the plans differ in, in the order to show it."""
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
class ComparedPrice:
    """What two plans cost by one interval; None: not sold by it."""

    interval: Interval
    before: Price | None = field(default=None, metadata={"said": "from"})
    after: Price | None = field(default=None, metadata={"said": "to"})
    difference: int | None = None
    currency: str = ""


@dataclass(frozen=True)
class ComparedFeature:
    """One feature as two plans give it; of numbers None is unlimited."""

    feature: str
    name: str = ""
    kind: str = ""
    window: str | None = None
    before: Value = field(default=None, metadata={"said": "from"})
    after: Value = field(default=None, metadata={"said": "to"})
    change: str = ""
    """What `after` is, seen from `before`."""


@dataclass(frozen=True)
class Comparison:
    """Two plans side by side."""

    before: PlanRef = field(metadata={"said": "from"})
    after: PlanRef = field(metadata={"said": "to"})
    prices: tuple[ComparedPrice, ...] = ()
    features: tuple[ComparedFeature, ...] = ()


@dataclass(frozen=True)
class Suggested:
    """What to take for a wanted use."""

    feature: str
    enough: bool
    """Whether what there is now allows it."""
    customer: str | None = None
    plan: PlanRef | None = None
    basis: str = ""
    quantity: int | None = None
    value: str | None = None
    plans: tuple[PlanRef, ...] = ()
    """That allow it by themselves, without add-ons."""
    cheapest: Suggestion | None = None
    """What allows it for the least money; None: nothing does."""
    upgrades: tuple[Suggestion, ...] = ()
    """What this customer may change to, or add; best first."""
