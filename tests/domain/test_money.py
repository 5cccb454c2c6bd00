"""Sums of money."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money, formatted

AMOUNTS = st.integers(min_value=-(10**12), max_value=10**12)


@given(AMOUNTS, AMOUNTS)
def test_sums_are_exact_to_the_minor_unit(one: int, other: int) -> None:
    assert Money(one, "usd") + Money(other, "usd") == Money(one + other, "usd")


@given(AMOUNTS, st.integers(min_value=0, max_value=50))
def test_multiplying_an_amount_equals_adding_it_repeatedly(amount: int, times: int) -> None:
    total = Money(0, "usd")
    for _ in range(times):
        total += Money(amount, "usd")
    assert Money(amount, "usd") * times == total


def test_currencies_are_never_added_up() -> None:
    with pytest.raises(ValueError, match=r"^cannot add eur to usd$"):
        Money(1, "usd") + Money(1, "eur")


@pytest.mark.parametrize(
    ("money", "words"),
    [
        (Money(4900, "usd"), "$49.00"),
        (Money(4900, "USD"), "$49.00"),
        (Money(-500, "usd"), "-$5.00"),
        (Money(123456789, "usd"), "$1,234,567.89"),
        (Money(5, "eur"), "€0.05"),
        (Money(123456, "jpy"), "¥123,456"),
        (Money(4900, "chf"), "CHF 49.00"),
        (Money(4900, "kwd"), "KWD 4.900"),
        (Money(50000, "isk"), "ISK 500"),
        (Money(100, "xyz"), "XYZ 1.00"),
    ],
)
def test_an_amount_has_its_currencys_symbol_and_decimals(money: Money, words: str) -> None:
    assert formatted(money) == words
