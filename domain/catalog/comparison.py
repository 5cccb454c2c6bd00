"""Compares two plans: what one includes more or less of than the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.catalog.features import Feature, FeatureKind, Value
from domain.catalog.plans import Catalog, Interval, Plan
from domain.money import Money


class ComparisonVerdict(StrEnum):
    """How a feature changes when one plan replaces another."""

    BETTER = "better"
    WORSE = "worse"
    """Also a set that loses a value, whatever it gains instead."""
    SAME = "same"


@dataclass(frozen=True)
class FeatureLine:
    """One feature in both plans."""

    feature: Feature
    before: Value
    after: Value
    verdict: ComparisonVerdict


@dataclass(frozen=True)
class PriceLine:
    """What both plans cost for one interval; None: not sold for it."""

    interval: Interval
    before: Money | None
    after: Money | None

    @property
    def difference(self) -> int | None:
        """How much more the second plan costs, in minor units; None: one of them is not sold for this interval."""
        if self.before is None or self.after is None:
            return None
        return self.after.amount - self.before.amount


def verdict(before: Value, after: Value, feature: Feature) -> ComparisonVerdict:
    """Whether *after* is better or worse than *before*."""
    if before == after:
        return ComparisonVerdict.SAME
    return ComparisonVerdict.BETTER if _reaches(after, before, feature) else ComparisonVerdict.WORSE


def side_by_side(catalog: Catalog, before: Plan, after: Plan) -> tuple[FeatureLine, ...]:
    """Compares two plans of a catalog, feature by feature."""
    return tuple(_line(feature, before.entitlements, after.entitlements) for feature in catalog.features.values())


def priced(catalog: Catalog, before: Plan, after: Plan) -> tuple[PriceLine, ...]:
    """Compares the prices of two plans for every interval that either is sold for; a free plan costs 0 for each."""
    sold = [interval for interval in Interval if interval in before.prices or interval in after.prices]
    return tuple(PriceLine(each, _price(before, each, catalog), _price(after, each, catalog)) for each in sold)


def _line(feature: Feature, before: Mapping[str, Value], after: Mapping[str, Value]) -> FeatureLine:
    was, becomes = before[feature.code], after[feature.code]
    return FeatureLine(feature, was, becomes, verdict(was, becomes, feature))


def _price(plan: Plan, interval: Interval, catalog: Catalog) -> Money | None:
    return Money(0, catalog.currency) if plan.is_free else plan.prices.get(interval)


def _reaches(more: Value, less: Value, feature: Feature) -> bool:
    """True if *more* includes everything in *less*."""
    match feature.kind, more, less:
        case FeatureKind.SET, tuple(), tuple():
            return set(less) <= set(more)
        case FeatureKind.LEVEL, str(), str():
            return feature.values.index(less) <= feature.values.index(more)
    if feature.kind is FeatureKind.NUMBER and (more is None or less is None):
        return more is None
    return isinstance(more, int) and isinstance(less, int) and less <= more
