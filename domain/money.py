"""Money in integer minor units."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.currencies import DECIMALS, shown_decimals

_SYMBOLS: Final = {
    "aud": "A$", "brl": "R$", "cad": "CA$", "cny": "CN¥", "eur": "€", "gbp": "£", "hkd": "HK$", "ils": "₪", "inr": "₹",
    "jpy": "¥", "krw": "₩", "mxn": "MX$", "nzd": "NZ$", "php": "₱", "twd": "NT$", "usd": "$", "vnd": "₫", "xaf": "FCFA",
    "xcd": "EC$", "xcg": "Cg.", "xof": "F CFA", "xpf": "CFPF",
}  # fmt: skip
"""What Americans write instead of the currency's code."""


@dataclass(frozen=True)
class Money:
    """An amount in the minor unit of its currency: 4900 usd is forty-nine dollars."""

    amount: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount * times, self.currency)


def formatted(money: Money) -> str:
    """An amount as operators read it, in American English: "$49.00", "-$5.00", "¥500", "CHF 49.00".

    What customers read is formatted for their own locale, by the mails.
    """
    currency = money.currency.lower()
    decimals = shown_decimals(currency)
    amount = Decimal(abs(money.amount)).scaleb(-DECIMALS.get(currency, decimals))
    symbol = _SYMBOLS.get(currency, currency.upper())
    return f"{'-' if money.amount < 0 else ''}{symbol}{' ' if symbol[-1].isalpha() else ''}{amount:,.{decimals}f}"
