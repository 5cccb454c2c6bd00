"""Plan catalogs as YAML files: what is for sale, at what price, and what each plan entitles to."""

from pathlib import Path

from configuration.catalog_checks import collisions, loose_ends
from configuration.catalog_entries import CatalogEntry, PlanEntry, PricesEntry
from configuration.catalog_kinds import Declared
from configuration.features import declared, value_of
from configuration.validation import check
from configuration.yaml_source import Problem, read
from domain.catalog.features import Overage, Value
from domain.catalog.plans import AddOn, Catalog, Interval, Plan
from domain.money import DECIMALS, Money, max_amount


def load_catalog(path: Path) -> Catalog:
    """Read a catalog.

    Raises:
        ConfigurationError: the file is invalid; the message has one line per error.
    """
    return _built(read_catalog(path))


def read_catalog(path: Path) -> CatalogEntry:
    """Read a catalog as it is written.

    Raises:
        ConfigurationError: the file is invalid; the message has one line per error.
    """
    source = read(path)
    tree = source.tree if isinstance(source.tree, dict) else {}
    currency = tree.get("currency")
    known = Declared(currency if isinstance(currency, str) and currency in DECIMALS else None, declared(tree))
    entry = check(source, CatalogEntry, known, collisions(tree))
    if problems := [*_excessive_years(entry), *loose_ends(entry)]:
        raise source.error(problems)
    return entry


def _excessive_years(entry: CatalogEntry) -> list[Problem]:
    sold = [("plans", code, plan.prices) for code, plan in entry.plans.items()]
    sold += [("add_ons", code, add_on.prices) for code, add_on in entry.add_ons.items()]
    return [
        Problem((part, code, "prices"), "makes the yearly price higher than the payment provider accepts")
        for part, code, prices in sold
        if prices and any(price.amount > max_amount(price.currency) for price in _prices(prices, entry).values())
    ]


def _prices(prices: PricesEntry, entry: CatalogEntry) -> dict[Interval, Money]:
    priced: dict[Interval, Money] = {}
    discount = prices.annual_discount or entry.annual_discount
    if prices.month is not None:
        priced[Interval.MONTH] = Money(prices.month, entry.currency)
    if prices.year is not None:
        priced[Interval.YEAR] = Money(prices.year, entry.currency)
    elif discount and prices.month is not None:
        priced[Interval.YEAR] = discount.year(priced[Interval.MONTH])
    return priced


def _built(entry: CatalogEntry) -> Catalog:
    rules = {name: rule.built() for name, rule in entry.limits.items()}
    plans = {code: _plan(code, plan, entry) for code, plan in entry.plans.items() if not plan.is_for_contact}
    add_ons = {
        code: AddOn(code, one.name, _prices(one.prices, entry), dict(one.adds)) for code, one in entry.add_ons.items()
    }
    built = {code: feature.built(code, rules) for code, feature in entry.features.items()}
    return Catalog(entry.product, entry.version, entry.currency, plans, add_ons, entry.tax_behavior, built)


def values_of(plan: PlanEntry, entry: CatalogEntry) -> dict[str, Value]:
    """Return a plan's value for each feature."""
    return {name: value_of(value, entry.features[name]) for name, value in plan.entitlements.items()}


def _plan(code: str, plan: PlanEntry, entry: CatalogEntry) -> Plan:
    return Plan(
        code,
        plan.name,
        _prices(plan.prices, entry) if plan.prices else {},
        plan.trial_days,
        plan.description,
        values_of(plan, entry),
        {name: Overage(Money(one.price, entry.currency), one.units, one.at_most) for name, one in plan.overage.items()},
        tuple(plan.upgrades_to) if plan.upgrades_to is not None else None,
        plan.hidden,
    )
