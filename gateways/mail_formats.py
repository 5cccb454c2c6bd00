"""How one customer reads names, money, days and times.

English only so far. A library of locale data belongs in `Formats` and nowhere else.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NAME_LIMIT = 60
DEFAULT_EXPONENT = 2
WITHOUT_DECIMALS = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
        *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
WITH_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
EXPONENTS = dict.fromkeys(WITHOUT_DECIMALS, 0) | dict.fromkeys(WITH_THREE_DECIMALS, 3)
"""Digits after the point, by ISO 4217; every currency that is not named has two."""
SYMBOLS = {
    "AUD": "A$",
    "BRL": "R$",
    "CAD": "CA$",
    "CNY": "CN¥",
    "EUR": "€",
    "GBP": "£",
    "INR": "₹",
    "JPY": "¥",
    "KRW": "₩",
    "NZD": "NZ$",
    "USD": "$",
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION_MARKS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LOOKS_LIKE_A_LINK = re.compile(r"://|@|\w\.\w{2,}")


def one_line(text: str, limit: int | None = None) -> str:
    """Return *text* on one line, without what could break a header or turn the text around."""
    printable = "".join(" " if _is_unprintable(character) else character for character in text)
    line = " ".join(printable.split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def greeting_name(name: str | None) -> str:
    """Return the name to greet with, or nothing if it is more of an advertisement than a name."""
    line = one_line(name or "", NAME_LIMIT)
    return "" if _LOOKS_LIKE_A_LINK.search(line) else line


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE or character in _DIRECTION_MARKS


@dataclass(frozen=True)
class Formats:
    """The customer's language and clock; an unknown time zone is read as UTC."""

    locale: str
    timezone: str

    def money(self, amount: int, currency: str) -> str:
        """Format minor units: 4900, "usd" is "$49.00"."""
        code = currency.upper()
        digits = EXPONENTS.get(code, DEFAULT_EXPONENT)
        whole, rest = divmod(abs(amount), 10**digits)
        number = f"{whole:,}.{rest:0{digits}}" if digits else f"{whole:,}"
        return f"{'-' if amount < 0 else ''}{SYMBOLS.get(code, code + ' ')}{number}"

    def day(self, at: datetime) -> str:
        """Format as "Saturday, 5 December 2026", or the American way."""
        return f"{self._weekday(at)}, {self.date(at)}"

    def short(self, at: datetime) -> str:
        """Format as "Saturday, 5 December", or the American way."""
        return f"{self._weekday(at)}, {self._day_and_month(at)}"

    def date(self, at: datetime) -> str:
        """Format as "5 December 2026", or the American way."""
        comma = "," if self._is_american else ""
        return f"{self._day_and_month(at)}{comma} {at.astimezone(self.zone).year}"

    def time(self, at: datetime) -> str:
        """Format as "18:00 CET", or the American way."""
        local = at.astimezone(self.zone)
        if self._is_american:
            return f"{local.hour % 12 or 12}:{local:%M} {'AM' if local.hour < 12 else 'PM'} {_zone_name(local)}"
        return f"{local:%H:%M} {_zone_name(local)}"

    @property
    def zone(self) -> tzinfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    def _weekday(self, at: datetime) -> str:
        return DAYS[at.astimezone(self.zone).weekday()]

    def _day_and_month(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        month = MONTHS[local.month - 1]
        return f"{month} {local.day}" if self._is_american else f"{local.day} {month}"

    @property
    def _is_american(self) -> bool:
        return self.locale.replace("_", "-").lower() == "en-us"


def _zone_name(local: datetime) -> str:
    """Name the zone at that moment; those without letters of their own are told from UTC."""
    name = local.tzname() or "UTC"
    if name[0] not in "+-":
        return name
    minutes = (local.utcoffset() or timedelta()) // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
