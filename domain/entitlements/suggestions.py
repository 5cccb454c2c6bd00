"""What to suggest to who wants more of a feature: plans that have it, upgrades with what they cost, and add-ons."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil

from domain.access import Basis
from domain.catalog.features import Feature, FeatureKind, Value
from domain.catalog.plans import AddOn, Catalog, Interval, Plan, Selection
from domain.entitlements.downgrade_fit import limit_conflicts
from domain.entitlements.grants import NOTHING_OF, EntitlementBasis, Granted, all_granted, granted
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.errors import Malformed
from domain.money import Money


@dataclass(frozen=True)
class Wanted:
    """What somebody would like to use."""

    feature: Feature
    quantity: int | None = None
    """So many in all; None: more than there is now."""
    value: str | None = None
    """Of a level or a set; None: any more than there is now."""

    def is_met_by(self, has: Granted) -> bool:
        """Whether so much of the feature reaches."""
        return has.allows(self.quantity if self.feature.kind in (FeatureKind.NUMBER, FeatureKind.RATE) else self.value)


@dataclass(frozen=True)
class Suggestion:
    """Something to buy that would allow what was wanted."""

    code: str
    name: str
    interval: Interval
    price: Money
    """What one period costs: of a plan with the seats and add-ons that there are; of an add-on its units."""
    difference: Money | None
    """To what is paid now for the same interval; None: the two cannot be compared."""
    value: Value
    """What there would be of the feature."""
    units: int = 0
    """Of an add-on, so many more; 0: it is a plan."""
    with_add_ons: Mapping[str, int] = field(default_factory=dict)
    """Units that it takes besides the plan, by add-on."""


def plans_with(catalog: Catalog, wanted: Wanted) -> tuple[Plan, ...]:
    """The plans that allow what is wanted by themselves, in the catalog's order."""
    code = wanted.feature.code
    declared = catalog.features.get(code)
    if declared is None:
        return ()
    nothing = NOTHING_OF[declared.kind]
    given = ((plan, Granted(declared, plan.entitlements.get(code, nothing))) for plan in catalog.plans.values())
    return tuple(plan for plan, has in given if wanted.is_met_by(has))


def suggestions(holding: EntitlementSnapshot, wanted: Wanted) -> tuple[Suggestion, ...]:
    """Upgrades, best first, and then add-ons, that allow what is wanted by who cannot have it now.

    None to who has a subscription without full access: paying what is owed, or resuming, is what helps them.
    """
    if not _may_buy(holding.standing):
        return ()
    return tuple(_upgrades(holding, wanted)) + tuple(_add_ons(holding, wanted))


def cheapest(holding: EntitlementSnapshot, wanted: Wanted) -> Suggestion | None:
    """The plan of today's catalog that allows what is wanted for the least money, with add-ons if that takes less.

    One that current use does not fit is none: a change to it would be refused.
    """
    fitting = (one for one in _enough(holding, wanted) if _fits(holding, one))
    return min(fitting, key=lambda one: _a_month(one.price, one.interval), default=None)


def _enough(holding: EntitlementSnapshot, wanted: Wanted) -> Iterator[Suggestion]:
    for plan in holding.today.plans.values():
        found = _suggested(holding, plan, wanted, {})
        if found is None:
            continue
        if _meets(found, wanted):
            yield found
        elif isinstance(found.value, int) and wanted.quantity is not None and not plan.is_free:
            for extra in _extras(holding.today, wanted, wanted.quantity - found.value):
                more = _suggested(holding, plan, wanted, extra)
                if more is not None and _meets(more, wanted):
                    yield more


def _fits(holding: EntitlementSnapshot, to: Suggestion) -> bool:
    """Whether what is used now fits; what is used in a period matters unless that is over before the change."""
    it, today, plan = holding.standing, holding.today, holding.today.plans[to.code]
    add_ons, quantity = _kept(holding, plan, to.with_add_ons)
    is_dearer = to.difference is None or to.difference.amount > 0
    return not limit_conflicts(
        all_granted(holding.catalog, it.plan, it.add_ons, it.quantity) if it.plan is not None else {},
        all_granted(today, plan.code, add_ons, quantity),
        [holding.counter(one) for one in today.features.values() if one.window is not None],
        at_once=is_dearer or not it.is_billed,
        billed=plan.overage,
    )


def _extras(catalog: Catalog, wanted: Wanted, missing: int) -> Iterator[dict[str, int]]:
    """So many units of each add-on that raises a number by what is missing."""
    for add_on in catalog.add_ons.values():
        adds = add_on.adds.get(wanted.feature.code, 0)
        if adds:
            yield {add_on.code: ceil(missing / adds)}


def _may_buy(standing: EntitlementBasis) -> bool:
    if standing.basis is Basis.NO_NEW_USE:
        return False
    return standing.basis is not Basis.NOTHING or standing.status in (None, "canceled")


def _upgrades(holding: EntitlementSnapshot, wanted: Wanted) -> Iterator[Suggestion]:
    has = holding.has(wanted.feature)
    for plan in _upwards(holding):
        found = _suggested(holding, plan, wanted, {})
        if found is not None and _meets(found, wanted) and _is_more(found.value, has):
            yield found


def _upwards(holding: EntitlementSnapshot) -> Iterable[Plan]:
    """Where a customer's plan leads to: as the catalog says, else every dearer plan, the cheapest first.

    Who keeps an older version of their plan has less to change to have what today's gives: it comes before all others.
    """
    today = holding.today.plans
    now = today.get(holding.standing.plan or "")
    anew = [now] if now is not None and not now.is_free and not holding.is_of_today else []
    if now is not None and now.upgrades_to is not None:
        return anew + [today[code] for code in now.upgrades_to]
    paid = _of_plan(now)
    return anew + sorted((plan for plan in today.values() if _of_plan(plan) > paid), key=_of_plan)


def _of_plan(plan: Plan | None) -> float:
    """What a plan costs a month, about; nothing if it is free, or none."""
    prices = plan.prices.items() if plan is not None else ()
    return min((_a_month(price, interval) for interval, price in prices), default=0.0)


def _a_month(price: Money, interval: Interval) -> float:
    return price.amount / 12 if interval is Interval.YEAR else float(price.amount)


def _suggested(holding: EntitlementSnapshot, plan: Plan, wanted: Wanted, extra: Mapping[str, int]) -> Suggestion | None:
    """What a plan would mean for a customer, with their seats and add-ons and *extra* ones; None: it is not sold so."""
    it, today = holding.standing, holding.today
    add_ons, quantity = _kept(holding, plan, extra)
    if plan.is_free:
        chosen = today.free_plan
    else:
        interval = it.billed_every or Interval.MONTH
        chosen = _sold(today, plan, interval if interval in plan.prices else next(iter(plan.prices)), quantity, add_ons)
    there = granted(today, plan.code, wanted.feature.code, add_ons, quantity)
    if chosen is None or there is None:
        return None
    difference = _difference(holding, chosen)
    return Suggestion(plan.code, plan.name, chosen.interval, chosen.total, difference, there.value, 0, dict(extra))


def _kept(holding: EntitlementSnapshot, plan: Plan, extra: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """The add-ons and seats that there would be on a plan."""
    if plan.is_free:
        return {}, 1
    add_ons = {code: units for code, units in holding.standing.add_ons.items() if code in holding.today.add_ons}
    return add_ons | {code: add_ons.get(code, 0) + units for code, units in extra.items()}, holding.standing.quantity


def _sold(
    catalog: Catalog, plan: Plan, interval: Interval, quantity: int, add_ons: Mapping[str, int]
) -> Selection | None:
    try:
        return catalog.select(plan.code, interval, quantity, add_ons)
    except Malformed:
        return None


def _difference(holding: EntitlementSnapshot, to: Selection) -> Money | None:
    """What the change costs more each period; None: what is paid now is by another interval, or of an unknown price."""
    it = holding.standing
    if it.billed_every is None or it.plan is None:
        return to.total
    if it.billed_every is not to.interval or it.plan not in holding.catalog.plans:
        return None
    now = _sold(holding.catalog, holding.catalog.plans[it.plan], to.interval, it.quantity, it.add_ons)
    return None if now is None else Money(to.total.amount - now.total.amount, to.total.currency)


def _meets(found: Suggestion, wanted: Wanted) -> bool:
    return wanted.is_met_by(Granted(wanted.feature, found.value))


def _is_more(value: Value, has: Granted) -> bool:
    """Whether a value of a feature is more than what there is of it."""
    match value, has.value:
        case tuple(there), tuple(here):
            return not set(there) <= set(here)
        case str(there), str(here):
            order = has.feature.values
            return here not in order or (there in order and order.index(there) > order.index(here))
        case bool(there), bool(here):
            return there and not here
        case None, int():
            return True
        case int(there), int(here):
            return there > here
    return False


def _add_ons(holding: EntitlementSnapshot, wanted: Wanted) -> Iterator[Suggestion]:
    """Units of add-ons that raise a number far enough; of what is paid for only."""
    has, it = holding.has(wanted.feature), holding.standing
    if it.billed_every is None or not isinstance(has.value, int) or wanted.feature.kind is not FeatureKind.NUMBER:
        return
    missing = max(1, (wanted.quantity or has.value + 1) - has.value)
    for add_on in holding.today.add_ons.values():
        adds = add_on.adds.get(wanted.feature.code, 0)
        if adds and it.billed_every in add_on.prices:
            yield _more(add_on, ceil(missing / adds), it.billed_every, has.value + ceil(missing / adds) * adds)


def _more(add_on: AddOn, units: int, interval: Interval, value: int) -> Suggestion:
    price = add_on.prices[interval] * units
    return Suggestion(add_on.code, add_on.name, interval, price, price, value, units)
