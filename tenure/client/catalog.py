"""Plans, add-ons and features as Tenure returns them."""

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
    """The hard limit in percent; None: usage is never refused."""
    grace_days: int = 0
    status: int = 429


@dataclass(frozen=True)
class Feature:
    """A feature that plans include in different amounts."""

    code: str
    name: str
    kind: str
    values: tuple[str, ...] = ()
    """Of a level, from lowest to highest, or of a set."""
    window: str | None = None
    meter: str | None = None
    per_unit: bool = False
    limits: Limits | None = None


@dataclass(frozen=True)
class PlanEntitlement:
    """A plan's entitlement to one feature."""

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
    """By feature."""
    overage: Mapping[str, Overage] = field(default_factory=dict)
    """By feature, the price of usage beyond its limit."""
    upgrades_to: tuple[str, ...] | None = None
    hidden: bool = False
    """True if it is not for sale: those who have it keep it."""

    @property
    def monthly_amount(self) -> float:
        """Approximate monthly price; a twelfth of the yearly price if sold by the year only."""
        if "month" in self.prices or not self.prices:
            return self.prices["month"].amount if self.prices else 0
        return min(price.amount for price in self.prices.values()) / 12


@dataclass(frozen=True)
class AddOn:
    """Something sold per unit on top of a plan."""

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
    """The features in display order."""
    stale: bool = False
    """From the cache, because Tenure could not be reached."""

    def __getitem__(self, code: str) -> Plan:
        found = next((plan for plan in self.data if plan.code == code), None)
        if found is None:
            raise KeyError(code)
        return found

    def reaches(self, code: str, wanted: str) -> bool:
        """True if plan *code* is *wanted* or more expensive; a plan no longer for sale matches only itself."""
        known = {plan.code: (plan.monthly_amount, place) for place, plan in enumerate(self.data)}
        return code == wanted or (code in known and wanted in known and known[code] >= known[wanted])


@dataclass(frozen=True)
class ComparedPrice:
    """The prices of two plans for one interval; None: not sold for it."""

    interval: Interval
    before: Price | None = field(default=None, metadata={"said": "from"})
    after: Price | None = field(default=None, metadata={"said": "to"})
    difference: int | None = None
    currency: str = ""


@dataclass(frozen=True)
class ComparedFeature:
    """One feature in two plans; a number of None means unlimited."""

    feature: str
    name: str = ""
    kind: str = ""
    window: str | None = None
    before: Value = field(default=None, metadata={"said": "from"})
    after: Value = field(default=None, metadata={"said": "to"})
    change: str = ""
    """How `after` compares with `before`."""


@dataclass(frozen=True)
class Comparison:
    """Two plans side by side."""

    before: PlanRef = field(metadata={"said": "from"})
    after: PlanRef = field(metadata={"said": "to"})
    prices: tuple[ComparedPrice, ...] = ()
    features: tuple[ComparedFeature, ...] = ()


@dataclass(frozen=True)
class Suggested:
    """What to buy for a wanted usage."""

    feature: str
    enough: bool
    """True if the current plan allows it."""
    customer: str | None = None
    plan: PlanRef | None = None
    basis: str = ""
    quantity: int | None = None
    value: str | None = None
    plans: tuple[PlanRef, ...] = ()
    """Plans that allow it without add-ons."""
    cheapest: Suggestion | None = None
    """The cheapest option; None: nothing allows it."""
    upgrades: tuple[Suggestion, ...] = ()
    """What this customer can change to or add; best first."""
