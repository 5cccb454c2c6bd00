"""Formats names, money, numbers, days and times for one customer."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_decimal, format_percent, parse_pattern

from domain.formatting import one_line
from domain.money import DECIMALS, shown_decimals

LOCALE_WITHOUT_COUNTRY = {"en": Locale("en", "GB")}
"""English without a country writes the day first and uses 24 hours: most of its readers are not American."""

_MOST_PARTS: Final = 4
"""Of a locale: language, script, country and variant."""


def locale_of(tag: str) -> Locale | None:
    """Returns the nearest known locale: "de-AT" or "de_AT" as it is, "de-XX" as "de"; None for "xx"."""
    # Not the rest of a longer one: each part would be tried, and anybody may send a tag.
    parts = re.split(r"[-_]", re.split(r"[.@]", tag, maxsplit=1)[0], maxsplit=_MOST_PARTS)[:_MOST_PARTS]
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("_".join(parts[:length]))
        except (UnknownLocaleError, ValueError):
            continue
    return None


@dataclass(frozen=True)
class Formats:
    """A customer's time zone and number formats. Names of days and months are in the language of the mail."""

    locale: Locale
    """Decides how numbers and money are written."""
    dates: Locale
    """Decides how days and hours are written; always in the mail's own language."""
    zone: tzinfo

    @classmethod
    def of(cls, tag: str, timezone: str, language: str = "en") -> "Formats":
        """Returns the formats for a locale. An unknown locale falls back to *language*, an unknown time zone to UTC."""
        own_locale = Locale.parse(language)
        locale = locale_of(tag) or own_locale
        dates = locale if locale.language == own_locale.language else own_locale
        return cls(locale, LOCALE_WITHOUT_COUNTRY.get(str(dates), dates), _zone(timezone))

    @property
    def key(self) -> str:
        """The same for formats that write everything alike."""
        return f"{self.locale} {self.dates} {self.zone}"

    def money(self, amount: int, currency: str) -> str:
        """Formats minor units: 4900, "usd" is "$49.00", or "49,00 $" in German."""
        code, digits = currency.upper(), shown_decimals(currency.lower())
        pattern = parse_pattern(self.locale.currency_formats["standard"])
        # Our own decimals, not the library's: the provider's minor unit of some currencies differs from the usual one.
        pattern.frac_prec = (digits, digits)
        units = Decimal(amount).scaleb(-DECIMALS.get(currency.lower(), digits))
        written = one_line(pattern.apply(units, self.locale, currency=code, currency_digits=False))
        return re.sub(r"([A-Z]{3})(?=\d)", r"\1 ", written)  # "KWD 4.900", where locales put no space

    def number(self, value: Decimal) -> str:
        """Formats 12000 as "12,000", or "12.000" in German."""
        return one_line(format_decimal(value, locale=self.locale))

    def percent(self, value: Decimal) -> str:
        """Formats 90 as "90%", or "90 %" in German."""
        return one_line(format_percent(value / 100, locale=self.locale))

    def day(self, at: datetime) -> str:
        """Formats as "Saturday, 5 December 2026"."""
        return one_line(format_date(at.astimezone(self.zone), "full", self.dates))

    def date(self, at: datetime) -> str:
        """Formats as "5 December 2026"."""
        return one_line(format_date(at.astimezone(self.zone), "long", self.dates))

    def clock(self, at: datetime) -> str:
        """Formats as "18:00", or "6:00 PM" for Americans."""
        return one_line(format_time(at, "short", tzinfo=self.zone, locale=self.dates))

    def country(self, code: str) -> str:
        """Names a country: "DE" is "Germany", or "Deutschland" in German. A code that is not known stays as it is."""
        return str(self.dates.territories.get(code.upper(), code))

    def zone_name(self, at: datetime) -> str:
        """Names the zone at that instant, "CET"; the offset from UTC for zones without a name."""
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
