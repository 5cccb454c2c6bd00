"""Prices as written in files, 49.00, and as stored, 4900."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from domain.money import DECIMALS, Money, max_amount, step

_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_PERCENT = re.compile(r"([0-9]{1,2}(?:\.[0-9]+)?) ?%")


@dataclass(frozen=True)
class Discount:
    """The yearly discount compared with twelve months."""

    percent: Decimal

    @classmethod
    def of(cls, written: object) -> "Discount":
        """Read "10%".

        Raises:
            ValueError: it is not a percentage, or zero.
        """
        found = _PERCENT.fullmatch(written) if isinstance(written, str) else None
        if found is None or not Decimal(found[1]):
            raise ValueError("must be above 0% and below 100%, like 10%")
        return cls(Decimal(found[1]))

    def year(self, month: Money) -> Money:
        """Twelve months less the discount, rounded half up to the smallest chargeable amount."""
        exact = 12 * month.amount * (100 - self.percent) / 100
        chargeable = step(month.currency)
        return Money(int((exact / chargeable).quantize(Decimal(1), ROUND_HALF_UP)) * chargeable, month.currency)


def amount_of(written: object, currency: str) -> int:
    """Parse a price in *currency* into minor units.

    Raises:
        ValueError: it is not a price, has more decimals than the currency, or is outside what providers charge.
    """
    text = str(written) if isinstance(written, int | Decimal | str) and not isinstance(written, bool) else ""
    if not _PRICE.fullmatch(text):
        raise ValueError("must be a price like 49 or 49.00")
    price, decimals = Decimal(text), DECIMALS[currency]
    amount = price.scaleb(decimals)
    if amount % step(currency):
        usable = decimals - len(str(step(currency))) + 1
        raise ValueError(f"must have {f'at most {usable}' if usable else 'no'} decimals in {currency}, not {text}")
    if not 0 < amount <= max_amount(currency):
        most = Decimal(max_amount(currency)).scaleb(-decimals)
        raise ValueError(f"must be above 0 and at most {most}; a free plan has `prices: free`")
    return int(amount)
