"""What to suggest to a customer who wants more of a feature: plans, upgrades with their prices, and add-ons."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil

from domain.access import Access
from domain.catalog.features import Feature, FeatureKind, Value
from domain.catalog.plans import AddOn, Catalog, Interval, Plan, Selection
from domain.entitlements.downgrade_fit import limit_conflicts
from domain.entitlements.grants import NOTHING_OF, EntitlementBasis, Granted, all_granted, granted
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.errors import Malformed
from domain.money import Money


@dataclass(frozen=True)
class Wanted:
    """What a customer wants to use."""

    feature: Feature
    quantity: int | None = None
    """The total quantity; None: more than now."""
    value: str | None = None
    """A level or a value of a set; None: anything more than now."""

    def is_met_by(self, has: Granted) -> bool:
        """True if this grant covers it."""
        return has.allows(self.quantity if self.feature.kind in (FeatureKind.NUMBER, FeatureKind.RATE) else self.value)


@dataclass(frozen=True)
class Suggestion:
    """A plan or add-on that would allow what is wanted."""

    code: str
    name: str
    interval: Interval
    price: Money
    """The price of one period: of a plan with the current seats and add-ons, of an add-on for its units."""
    difference: Money | None
    """Compared to the current price for the same interval; None: not comparable."""
    value: Value
    """The feature's value afterwards."""
    units: int = 0
    """Additional units of an add-on; 0: it is a plan."""
    with_add_ons: Mapping[str, int] = field(default_factory=dict)
    """Additional units required with the plan, by add-on."""


def plans_with(catalog: Catalog, wanted: Wanted) -> tuple[Plan, ...]:
    """Returns the plans for sale that allow what is wanted without add-ons, in the catalog's order."""
    code = wanted.feature.code
    declared = catalog.features.get(code)
    if declared is None:
        return ()
    nothing = NOTHING_OF[declared.kind]
    given = ((plan, Granted(declared, plan.entitlements.get(code, nothing))) for plan in catalog.for_sale)
    return tuple(plan for plan, has in given if wanted.is_met_by(has))


def suggestions(snapshot: EntitlementSnapshot, wanted: Wanted) -> tuple[Suggestion, ...]:
    """Returns upgrades, best first, and then add-ons that would allow what is wanted.

    Suggests nothing for a subscription without full access: its customer must pay what is owed, or resume.
    """
    if not _may_buy(snapshot.standing):
        return ()
    return tuple(_upgrades(snapshot, wanted)) + tuple(_add_ons(snapshot, wanted))


def cheapest(snapshot: EntitlementSnapshot, wanted: Wanted) -> Suggestion | None:
    """Returns the cheapest plan of today's catalog that allows what is wanted, with add-ons if needed.

    Skips plans that current usage does not fit: a change to them would be refused.
    """
    fitting = (one for one in _enough(snapshot, wanted) if _fits(snapshot, one))
    return min(fitting, key=lambda one: _a_month(one.price, one.interval), default=None)


def _enough(snapshot: EntitlementSnapshot, wanted: Wanted) -> Iterator[Suggestion]:
    for plan in snapshot.today.for_sale:
        found = _suggested(snapshot, plan, wanted, {})
        if found is None:
            continue
        if _meets(found, wanted):
            yield found
        elif isinstance(found.value, int) and wanted.quantity is not None and not plan.is_free:
            for extra in _extras(snapshot.today, wanted, wanted.quantity - found.value):
                more = _suggested(snapshot, plan, wanted, extra)
                if more is not None and _meets(more, wanted):
                    yield more


def _fits(snapshot: EntitlementSnapshot, to: Suggestion) -> bool:
    """True if current usage fits; usage in a period counts unless the period ends before the change."""
    it, today, plan = snapshot.standing, snapshot.today, snapshot.today.plans[to.code]
    add_ons, quantity = _kept(snapshot, plan, to.with_add_ons)
    is_dearer = to.difference is None or to.difference.amount > 0
    return not limit_conflicts(
        all_granted(snapshot.catalog, it.plan, it.add_ons, it.quantity) if it.plan is not None else {},
        all_granted(today, plan.code, add_ons, quantity),
        [snapshot.counter(one) for one in today.features.values() if one.window is not None],
        at_once=is_dearer or not it.is_billed,
        billed=plan.overage,
    )


def _extras(catalog: Catalog, wanted: Wanted, missing: int) -> Iterator[dict[str, int]]:
    """For each suitable add-on, the units needed to raise a number by what is missing."""
    for add_on in catalog.add_ons.values():
        adds = add_on.adds.get(wanted.feature.code, 0)
        if adds:
            yield {add_on.code: ceil(missing / adds)}


def _may_buy(standing: EntitlementBasis) -> bool:
    """True unless a subscription is there whose access is not full, whatever the policy entitles its customer to."""
    return standing.status in (None, "canceled") or standing.access == Access.FULL


def _upgrades(snapshot: EntitlementSnapshot, wanted: Wanted) -> Iterator[Suggestion]:
    has = snapshot.has(wanted.feature)
    for plan in _upwards(snapshot):
        found = _suggested(snapshot, plan, wanted, {})
        if found is not None and _meets(found, wanted) and _is_more(found.value, has):
            yield found


def _upwards(snapshot: EntitlementSnapshot) -> Iterable[Plan]:
    """The plans for sale to upgrade to: as the catalog says, else every more expensive plan, cheapest first.

    For customers on an older version of their plan, today's version comes first, as it is the smallest change.
    """
    today = snapshot.today.plans
    now = today.get(snapshot.standing.plan or "")
    for_sale = snapshot.today.for_sale
    newer = [now] if now is not None and not now.is_hidden and not now.is_free and not snapshot.is_of_today else []
    if now is not None and now.upgrades_to is not None:
        return newer + [today[code] for code in now.upgrades_to if not today[code].is_hidden]
    paid = _of_plan(now)
    return newer + sorted((plan for plan in for_sale if _of_plan(plan) > paid), key=_of_plan)


def _of_plan(plan: Plan | None) -> float:
    """The approximate monthly price of a plan; 0 if it is free or None."""
    prices = plan.prices.items() if plan is not None else ()
    return min((_a_month(price, interval) for interval, price in prices), default=0.0)


def _a_month(price: Money, interval: Interval) -> float:
    return price.amount / 12 if interval is Interval.YEAR else float(price.amount)


def _suggested(
    snapshot: EntitlementSnapshot, plan: Plan, wanted: Wanted, extra: Mapping[str, int]
) -> Suggestion | None:
    """Returns a plan as a suggestion, with current seats, current add-ons and *extra* ones; None: not sold so."""
    it, today = snapshot.standing, snapshot.today
    add_ons, quantity = _kept(snapshot, plan, extra)
    if plan.is_free:
        chosen = today.free_plan
    else:
        interval = it.billed_every or Interval.MONTH
        chosen = _sold(today, plan, interval if interval in plan.prices else next(iter(plan.prices)), quantity, add_ons)
    there = granted(today, plan.code, wanted.feature.code, add_ons, quantity)
    if chosen is None or there is None:
        return None
    difference = _difference(snapshot, chosen)
    return Suggestion(plan.code, plan.name, chosen.interval, chosen.total, difference, there.value, 0, dict(extra))


def _kept(snapshot: EntitlementSnapshot, plan: Plan, extra: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """The add-ons and seats the customer would have on a plan."""
    if plan.is_free:
        return {}, 1
    add_ons = {code: units for code, units in snapshot.standing.add_ons.items() if code in snapshot.today.add_ons}
    return add_ons | {code: add_ons.get(code, 0) + units for code, units in extra.items()}, snapshot.standing.quantity


def _sold(
    catalog: Catalog, plan: Plan, interval: Interval, quantity: int, add_ons: Mapping[str, int]
) -> Selection | None:
    try:
        return catalog.select(plan.code, interval, quantity, add_ons)
    except Malformed:
        return None


def _difference(snapshot: EntitlementSnapshot, to: Selection) -> Money | None:
    """How much more each period would cost; None: the current interval differs, or the current price is unknown."""
    it = snapshot.standing
    if it.billed_every is None or it.plan is None:
        return to.total
    if it.billed_every is not to.interval or it.plan not in snapshot.catalog.plans:
        return None
    now = _sold(snapshot.catalog, snapshot.catalog.plans[it.plan], to.interval, it.quantity, it.add_ons)
    return None if now is None else Money(to.total.amount - now.total.amount, to.total.currency)


def _meets(found: Suggestion, wanted: Wanted) -> bool:
    return wanted.is_met_by(Granted(wanted.feature, found.value))


def _is_more(value: Value, has: Granted) -> bool:
    """True if a value is more than the current grant."""
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


def _add_ons(snapshot: EntitlementSnapshot, wanted: Wanted) -> Iterator[Suggestion]:
    """Suggests add-on units that raise a number far enough; only for paid subscriptions."""
    has, it = snapshot.has(wanted.feature), snapshot.standing
    if it.billed_every is None or not isinstance(has.value, int) or wanted.feature.kind is not FeatureKind.NUMBER:
        return
    missing = max(1, (wanted.quantity or has.value + 1) - has.value)
    for add_on in snapshot.today.add_ons.values():
        adds = add_on.adds.get(wanted.feature.code, 0)
        if adds and it.billed_every in add_on.prices:
            yield _more(add_on, ceil(missing / adds), it.billed_every, has.value + ceil(missing / adds) * adds)


def _more(add_on: AddOn, units: int, interval: Interval, value: int) -> Suggestion:
    price = add_on.prices[interval] * units
    return Suggestion(add_on.code, add_on.name, interval, price, price, value, units)
