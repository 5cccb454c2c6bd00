"""Prices as people write them and as we keep them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration.prices import Discount, amount_of
from domain.money import DECIMALS, Money, shown_decimals
from localization.formats import Formats


@given(st.integers(min_value=1, max_value=99_999_999))
def test_every_price_is_parsed_to_the_cent(cents: int) -> None:
    text = f"{cents // 100}.{cents % 100:02}"
    assert amount_of(Decimal(text), "usd") == amount_of(text, "usd") == cents


@pytest.mark.parametrize(
    ("month", "percent", "year"),
    [(4900, "10%", 52920), (50, "10%", 540), (5, "10%", 54), (1, "87.5%", 2), (1, "62.5%", 5)],
)
def test_a_discounted_year_is_rounded_half_up(month: int, percent: str, year: int) -> None:
    assert Discount.of(percent).year(Money(month, "usd")) == Money(year, "usd")


@pytest.mark.parametrize("currency", DECIMALS)
def test_a_price_is_shown_in_a_mail_as_it_was_written_in_the_catalog(currency: str) -> None:
    digits = shown_decimals(currency)
    text = "1234" + (".5" + "0" * (digits - 1) if digits else "")

    shown = Formats.of("en-US", "UTC").money(amount_of(text, currency), currency)

    assert shown.replace(",", "").endswith(text)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("9999999999.99", "idr", 999_999_999_999),
        ("99999999", "jpy", 99_999_999),
        ("999999.99", "usd", 99_999_999),
        ("5.12", "kwd", 5120),
        ("500", "isk", 50_000),
        ("500.00", "ugx", 50_000),
        ("500", "mga", 500),
        ("12.50", "twd", 1250),
    ],
)
def test_a_price_is_converted_to_the_providers_minor_units(text: str, currency: str, amount: int) -> None:
    assert amount_of(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("10000000000", "idr", "at most 9999999999.99"),
        ("1000000", "usd", "at most 999999.99"),
        ("100000000", "jpy", "at most 99999999"),
        ("5.125", "kwd", "at most 2 decimals in kwd"),
        ("500.50", "isk", "no decimals in isk"),
        ("0.5", "ugx", "no decimals in ugx"),
        ("1.5", "mga", "no decimals in mga"),
        ("1.005", "usd", "at most 2 decimals in usd"),
    ],
)
def test_what_the_provider_cannot_charge_is_refused_with_the_limit(text: str, currency: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        amount_of(text, currency)


@pytest.mark.parametrize(
    ("month", "year"), [(Money(55_500, "isk"), Money(599_400, "isk")), (Money(4_990, "kwd"), Money(53_890, "kwd"))]
)
def test_a_discounted_year_can_be_charged_in_its_currency(month: Money, year: Money) -> None:
    assert Discount.of("10%").year(month) == year
