"""What a customer is entitled to at a moment: by which plan of which catalog, and how much of each feature."""

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
"""What somebody has of a feature who has nothing of it."""


@dataclass(frozen=True)
class EntitlementBasis:
    """Where a customer stands, as the database tells it in one look."""

    moment: datetime
    """The database's clock."""
    basis: Basis
    customer_id: str | None = None
    """Ours; None: nobody of this external id ever signed up."""
    subscription: str | None = None
    """The live one, else the last there was."""
    status: str | None = None
    access: str | None = None
    own_plan: str | None = None
    """What was chosen, whatever it entitles to now."""
    plan: str | None = None
    """What entitles; None: nothing does."""
    catalog: str | None = None
    """Whose plan that is; while nothing entitles, whose plan what there is is counted by."""
    revision: int | None = None
    """Of that catalog, as published; None: it never was."""
    add_ons: Mapping[str, int] = field(default_factory=dict)
    quantity: int = 1
    period_start: datetime | None = None
    period_end: datetime | None = None
    is_billed: bool = False
    """Whether use beyond a limit can be billed: paid for by an agreement, and neither suspended nor over."""
    by_use: tuple[str, ...] = ()
    """Names of the prices that the agreement bills by use."""
    billed_every: Interval | None = None
    """None: nothing is paid for."""

    def bills(self, price: str) -> bool:
        """Whether the agreement bills by the use price of this name, of any version: who has an old one keeps it."""
        return self.is_billed and any(name.startswith(f"{price}_{self.billed_every}_v") for name in self.by_use)


@dataclass(frozen=True)
class Granted:
    """What a customer has of one feature."""

    feature: Feature
    value: Value
    """With add-ons and seats."""

    @property
    def is_given(self) -> bool:
        """Whether there is any of it at all."""
        if self.feature.kind is FeatureKind.NUMBER:
            return self.value is None or self.value != 0
        return bool(self.value)

    def allows(self, wanted: int | str | None = None) -> bool:
        """Whether it reaches for *wanted*: so many, so many times the rate, at least this level, this one of a set."""
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
    """What a plan with these add-ons and seats gives of a feature; None: the catalog has no such feature."""
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
    """What a plan gives of every feature of its catalog, by feature."""
    found = {code: granted(catalog, plan, code, add_ons, quantity) for code in catalog.features}
    return {code: one for code, one in found.items() if one is not None}


def is_gauge(feature: Feature) -> bool:
    """Whether it is how much there is now, and not how much was used over a time."""
    return feature.window is UsageWindow.GAUGE
