"""What is for sale: plans, their prices and add-ons."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.catalog.features import Feature, Overage, Value
from domain.errors import Malformed
from domain.money import Money

_LOOKUP_KEY = re.compile(r"[a-z][a-z0-9_]*_(?:month|year)_v[0-9]+")
_OF_CATALOG = r"([a-z][a-z0-9_]*)_{code}_(?:month|year)_v([0-9]+)"


def is_lookup_key(name: str) -> bool:
    """True if a price has a name in the catalog's format; any other name is its id at the provider."""
    return _LOOKUP_KEY.fullmatch(name) is not None


def catalog_of(lookup_key: str, code: str) -> str | None:
    """Returns the name of the catalog that a plan's or add-on's price belongs to; None: it belongs to none."""
    found = re.fullmatch(_OF_CATALOG.format(code=re.escape(code)), lookup_key)
    return f"{found[1]}_v{found[2]}" if found is not None else None


class Interval(StrEnum):
    """How often a subscription is billed."""

    MONTH = "month"
    YEAR = "year"


class TaxBehavior(StrEnum):
    """Whether prices include tax."""

    EXCLUSIVE = "exclusive"
    INCLUSIVE = "inclusive"


@dataclass(frozen=True)
class AddOn:
    """Something sold by the unit on top of a plan: one user, one plant, one gigabyte."""

    code: str
    name: str
    prices: Mapping[Interval, Money]
    adds: Mapping[str, int] = field(default_factory=dict)
    """What one unit adds to the plan's numbers, by feature."""


@dataclass(frozen=True)
class Plan:
    """One plan of a catalog. A plan without prices costs nothing."""

    code: str
    name: str
    prices: Mapping[Interval, Money]
    trial_days: int | None = None
    """None: as in the policy."""
    description: str = ""
    entitlements: Mapping[str, Value] = field(default_factory=dict)
    """Its value for each feature."""
    overage: Mapping[str, Overage] = field(default_factory=dict)
    """By feature, the price of usage beyond its limit."""
    upgrades_to: tuple[str, ...] | None = None
    """What to suggest to a customer who needs more, best first; None: every more expensive plan, cheapest first."""
    is_hidden: bool = False
    """True if it is no longer for sale: those who have it keep it, and operators may still assign it."""

    @property
    def is_free(self) -> bool:
        return not self.prices


@dataclass(frozen=True)
class Item:
    """One line of an agreement with the payment provider."""

    lookup_key: str
    """The catalog's name for the price; if it is not in the catalog, its id at the provider."""
    quantity: int
    """0: billed by usage, as overage is."""


@dataclass(frozen=True)
class Selection:
    """What a customer chose, with its price."""

    plan: str
    plan_name: str
    interval: Interval
    quantity: int
    add_ons: Mapping[str, int]
    items: tuple[Item, ...]
    total: Money
    """The price of one period, without overage."""
    catalog: str = field(default="", compare=False)
    """The catalog it was chosen from, as `shop_v2`; empty: chosen before this was recorded, so it is not compared."""

    def is_just(self, other: "Selection") -> bool:
        """True if both are the same choice from the same catalog, as far as both name one.

        Prices distinguish catalogs; a free plan has none, yet may include something else in another catalog.
        """
        return self == other and (self.catalog == other.catalog or not self.catalog or not other.catalog)


@dataclass(frozen=True)
class Catalog:
    """A product's plans and add-ons in one version of its catalog file."""

    product: str
    version: int
    currency: str
    plans: Mapping[str, Plan]
    add_ons: Mapping[str, AddOn] = field(default_factory=dict)
    tax_behavior: TaxBehavior | None = None
    """None: not specified, so the provider's setting is left as it is."""
    features: Mapping[str, Feature] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of this version, which a subscription was chosen from and whose entitlements it keeps."""
        return f"{self.product}_v{self.version}"

    def overage_key(self, plan: str, feature: str, interval: Interval) -> str:
        """The provider's lookup key for the price of usage beyond a plan's limit."""
        return self.lookup_key(f"{plan}_{feature}_overage", interval)

    def overage_price(self, plan: str, feature: str) -> str:
        """The prefix of these keys for all intervals and versions."""
        return f"{self.product}_{plan}_{feature}_overage"

    def lookup_key(self, code: str, interval: Interval) -> str:
        """The provider's lookup key for a price: one per product, code, interval and version."""
        return f"{self.product}_{code}_{interval}_v{self.version}"

    def select(
        self,
        plan: str,
        interval: Interval = Interval.MONTH,
        quantity: int = 1,
        add_ons: Mapping[str, int] | None = None,
    ) -> Selection:
        """Calculates the price of *plan* with these options.

        Raises:
            Malformed: the plan or add-on is unknown, or not sold for the interval; `field` says which.
        """
        chosen = self._plan(plan)
        price = self._price(chosen.prices, chosen.name, interval)
        items = [Item(self.lookup_key(plan, interval), quantity)]
        total = price * quantity
        for code, count in (add_ons or {}).items():
            add_on = self.add_ons.get(code)
            if add_on is None:
                known = ", ".join(self.add_ons) or "none"
                raise Malformed(
                    f"there is no add-on {code!r}; known add-ons: {known}",
                    field="add_ons",
                    code="unknown_add_on",
                )
            if count > 0:
                total += self._price(add_on.prices, add_on.name, interval) * count
                items.append(Item(self.lookup_key(code, interval), count))
        items += [Item(self.overage_key(plan, feature, interval), 0) for feature in chosen.overage]
        units = {code: count for code, count in (add_ons or {}).items() if count > 0}
        return Selection(plan, chosen.name, interval, quantity, units, tuple(items), total, self.name)

    @property
    def for_sale(self) -> tuple[Plan, ...]:
        """The plans that customers can choose, in the order of the file."""
        return tuple(plan for plan in self.plans.values() if not plan.is_hidden)

    def check_for_sale(self, plan: str) -> None:
        """Rejects a plan that customers cannot choose.

        Raises:
            Malformed: code `plan_not_for_sale`.
        """
        known = self.plans.get(plan)
        if known is not None and known.is_hidden:
            raise Malformed(
                f"plan {plan!r} is not for sale: those who have it keep it, and only operators may assign it",
                field="plan",
                code="plan_not_for_sale",
            )

    @property
    def free_plan(self) -> Selection | None:
        """The free plan, if there is one."""
        plan = next((plan for plan in self.plans.values() if plan.is_free), None)
        if plan is None:
            return None
        return Selection(plan.code, plan.name, Interval.MONTH, 1, {}, (), Money(0, self.currency), self.name)

    def is_upgrade(self, before: Selection, after: Selection) -> bool:
        """True if *after* costs more than *before* for the same interval or, at the same price, has a longer interval.

        Where a plan is not (or no longer) sold for the other's interval, a month counts as a twelfth of a year.
        """
        if not after.items or not before.items:
            return bool(after.items)
        try:
            known = self.select(before.plan, after.interval, before.quantity, before.add_ons).total.amount
        except Malformed:
            known = _by_the(after.interval, before)
        if after.total.amount != known:
            return after.total.amount > known
        return after.interval is Interval.YEAR and before.interval is Interval.MONTH

    def _plan(self, code: str) -> Plan:
        try:
            plan = self.plans[code]
        except KeyError:
            known = ", ".join(self.plans)
            raise Malformed(
                f"there is no plan {code!r}; known plans: {known}", field="plan", code="unknown_plan"
            ) from None
        if plan.is_free:
            raise Malformed(
                f"plan {code!r} is free: a customer without a subscription has it already",
                field="plan",
                code="free_plan",
            )
        return plan

    def _price(self, prices: Mapping[Interval, Money], name: str, interval: Interval) -> Money:
        try:
            return prices[interval]
        except KeyError:
            known = ", ".join(prices)
            raise Malformed(
                f"{name} is not sold by the {interval}; it is sold by the {known}",
                field="interval",
                code="unknown_interval",
            ) from None


def _by_the(interval: Interval, selection: Selection) -> int:
    """The approximate price of a selection for another interval."""
    amount = selection.total.amount
    if interval is selection.interval:
        return amount
    return amount * 12 if interval is Interval.YEAR else amount // 12
