"""Amounts that operators write into forms are read as every reader would, or refused."""

import pytest

from api.console.forms import example_amount, minor_units
from domain.errors import Malformed
from domain.money import DECIMALS


@pytest.mark.parametrize(
    ("text", "currency", "units"),
    [
        ("12.50", "usd", 1250),
        ("12,50", "eur", 1250),
        (" 1000 ", "usd", 100_000),
        ("1000", "jpy", 1000),
        ("1.230", "kwd", 1230),
        ("1,23", "kwd", 1230),
        ("500.00", "isk", 50_000),
        ("12.5", "USD", 1250),
    ],
)
def test_an_amount_is_read_in_minor_units_of_its_currency(text: str, currency: str, units: int) -> None:
    assert minor_units(text, currency) == units


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd", "isk"])
@pytest.mark.parametrize("text", ["1,000", "1,000.00", "1.000,00", "1 000", "1_000", "1e3", "١٠", "-1", "0", ""])
def test_a_sign_for_thousands_and_what_is_no_amount_are_refused(text: str, currency: str) -> None:
    with pytest.raises(Malformed, match=f"an amount in {currency.upper()}, as {example_amount(currency)}"):
        minor_units(text, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [("1.000", "usd"), ("1.000", "jpy"), ("1.0", "jpy"), ("1,00", "jpy"), ("1.234", "kwd"), ("500.50", "isk")],
)
def test_more_decimals_than_can_be_moved_are_refused(text: str, currency: str) -> None:
    with pytest.raises(Malformed):
        minor_units(text, currency)


@pytest.mark.parametrize("currency", DECIMALS)
def test_the_example_is_an_amount_of_its_currency(currency: str) -> None:
    assert minor_units(example_amount(currency), currency) > 0
