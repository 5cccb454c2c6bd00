"""What a customer is entitled to at a moment: by which plan, and how much of each feature."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.access import Basis
from domain.catalog.features import Feature, FeatureKind, UsageWindow, Value
from domain.catalog.plans import Catalog, Interval

NOTHING_OF: Mapping[FeatureKind, Value] = {
    FeatureKind.SWITCH: False,
    FeatureKind.NUMBER: 0,
    FeatureKind.LEVEL: "",
    FeatureKind.SET: (),
    FeatureKind.RATE: 0,
}
"""The value of a feature that is not granted."""


@dataclass(frozen=True)
class EntitlementBasis:
    """What a customer's entitlements derive from, as one database query returns it."""

    moment: datetime
    """The database's clock."""
    basis: Basis
    customer_id: str | None = None
    """Our id; None: nobody with this external id ever signed up."""
    subscription: str | None = None
    """The live one, else the latest."""
    status: str | None = None
    access: str | None = None
    own_plan: str | None = None
    """The chosen plan, whatever it entitles to now."""
    plan: str | None = None
    """The plan that entitles; None: nothing does."""
    catalog: str | None = None
    """The catalog of that plan; while nothing entitles, the catalog by which usage is counted."""
    revision: int | None = None
    """The published revision of that catalog; None: it was never published."""
    add_ons: Mapping[str, int] = field(default_factory=dict)
    quantity: int = 1
    period_start: datetime | None = None
    period_end: datetime | None = None
    is_billed: bool = False
    """Whether overage can be billed: paid by an agreement, and neither suspended nor over."""
    by_use: tuple[str, ...] = ()
    """Names of the agreement's usage-based prices."""
    billed_every: Interval | None = None
    """None: nothing is billed."""

    def bills(self, price: str) -> bool:
        """True if the agreement has the usage price of this name, in any version: customers keep an old one."""
        return self.is_billed and any(name.startswith(f"{price}_{self.billed_every}_v") for name in self.by_use)


@dataclass(frozen=True)
class Granted:
    """A customer's value for one feature."""

    feature: Feature
    value: Value
    """Includes add-ons and seats."""

    @property
    def is_given(self) -> bool:
        """True if the customer has any of it."""
        if self.feature.kind is FeatureKind.NUMBER:
            return self.value is None or self.value != 0
        return bool(self.value)

    def allows(self, wanted: int | str | None = None) -> bool:
        """True if it covers *wanted*: this many, this rate factor, at least this level, or this value of a set."""
        if wanted is None or not self.is_given:
            return self.is_given
        match self.feature.kind, self.value:
            case FeatureKind.NUMBER, None:
                return True
            case FeatureKind.NUMBER | FeatureKind.RATE, int(number):
                return isinstance(wanted, int) and wanted <= number
            case FeatureKind.LEVEL, str(level):
                order = self.feature.values
                return wanted in order and order.index(str(wanted)) <= order.index(level)
            case FeatureKind.SET, tuple(some):
                return wanted in some
        return True


def granted(catalog: Catalog, plan: str, feature: str, add_ons: Mapping[str, int], quantity: int) -> Granted | None:
    """Returns a plan's value for a feature with these add-ons and seats; None: the catalog has no such feature."""
    declared = catalog.features.get(feature)
    if declared is None:
        return None
    known = catalog.plans.get(plan)
    value = known.entitlements.get(feature, NOTHING_OF[declared.kind]) if known else NOTHING_OF[declared.kind]
    if declared.kind is FeatureKind.NUMBER and isinstance(value, int):
        value = value * quantity if declared.per_unit else value
        value += sum(
            units * catalog.add_ons[code].adds.get(feature, 0)
            for code, units in add_ons.items()
            if code in catalog.add_ons
        )
    return Granted(declared, value)


def all_granted(catalog: Catalog, plan: str, add_ons: Mapping[str, int], quantity: int) -> dict[str, Granted]:
    """Returns a plan's values for every feature of its catalog, by feature."""
    found = {code: granted(catalog, plan, code, add_ons, quantity) for code in catalog.features}
    return {code: one for code, one in found.items() if one is not None}


def is_gauge(feature: Feature) -> bool:
    """True if it measures the current amount, not usage over a window."""
    return feature.window is UsageWindow.GAUGE
