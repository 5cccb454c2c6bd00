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
    """Whether a price is named as catalogs name theirs; any other name is its id at the provider."""
    return _LOOKUP_KEY.fullmatch(name) is not None


def catalog_of(lookup_key: str, code: str) -> str | None:
    """The name of the catalog that a plan's or add-on's price is of; None: it is none of a catalog's."""
    found = re.fullmatch(_OF_CATALOG.format(code=re.escape(code)), lookup_key)
    return f"{found[1]}_v{found[2]}" if found is not None else None


class Interval(StrEnum):
    """How often a subscription is billed."""

    MONTH = "month"
    YEAR = "year"


class TaxBehavior(StrEnum):
    """Whether prices hold the tax already."""

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
    """None: as the policy says."""
    description: str = ""
    entitlements: Mapping[str, Value] = field(default_factory=dict)
    """What it gives of each feature."""
    overage: Mapping[str, Overage] = field(default_factory=dict)
    """By feature, what use beyond its limit costs."""
    upgrades_to: tuple[str, ...] | None = None
    """What is suggested to who needs more, best first; None: every dearer plan, the cheapest first."""

    @property
    def is_free(self) -> bool:
        return not self.prices


@dataclass(frozen=True)
class Item:
    """One line of an agreement with the payment provider."""

    lookup_key: str
    """The catalog's name for the price; of one that is not the catalog's, its id at the provider."""
    quantity: int
    """0: by use, as overage is."""


@dataclass(frozen=True)
class Selection:
    """What a customer chose, with its price worked out."""

    plan: str
    plan_name: str
    interval: Interval
    quantity: int
    add_ons: Mapping[str, int]
    items: tuple[Item, ...]
    total: Money
    """What one period costs, overage aside."""
    catalog: str = field(default="", compare=False)
    """The catalog it is of, as `shop_v2`; empty: chosen before that was noted, so it is not part of what is equal."""

    def is_just(self, other: "Selection") -> bool:
        """Whether both are the same choice of the same catalog, as far as each names its own.

        Prices tell catalogs apart; what costs nothing has none, and yet may give something else in another catalog.
        """
        return self == other and (self.catalog == other.catalog or not self.catalog or not other.catalog)


@dataclass(frozen=True)
class Catalog:
    """A product's plans and add-ons, as one version of a catalog file tells them."""

    product: str
    version: int
    currency: str
    plans: Mapping[str, Plan]
    add_ons: Mapping[str, AddOn] = field(default_factory=dict)
    tax_behavior: TaxBehavior | None = None
    """None: nothing is said of tax, and whatever the provider has is left."""
    features: Mapping[str, Feature] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Names this version: what a subscription was chosen from, and whose entitlements it keeps."""
        return f"{self.product}_v{self.version}"

    def overage_key(self, plan: str, feature: str, interval: Interval) -> str:
        """The name under which the provider knows the price of use beyond a plan's limit."""
        return self.lookup_key(f"{plan}_{feature}_overage", interval)

    def overage_price(self, plan: str, feature: str) -> str:
        """What these names begin with, whatever the interval and the version."""
        return f"{self.product}_{plan}_{feature}_overage"

    def lookup_key(self, code: str, interval: Interval) -> str:
        """The name under which the provider knows a price: one per product, code, interval and version."""
        return f"{self.product}_{code}_{interval}_v{self.version}"

    def select(
        self,
        plan: str,
        interval: Interval = Interval.MONTH,
        quantity: int = 1,
        add_ons: Mapping[str, int] | None = None,
    ) -> Selection:
        """Work out what *plan* with these options costs.

        Raises:
            Malformed: an unknown plan or add-on, or an interval it is not sold for; `field` names which.
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
    def free_plan(self) -> Selection | None:
        """What customers have for nothing, if there is such a plan."""
        plan = next((plan for plan in self.plans.values() if plan.is_free), None)
        if plan is None:
            return None
        return Selection(plan.code, plan.name, Interval.MONTH, 1, {}, (), Money(0, self.currency), self.name)

    def is_upgrade(self, before: Selection, after: Selection) -> bool:
        """Whether *after* is more than *before*: by its price for the same interval; if that is equal, by a longer one.

        Where a plan is not sold by the other's interval (or no more at all), a month counts as a twelfth of a year.
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
                f"{name} is not sold by the {interval}; it is by the {known}",
                field="interval",
                code="unknown_interval",
            ) from None


def _by_the(interval: Interval, selection: Selection) -> int:
    """About what a selection costs by another interval."""
    amount = selection.total.amount
    if interval is selection.interval:
        return amount
    return amount * 12 if interval is Interval.YEAR else amount // 12
