"""Prices as people write them and as we keep them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration.prices import Discount, amount_of, written
from domain.currencies import DECIMALS
from domain.money import Money
from gateways.mail_formats import DEFAULT_EXPONENT, EXPONENTS


@given(st.integers(min_value=1, max_value=99_999_999))
def test_every_price_is_read_to_the_cent(cents: int) -> None:
    text = f"{cents // 100}.{cents % 100:02}"
    assert amount_of(Decimal(text), "usd") == amount_of(text, "usd") == cents


@pytest.mark.parametrize(
    ("month", "percent", "year"),
    [(4900, "10%", 52920), (50, "10%", 540), (5, "10%", 54), (1, "87.5%", 2), (1, "62.5%", 5)],
)
def test_a_discounted_year_is_rounded_half_up(month: int, percent: str, year: int) -> None:
    assert Discount.of(percent).year(Money(month, "usd")) == Money(year, "usd")


def test_prices_and_mails_agree_on_every_currencys_decimals() -> None:
    assert {code: EXPONENTS.get(code.upper(), DEFAULT_EXPONENT) for code in DECIMALS} == DECIMALS


@pytest.mark.parametrize(
    ("money", "words"),
    [(Money(4900, "usd"), "49.00 USD"), (Money(5, "eur"), "0.05 EUR"), (Money(123456, "jpy"), "123,456 JPY")],
)
def test_an_amount_is_written_with_its_currencys_decimals(money: Money, words: str) -> None:
    assert written(money) == words
