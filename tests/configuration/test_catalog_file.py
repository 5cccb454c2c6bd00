"""Catalogs as operators write them, and what is reported about mistakes."""

import re

import pytest

from configuration.catalog_file import load_catalog
from configuration.catalog_summary import check_catalog
from configuration.yaml_source import ConfigurationError
from domain.catalog.plans import Interval, TaxBehavior
from domain.money import Money
from tests.configuration.conftest import Written

GOOD = """\
product: shop
version: 1
currency: usd
annual_discount: 10%
features:
  seats: {name: Seats, kind: number}
  export: {name: Export, kind: switch}
  quality: {name: Quality, kind: level, values: [draft, standard, premium]}
  models: {name: Models, kind: set, values: [small, large]}
plans:
  free:
    name: Free
    prices: free
    entitlements: {seats: 1, export: false, quality: draft, models: []}
  pro:
    name: Pro
    prices: {month: 49.99}
    trial_days: 30
    entitlements: {seats: unlimited, export: true, quality: premium, models: [small, large]}
add_ons:
  extra_seats:
    name: Seat
    prices: {month: 5, year: 50}
    adds: {seats: 1}
"""

MISTAKES: dict[str, tuple[str, str, str]] = {
    "a product with capitals": (
        "product: shop",
        "product: Shop",
        "1: product: must be lower-case letters, digits and _, start with a letter, and have at most 40 characters",
    ),
    "a version in quotes": ("version: 1", 'version: "1"', "2: version: must be a whole number, not '1'"),
    "a version of nought": ("version: 1", "version: 0", "2: version: must be at least 1, not 0"),
    "a missing version": ("version: 1", "# no version", "1: version: is missing"),
    "an unknown currency": (
        "currency: usd",
        "currency: usdd",
        "3: currency: must be a currency code in lower case, like usd; did you mean 'usd'?",
    ),
    "a tax there is not": (
        "currency: usd",
        "currency: usd\ntax_behavior: included",
        "4: tax_behavior: must be 'exclusive' or 'inclusive', not 'included'",
    ),
    "a discount without percent": (
        "10%",
        "10",
        "4: annual_discount: must be above 0% and below 100%, like 10%",
    ),
    "a discount of everything": (
        "10%",
        "100%",
        "4: annual_discount: must be above 0% and below 100%, like 10%",
    ),
    "a misspelt key at the top": (
        "currency: usd",
        "currency: usd\nplanes: {}",
        "4: planes: unknown key; did you mean 'plans'?",
    ),
    "a key like no other": (
        "trial_days: 30",
        "zzz: 30",
        (
            "18: plans.pro.zzz: unknown key; known: name, description, prices, contact_url, trial_days, entitlements, "
            "overage, upgrades_to, hidden, highlight, cta"
        ),
    ),
    "a misspelt interval": (
        "{month: 49.99}",
        "{moth: 49.99}",
        "17: plans.pro.prices.moth: unknown key; did you mean 'month'?",
    ),
    "a feature of no kind": (
        "kind: number",
        "kind: numbr",
        "6: features.seats.kind: must be 'switch', 'number', 'level', 'set' or 'rate', not 'numbr'",
    ),
    "a level without values": (
        ", values: [draft, standard, premium]",
        "",
        "8: features.quality.values: is missing: a level needs the list of possible values",
    ),
    "a switch with values": (
        "kind: switch",
        "kind: switch, values: [a]",
        "7: features.export.values: a switch has no values: only levels and sets do",
    ),
    "the same value twice": (
        "[small, large]}\nplans",
        "[small, small]}\nplans",
        "9: features.models.values: 'small' is listed twice",
    ),
    "a plan code with capitals": (
        "  pro:",
        "  Pro:",
        "15: plans.Pro: must be lower-case letters, digits and _, start with a letter, and have at most 40 characters",
    ),
    "a plan twice": ("  pro:", "  free:", "15: plans.free: the key is listed twice; the first is on line 11"),
    "forgotten prices": ("prices: free\n", "\n", "11: plans.free.prices: is missing"),
    "prices left empty": (
        "prices: free",
        "prices:",
        "13: plans.free.prices: is empty: give it a value, or remove it",
    ),
    "another word for free": (
        "prices: free",
        "prices: none",
        "13: plans.free.prices: must be prices by month and year, or free, not 'none'",
    ),
    "no price in the prices": (
        "{month: 49.99}",
        "{}",
        "17: plans.pro.prices: must have a monthly price, a yearly price, or both",
    ),
    "a second free plan": (
        "{month: 49.99}",
        "free",
        "17: plans.pro.prices: there already is a free plan, 'free': give this one prices",
    ),
    "a tenth of a cent": (
        "49.99",
        "49.999",
        "17: plans.pro.prices.month: must have at most 2 decimals in usd, not 49.999",
    ),
    "a price with its currency": (
        "49.99",
        "$49",
        "17: plans.pro.prices.month: must be a price like 49 or 49.00",
    ),
    "a negative price": ("49.99", "-49", "17: plans.pro.prices.month: must be a price like 49 or 49.00"),
    "a price with an exponent": ("49.99", "1e3", "17: plans.pro.prices.month: must be a price like 49 or 49.00"),
    "a price that is true": ("49.99", "true", "17: plans.pro.prices.month: must be a price like 49 or 49.00"),
    "a price of nought": (
        "49.99",
        "0.00",
        "17: plans.pro.prices.month: must be above 0 and at most 999999.99; a free plan has `prices: free`",
    ),
    "a price beyond Stripe": (
        "49.99",
        "1000000",
        "17: plans.pro.prices.month: must be above 0 and at most 999999.99; a free plan has `prices: free`",
    ),
    "a year beyond Stripe": (
        "49.99",
        "99999",
        "17: plans.pro.prices: makes the yearly price higher than the payment provider accepts",
    ),
    "a year said in two ways": (
        "{month: 5, year: 50}",
        "{month: 5, year: 50, annual_discount: 5%}",
        "23: add_ons.extra_seats.prices.annual_discount: give either a yearly price or a discount, not both",
    ),
    "a discount on nothing": (
        "{month: 5, year: 50}",
        "{annual_discount: 5%}",
        "23: add_ons.extra_seats.prices.annual_discount: a discount needs a monthly price",
    ),
    "a trial too long": ("trial_days: 30", "trial_days: 91", "18: plans.pro.trial_days: must be at most 90, not 91"),
    "a trial that is true": (
        "trial_days: 30",
        "trial_days: true",
        "18: plans.pro.trial_days: must be a whole number, not true",
    ),
    "an undeclared feature": (
        "seats: 1,",
        "seat: 1, seats: 1,",
        "14: plans.free.entitlements.seat: no feature of this name is declared under 'features'; did you mean 'seats'?",
    ),
    "features left out": (
        "{seats: 1, export: false, ",
        "{",
        "14: plans.free.entitlements: seats, export missing: a plan must give a value for every feature",
    ),
    "a switch that says yes": (
        "export: true",
        "export: yes",
        "19: plans.pro.entitlements.export: must be true or false, not 'yes'",
    ),
    "a number below nought": (
        "seats: unlimited",
        "seats: -1",
        "19: plans.pro.entitlements.seats: must be a whole number from 0 up, or unlimited, not -1",
    ),
    "a number that is true": (
        "seats: unlimited",
        "seats: true",
        "19: plans.pro.entitlements.seats: must be a whole number from 0 up, or unlimited, not true",
    ),
    "a level there is not": (
        "quality: premium",
        "quality: premum",
        "19: plans.pro.entitlements.quality: 'premum' is not one of its values; did you mean 'premium'?",
    ),
    "a set that is no list": (
        "models: [small, large]",
        "models: small",
        "19: plans.pro.entitlements.models: must be a list like [small, large], not 'small'",
    ),
    "a set with a stranger": (
        "models: [small, large]}\nadd",
        "models: [small, huge]}\nadd",
        "19: plans.pro.entitlements.models: 'huge' is not one of its values; known: small, large",
    ),
    "an add-on by a plan's code": ("  extra_seats:", "  pro:", "21: add_ons.pro: a plan already has this code"),
    "an add-on that adds to a switch": (
        "adds: {seats: 1}",
        "adds: {export: 1}",
        "24: add_ons.extra_seats.adds.export: is not a number to add to; known: seats",
    ),
    "an add-on that adds nothing": (
        "adds: {seats: 1}",
        "adds: {seats: 0}",
        "24: add_ons.extra_seats.adds.seats: must be at least 1, not 0",
    ),
    "a free add-on": (
        "{month: 5, year: 50}",
        "free",
        "23: add_ons.extra_seats.prices: must be keys with values, not 'free'",
    ),
    "a name that is a number": ("name: Pro", "name: 365", "16: plans.pro.name: must be text, not 365"),
    "a name of nothing": ("name: Pro", 'name: ""', "16: plans.pro.name: must not be empty"),
    "a name without end": (
        "name: Pro",
        f"name: {'x' * 61}",
        "16: plans.pro.name: must not be longer than 60 characters",
    ),
}


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_with_its_line_and_place(written: Written, right: str, wrong: str, message: str) -> None:
    assert right in GOOD
    with pytest.raises(ConfigurationError) as refused:
        load_catalog(written(GOOD.replace(right, wrong, 1)))
    assert str(refused.value).splitlines() == [f"file.yaml:{message}"]


def test_a_catalog_says_what_is_for_sale(written: Written) -> None:
    catalog = load_catalog(written(GOOD))
    assert (catalog.product, catalog.version, catalog.currency) == ("shop", 1, "usd")
    free, pro = catalog.plans.values()
    assert (free.code, free.is_free, free.trial_days) == ("free", True, None)
    assert (pro.code, pro.name, pro.trial_days) == ("pro", "Pro", 30)
    assert pro.prices == {Interval.MONTH: Money(4999, "usd"), Interval.YEAR: Money(53989, "usd")}
    assert catalog.add_ons["extra_seats"].prices == {
        Interval.MONTH: Money(500, "usd"),
        Interval.YEAR: Money(5000, "usd"),
    }


def test_all_mistakes_are_reported_together_in_the_order_of_the_file(written: Written) -> None:
    text = GOOD
    for right, wrong in (
        ("usd", "dollars"),
        ("kind: switch", "kind: swtch"),
        ("49.99", "dear"),
        ("  pro:", "  pro:\n    nam: P"),
    ):
        text = text.replace(right, wrong, 1)
    with pytest.raises(ConfigurationError) as refused:
        load_catalog(written(text.replace("adds: {seats: 1}", "adds: 1") + "plans: {}\n"))
    lines = [int(found) for found in re.findall(r"^file\.yaml:(\d+): ", str(refused.value), re.MULTILINE)]
    assert lines == [3, 7, 16, 25, 26]


def test_a_list_is_not_a_catalog(written: Written) -> None:
    with pytest.raises(ConfigurationError, match=r"^file\.yaml:1: must be keys with values, not a list$"):
        load_catalog(written("- product: shop\n"))


@pytest.mark.parametrize("tax", TaxBehavior)
def test_a_catalog_may_say_whether_tax_is_in_its_prices(written: Written, tax: TaxBehavior) -> None:
    file = written(GOOD.replace("currency: usd", f"currency: usd\ntax_behavior: {tax}"))

    assert load_catalog(file).tax_behavior is tax
    assert check_catalog(file).startswith(f"shop, version 1, prices in USD, tax {tax}")
    assert load_catalog(written(GOOD)).tax_behavior is None


def test_a_catalog_without_plans_sells_nothing_and_is_refused(written: Written) -> None:
    text = "product: shop\nversion: 1\ncurrency: usd\nplans: {}\n"
    with pytest.raises(ConfigurationError, match=r"^file\.yaml:4: plans: must not be empty$"):
        load_catalog(written(text))


def test_a_plans_own_discount_overrides_the_catalogs(written: Written) -> None:
    catalog = load_catalog(written(GOOD.replace("{month: 49.99}", "{month: 100, annual_discount: 12.5%}")))
    assert catalog.plans["pro"].prices[Interval.YEAR] == Money(105000, "usd")


def test_without_a_discount_a_plan_without_a_yearly_price_is_not_sold_yearly(written: Written) -> None:
    catalog = load_catalog(written(GOOD.replace("annual_discount: 10%\n", "")))
    assert set(catalog.plans["pro"].prices) == {Interval.MONTH}


def test_a_currency_without_decimals_is_read_in_whole_units(written: Written) -> None:
    yen = GOOD.replace("usd", "jpy").replace("49.99", "4900")
    assert load_catalog(written(yen)).plans["pro"].prices[Interval.MONTH] == Money(4900, "jpy")
    with pytest.raises(ConfigurationError, match=r"^file\.yaml:17: .*: must have no decimals in jpy, not 4900\.5$"):
        load_catalog(written(yen.replace("4900", "4900.5")))


def test_trailing_zeros_are_not_decimals(written: Written) -> None:
    assert load_catalog(written(GOOD.replace("49.99", "49.9900"))).plans["pro"].prices[Interval.MONTH].amount == 4999


def test_a_catalog_is_described_in_words(written: Written) -> None:
    assert check_catalog(written(GOOD)).splitlines() == [
        "shop, version 1, prices in USD",
        "Plans",
        "  free: Free, free",
        "    Seats: 1; no Export; Quality: draft; Models: none",
        "  pro: Pro, $49.99 a month or $539.89 a year, 30 days of trial",
        "    Seats: unlimited; Export; Quality: premium; Models: small, large",
        "Add-ons, each unit",
        "  extra_seats: Seat, $5.00 a month or $50.00 a year, adds 1 to Seats",
        "Features",
        "  seats: Seats, a number, not counted here",
        "  export: Export, yes or no",
        "  quality: Quality, a level, from least to most: draft, standard, premium",
        "  models: Models, some of small, large",
    ]
