"""How one customer reads names, money, numbers, days and times."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_decimal, format_percent, parse_pattern

from domain.currencies import DECIMALS, shown_decimals

WITHOUT_A_COUNTRY = {"en": Locale("en", "GB")}
"""English of no country puts the day first and has 24 hours: most readers of it are not American."""

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str, limit: int | None = None) -> str:
    """Return *text* on one line, without what could break a header or turn the text around."""
    printable = "".join(" " if is_unprintable(character) else character for character in text)
    line = " ".join(printable.split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def is_unprintable(character: str) -> bool:
    """Whether it breaks a line, turns the text around or is no character at all."""
    return unicodedata.category(character) in _UNPRINTABLE or character in _DIRECTION_MARKS


def locale_of(tag: str) -> Locale | None:
    """Return the nearest locale that is known: "de-AT" or "de_AT" as it is, "de-XX" as "de"; None for "xx"."""
    parts = re.split(r"[-_]", re.split(r"[.@]", tag)[0])
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("_".join(parts[:length]))
        except (UnknownLocaleError, ValueError):
            continue
    return None


@dataclass(frozen=True)
class Formats:
    """The customer's clock and ways to write; names of days and months are in the language of the mail."""

    locale: Locale
    """Decides how numbers and money are written."""
    dates: Locale
    """Decides how days and hours are written; always in the mail's own language."""
    zone: tzinfo

    @classmethod
    def of(cls, tag: str, timezone: str, language: str = "en") -> "Formats":
        """Return what suits a reader's locale; an odd locale is read as *language*, an odd time zone as UTC."""
        written_in = Locale.parse(language)
        locale = locale_of(tag) or written_in
        dates = locale if locale.language == written_in.language else written_in
        return cls(locale, WITHOUT_A_COUNTRY.get(str(dates), dates), _zone(timezone))

    def money(self, amount: int, currency: str) -> str:
        """Format minor units: 4900, "usd" is "$49.00", or "49,00 $" in German."""
        code, digits = currency.upper(), shown_decimals(currency.lower())
        pattern = parse_pattern(self.locale.currency_formats["standard"])
        # Our own decimals, not the library's: the provider counts some currencies in other units than people do.
        pattern.frac_prec = (digits, digits)
        units = Decimal(amount).scaleb(-DECIMALS.get(currency.lower(), digits))
        written = one_line(pattern.apply(units, self.locale, currency=code, currency_digits=False))
        return re.sub(r"([A-Z]{3})(?=\d)", r"\1 ", written)  # "KWD 4.900", where locales put no space

    def number(self, value: Decimal) -> str:
        """Format 12000 as "12,000", or "12.000" in German."""
        return one_line(format_decimal(value, locale=self.locale))

    def percent(self, value: Decimal) -> str:
        """Format 90 as "90%", or "90 %" in German."""
        return one_line(format_percent(value / 100, locale=self.locale))

    def day(self, at: datetime) -> str:
        """Format as "Saturday, 5 December 2026"."""
        return one_line(format_date(at.astimezone(self.zone), "full", self.dates))

    def date(self, at: datetime) -> str:
        """Format as "5 December 2026"."""
        return one_line(format_date(at.astimezone(self.zone), "long", self.dates))

    def clock(self, at: datetime) -> str:
        """Format as "18:00", or "6:00 PM" for Americans."""
        return one_line(format_time(at, "short", tzinfo=self.zone, locale=self.dates))

    def zone_name(self, at: datetime) -> str:
        """Name the zone at that moment, "CET"; those without letters of their own are told from UTC."""
        local = at.astimezone(self.zone)
        for name in (get_timezone_name(local, "short", locale=self.dates), local.tzname() or ""):
            if name.isalpha():
                return name
        minutes = (local.utcoffset() or timedelta()) // timedelta(minutes=1)
        return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
