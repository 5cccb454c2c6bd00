"""Money in integer minor units, and the currencies we can charge in (docs.stripe.com/currencies).

Amounts use the provider's decimals, which differ from ISO 4217 for some currencies: 500 Icelandic kronur are 50000.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_WITHOUT_DECIMALS = (
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
)
_WITH_TWO = (
    *("aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bmd", "bnd"),
    *("bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny", "cop", "crc", "cve", "czk", "dkk", "dop"),
    *("dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gtq", "gyd", "hkd", "hnl", "htg", "huf"),
    *("idr", "ils", "inr", "isk", "jmd", "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad"),
    *("mdl", "mkd", "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr"),
    *("nzd", "pab", "pen", "pgk", "php", "pkr", "pln", "qar", "ron", "rsd", "rub", "sar", "sbd", "scr", "sek", "sgd"),
    *("shp", "sle", "sos", "srd", "std", "szl", "thb", "tjs", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "usd"),
    *("uyu", "uzs", "wst", "xcd", "xcg", "yer", "zar", "zmw"),
)
_WITH_THREE = ("bhd", "jod", "kwd", "omr", "tnd")
DECIMALS = dict.fromkeys(_WITHOUT_DECIMALS, 0) | dict.fromkeys(_WITH_TWO, 2) | dict.fromkeys(_WITH_THREE, 3)
"""Decimal places the provider uses, for each currency it can charge."""

_STEPS = dict.fromkeys(_WITH_THREE, 10) | dict.fromkeys(("isk", "ugx"), 100)
_MAX_AMOUNTS = {"idr": 999_999_999_999}
_MAX_AMOUNT = 99_999_999
"""Eight digits of minor units: the maximum for all other currencies."""


def max_amount(currency: str) -> int:
    """The most that can be charged at once, in minor units: 99999999 usd, 999999999999 idr."""
    return _MAX_AMOUNTS.get(currency, _MAX_AMOUNT)


def step(currency: str) -> int:
    """The number of minor units that every amount must be a multiple of: 1 usd, 10 kwd, 100 isk (no half kronur)."""
    return _STEPS.get(currency, 1)


def shown_decimals(currency: str) -> int:
    """Decimal places to display: none for isk, although its amounts are in hundredths."""
    return 0 if step(currency) == 100 else DECIMALS.get(currency, 2)


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
