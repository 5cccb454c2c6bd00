"""Money, numbers, days and times as one customer writes them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notifications.mail_types import Occasion
from localization.formats import Formats
from tests.gateways.mails import ADA, FULL_FACTS, assert_both_say, renderer, write


@pytest.mark.parametrize(
    ("locale", "zone", "said"),
    [
        ("en", "Europe/Berlin", "Sunday, 6 December 2026 at 00:30 CET"),
        ("en-US", "America/New_York", "Saturday, December 5, 2026 at 6:30 PM EST"),
        ("en_US", "America/Los_Angeles", "Saturday, December 5, 2026 at 3:30 PM PST"),
        ("en", "America/Sao_Paulo", "Saturday, 5 December 2026 at 20:30 UTC-03:00"),
        ("en", "Asia/Kathmandu", "Sunday, 6 December 2026 at 05:15 UTC+05:45"),
        ("en", "UTC", "Saturday, 5 December 2026 at 23:30 UTC"),
        ("", "Middle/Earth", "Saturday, 5 December 2026 at 23:30 UTC"),
        ("xx", "../etc/passwd", "Saturday, 5 December 2026 at 23:30 UTC"),
    ],
)
def test_an_instant_is_shown_in_the_customers_calendar(locale: str, zone: str, said: str) -> None:
    facts = FULL_FACTS | {"trial_ends_at": "2026-12-05T23:30:00Z"}
    reader = replace(ADA, locale=locale, timezone=zone)
    assert said in renderer().render(Occasion.TRIAL_STARTED, facts, reader).text


def test_a_clock_change_shows_in_the_zone_name() -> None:
    assert "at 09:00 CEST" in write(Occasion.TRIAL_STARTED, trial_ends_at="2026-10-24T07:00:00Z").text
    assert "at 09:00 CET" in write(Occasion.TRIAL_STARTED, trial_ends_at="2026-10-26T08:00:00Z").text


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        ("4900", "usd", "$49.00"),
        ("1999", "EUR", "€19.99"),
        ("123456789", "usd", "$1,234,567.89"),
        ("5", "gbp", "£0.05"),
        ("4900", "jpy", "¥4,900"),
        ("4900", "krw", "₩4,900"),
        ("4900", "kwd", "KWD 4.900"),
        ("4900", "sek", "SEK 49.00"),
        ("-4900", "usd", "-$49.00"),
        ("0", "usd", "$0.00"),
    ],
)
def test_money_is_shown_with_its_currencys_decimals(amount: str, currency: str, said: str) -> None:
    mail = write(Occasion.ACTION_REQUIRED, amount_due=amount, currency=currency)
    assert mail.subject == f"Please confirm your payment of {said}"


def test_a_yearly_price_is_shown_per_year() -> None:
    mail = write(Occasion.TRIAL_STARTED, interval="year", trial_ends_at="2026-12-05T17:30:00Z")
    assert_both_say(mail, "$199.00 a year")


def test_an_unknown_kind_of_card_is_a_card() -> None:
    assert_both_say(
        write(Occasion.ACTION_REQUIRED, card_brand="hologram", card_last4="0007"), "with your card ending in 0007"
    )


@pytest.mark.parametrize(
    ("locale", "money", "day", "clock", "number", "percent"),
    [
        ("en", "$1,234.50", "Saturday, 5 December 2026", "18:30 CET", "12,000.5", "90%"),
        ("en-GB", "US$1,234.50", "Saturday, 5 December 2026", "18:30 CET", "12,000.5", "90%"),
        ("en-US", "$1,234.50", "Saturday, December 5, 2026", "6:30 PM CET", "12,000.5", "90%"),
        ("de", "1.234,50 $", "Samstag, 5. Dezember 2026", "18:30 MEZ", "12.000,5", "90 %"),
        ("de-AT", "$ 1.234,50", "Samstag, 5. Dezember 2026", "18:30 MEZ", "12.000,5", "90 %"),
        ("de_DE.UTF-8", "1.234,50 $", "Samstag, 5. Dezember 2026", "18:30 MEZ", "12.000,5", "90 %"),
        ("de-ZZ", "1.234,50 $", "Samstag, 5. Dezember 2026", "18:30 MEZ", "12.000,5", "90 %"),
        ("pt-BR", "US$ 1.234,50", "Saturday, 5 December 2026", "18:30 CET", "12.000,5", "90%"),
        ("fr", "1 234,50 $US", "Saturday, 5 December 2026", "18:30 CET", "12 000,5", "90 %"),
        ("tlh", "$1,234.50", "Saturday, 5 December 2026", "18:30 CET", "12,000.5", "90%"),
    ],
)
def test_numbers_follow_the_customer_and_names_of_days_the_language_of_the_mail(
    locale: str, money: str, day: str, clock: str, number: str, percent: str
) -> None:
    at = datetime(2026, 12, 5, 17, 30, tzinfo=UTC)
    formats = Formats.of(locale, "Europe/Berlin", "de" if locale.startswith("de") else "en")

    assert formats.money(123450, "usd") == money
    assert (formats.day(at), f"{formats.clock(at)} {formats.zone_name(at)}") == (day, clock)
    assert (formats.number(Decimal("12000.5")), formats.percent(Decimal(90))) == (number, percent)


@given(
    locale=st.one_of(
        st.text(max_size=20), st.sampled_from(["ar-EG", "fa", "he", "ja", "hi-IN", "sr-Latn", "zh-Hant-TW"])
    ),
    zone=st.one_of(st.text(max_size=20), st.sampled_from(["Asia/Kathmandu", "America/New_York", "Etc/GMT+12"])),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    amount=st.integers(-(10**9), 10**9),
)
def test_an_unknown_locale_or_zone_stops_no_mail(locale: str, zone: str, at: datetime, amount: int) -> None:
    formats = Formats.of(locale, zone)
    told = [formats.money(amount, "eur"), formats.day(at), formats.date(at), formats.clock(at), formats.zone_name(at)]

    assert all(told)
    assert not set("".join(told)) & set("\u00a0\u202f\u2009\u200e\u200f\n"), "plain spaces, nothing unseen"
