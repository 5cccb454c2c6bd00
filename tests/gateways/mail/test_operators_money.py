"""Operators' money is written without Babel, which workflows must not know, and reads as Americans read it in mails."""

import pytest

from domain.money import DECIMALS, Money, formatted, step
from localization.formats import Formats

AMERICAN = Formats.of("en-US", "UTC")


@pytest.mark.parametrize("amount", [0, 1, -1, 49_00, -123_456_00])
def test_operators_read_what_an_american_reads_in_mails(amount: int) -> None:
    chargeable = {currency: amount * step(currency) for currency in DECIMALS}

    read = {currency: formatted(Money(units, currency)) for currency, units in chargeable.items()}
    assert read == {currency: AMERICAN.money(units, currency) for currency, units in chargeable.items()}
