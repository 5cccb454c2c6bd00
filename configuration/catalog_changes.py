"""The differences between two catalogs, in words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from configuration.catalog_words import (
    feature_in_words,
    overage_in_words,
    prices_in_words,
    rule_in_words,
    value_in_words,
)
from domain.catalog.features import Feature
from domain.catalog.plans import AddOn, Catalog, Interval, Plan
from domain.money import formatted

T = TypeVar("T")
Lines = Mapping[str, tuple[str, ...]]
"""The differences by code."""


@dataclass(frozen=True)
class CatalogChanges:
    """The changes from one catalog to another."""

    whole: tuple[str, ...] = ()
    plans: Lines = field(default_factory=dict)
    """Plans in both catalogs."""
    add_ons: Lines = field(default_factory=dict)
    features: Lines = field(default_factory=dict)
    """How features are counted and limited, which is the same on every plan."""
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    gone_plans: tuple[str, ...] = ()
    repriced: tuple[str, ...] = ()
    """Prices that changed or are gone. Within one version prices never change."""
    overage_added: tuple[str, ...] = ()
    """Overage on plans that had none. Their subscriptions have no metered item at the provider."""
    touched: tuple[str, ...] = ()
    """Plans of the first catalog whose customers are affected."""
    touched_add_ons: tuple[str, ...] = ()
    """Add-ons of the first catalog, likewise."""

    def lines(self) -> Iterator[str]:
        """All differences as lines of text."""
        yield from self.whole
        yield from self.new
        yield from self.gone
        for kind, changed in (("plan", self.plans), ("add-on", self.add_ons), ("feature", self.features)):
            for code, differences in changed.items():
                yield f"{kind} {code}"
                yield from (f"  {one}" for one in differences)

    @property
    def are_none(self) -> bool:
        return not any(True for _ in self.lines())


def changes(before: Catalog, after: Catalog) -> CatalogChanges:
    """The differences, except for the order of plans and features."""
    plans = _each(before.plans, after.plans, lambda was, now: _plan(was, now, before, after))
    features = _each(before.features, after.features, _feature)
    add_ons = _each(before.add_ons, after.add_ons, lambda was, now: _add_on(was, now, after))
    gone_plans = tuple(code for code in before.plans if code not in after.plans)
    # How a feature is counted affects every plan that has it.
    everybody = [code for code in before.plans if code in after.plans and any(_has(before.plans[code], features))]
    return CatalogChanges(
        tuple(_whole(before, after)),
        plans,
        add_ons,
        features,
        tuple(_came(before, after, "new")),
        tuple(_came(after, before, "gone")),
        gone_plans,
        tuple(_repriced(before, after)),
        tuple(_overage_added(before, after)),
        tuple(code for code in before.plans if code in (*plans, *gone_plans, *everybody)),
        tuple(code for code in before.add_ons if code in add_ons or code not in after.add_ons),
    )


def _each(before: Mapping[str, T], after: Mapping[str, T], differences: Callable[[T, T], Iterable[str]]) -> Lines:
    found = {code: tuple(differences(before[code], now)) for code, now in after.items() if code in before}
    return {code: lines for code, lines in found.items() if lines}


def _has(plan: Plan, features: Lines) -> Iterator[bool]:
    return (plan.entitlements.get(code) not in (0, False) for code in features)


def _whole(before: Catalog, after: Catalog) -> Iterator[str]:
    if before.product != after.product:
        yield f"product {after.product}, was {before.product}"
    if before.currency != after.currency:
        yield f"prices in {after.currency.upper()}, were in {before.currency.upper()}"
    if before.tax_behavior != after.tax_behavior:
        yield f"tax {after.tax_behavior or 'not set'}, was {before.tax_behavior or 'not set'}"


def _came(before: Catalog, after: Catalog, word: str) -> Iterator[str]:
    """What *after* has but *before* does not."""
    for code, plan in after.plans.items():
        if code not in before.plans:
            yield f"{word}: plan {code}, {plan.name}, {prices_in_words(plan)}"
    for code, add_on in after.add_ons.items():
        if code not in before.add_ons:
            yield f"{word}: add-on {code}, {add_on.name}, {prices_in_words(add_on)}"
    for code, feature in after.features.items():
        if code not in before.features:
            yield f"{word}: feature {code}, {feature.name}, {feature_in_words(feature)}"


def _plan(was: Plan, now: Plan, before: Catalog, after: Catalog) -> Iterator[str]:
    yield from _said("name", was.name, now.name)
    yield from _said("description", was.description or "none", now.description or "none")
    yield from _said("costs", prices_in_words(was), prices_in_words(now))
    yield from _said("for sale", *("no" if one.is_hidden else "yes" for one in (was, now)))
    yield from _said("days of trial", _or(was.trial_days, "as in the policy"), _or(now.trial_days, "as in the policy"))
    for code, feature in after.features.items():
        if code not in before.features:
            yield f"{feature.name}: {value_in_words(now.entitlements[code], feature)}, which is new"
        else:
            known = before.features[code]
            had, has = was.entitlements[code], now.entitlements[code]
            yield from _said(feature.name, value_in_words(had, known), value_in_words(has, feature))
    for code, feature in before.features.items():
        if code not in after.features:
            yield f"{feature.name}: no more, was {value_in_words(was.entitlements[code], feature)}"
    for code in {**was.overage, **now.overage}:
        costs = [overage_in_words(one) if one else "not sold" for one in (was.overage.get(code), now.overage.get(code))]
        yield from _said(f"{code} beyond the limit", *costs)
    yield from _said("upgrades to", _paths(was), _paths(now))


def _feature(was: Feature, now: Feature) -> Iterator[str]:
    yield from _said("name", was.name, now.name)
    yield from _said("is", _counting(was), _counting(now))
    if was.window is not None and now.window is not None:
        yield from _said("near a limit", rule_in_words(was.limit), rule_in_words(now.limit))


def _counting(feature: Feature) -> str:
    return f"{feature_in_words(feature)}{', for each unit' if feature.per_unit else ''}"


def _add_on(was: AddOn, now: AddOn, after: Catalog) -> Iterator[str]:
    yield from _said("name", was.name, now.name)
    yield from _said("costs", prices_in_words(was), prices_in_words(now))
    for code in {**was.adds, **now.adds}:
        name = after.features[code].name if code in after.features else code
        yield from _said(f"adds to {name}", f"{was.adds.get(code, 0):,}", f"{now.adds.get(code, 0):,}")


def _said(what: str, was: object, now: object) -> Iterator[str]:
    if was != now:
        yield f"{what}: {now}, was {was}"


def _or(value: int | None, otherwise: str) -> str:
    return otherwise if value is None else str(value)


def _paths(plan: Plan) -> str:
    return "every more expensive plan" if plan.upgrades_to is None else ", ".join(plan.upgrades_to) or "nothing"


def _repriced(before: Catalog, after: Catalog) -> Iterator[str]:
    now = _prices(after)
    for (code, interval), price in _prices(before).items():
        becomes = now.get((code, interval))
        if becomes != price:
            yield f"{code} a {interval}: {becomes or 'not sold'}, was {price}"


def _overage_added(before: Catalog, after: Catalog) -> Iterator[str]:
    for code, plan in after.plans.items():
        if code in before.plans:
            yield from (f"{name} on plan {code}" for name in plan.overage if name not in before.plans[code].overage)


def _prices(catalog: Catalog) -> dict[tuple[str, Interval], str]:
    sold: dict[str, Plan | AddOn] = {**catalog.plans, **catalog.add_ons}
    prices = {
        (code, interval): formatted(price) for code, one in sold.items() for interval, price in one.prices.items()
    }
    for plan in catalog.plans.values():
        for name, overage in plan.overage.items():
            # The cap on usage is not part of the price.
            each = overage_in_words(replace(overage, at_most=None))
            prices |= {(f"{plan.code}, {name} beyond its limit", interval): each for interval in plan.prices}
    return prices
