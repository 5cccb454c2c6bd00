"""What a template sees: a mail's facts, validated and formatted for one customer."""

import gettext
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from domain.formatting import one_line
from domain.notifications.links_of_mails import FLOW_OF_FACT
from domain.notifications.mail_types import FACTS, IncompleteMail, Occasion, missing_facts
from localization.formats import Formats

INSTANTS = (
    *("trial_ends_at", "period_start", "period_end", "paid_at", "next_attempt_at", "cancel_at", "keep_data_until"),
    *("change_at", "replaced_at", "renews_at", "resumes_at", "resets_at", "grace_ends_at", "failing_since"),
)
COUNTS = ("days_left", "attempt", "attempts", "quantity", "grace_days")
AMOUNTS = ("amount", "amount_due", "amount_paid", "refund_amount", "refunded_in_all", "due_now", "overage_amount")
BILL_AMOUNTS = ("invoice_total", "tax", "discount", "credit_applied")
TAKEN_OFF = ("discount", "credit_applied")
"""Written as negative amounts, as they reduce what is paid."""
NUMBERS = ("used", "limit", "percent", "ceiling", "overage_units")
BOOLEANS = (
    "has_card",
    "card_is_barred",
    "is_full_refund",
    "has_larger_plan",
    "tax_included",
    "disputed",
    "ends_pause",
    "bills_overage",
)
OWN_LINKS = (*FLOW_OF_FACT, "enter_url")
"""Links to our own pages; without one, a mail leads to the product."""
LINKS = ("invoice_url", "invoice_pdf", "action_url", *OWN_LINKS)
INTERVALS = ("month", "year")
CARD_BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
TEXT_LIMIT = 80


@dataclass(frozen=True)
class Moment:
    """An instant in the customer's calendar and time zone."""

    day: str
    """Saturday, 5 December 2026"""
    date: str
    """5 December 2026"""
    time: str
    """18:00 CET"""


Excess = list[tuple[str, str, str]]
"""Features used beyond their limit: name, usage and limit."""

Lines = list[tuple[str, str]]
"""Lines of a bill: what for, and how much."""

View = dict[str, str | int | bool | Moment | Excess | Lines | None]


def view_of(
    occasion: Occasion, facts: Mapping[str, str], formats: Formats, words: gettext.NullTranslations | None = None
) -> View:
    """Returns every fact under its name, formatted in the language of *words*; empty if it was omitted.

    Adds `price` ("$49.00 a month"), `card` ("Visa ending in 4242"), `your_card` (the same, or just "card") and
    `credit`, which replaces a negative `due_now`.

    Raises:
        IncompleteMail: a required fact is missing, or a fact is invalid; the message names it.
    """
    words = words or gettext.NullTranslations()
    given = {name: one_line(facts.get(name, "")) for name in FACTS}
    missing = missing_facts(occasion, given)
    if missing:
        raise IncompleteMail(f"a {occasion} mail cannot be rendered without {', '.join(missing)}")
    view: View = {name: one_line(value, TEXT_LIMIT) for name, value in given.items()}
    view |= {name: _moment(name, given[name], formats, words) for name in INSTANTS}
    view |= {name: _count(name, given[name]) for name in COUNTS}
    view |= {name: _link(name, given[name]) for name in LINKS}
    view |= {name: _number(name, given[name], formats) for name in NUMBERS}
    view |= {name: given[name] == "yes" for name in BOOLEANS}
    view["excess"] = _excess(given["excess"], formats)
    view["lines"] = _lines(given["lines"], given["currency"], formats)
    view |= _amounts(given, formats)
    view["nothing_due"] = given["amount_due"] == "0"
    view["price"] = _price(given["interval"], str(view["amount"]), words)
    view["card"] = _card(given, words)
    view["your_card"] = view["card"] or words.gettext("card")
    return view


def _moment(name: str, value: str, formats: Formats, words: gettext.NullTranslations) -> Moment | None:
    if not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise _invalid(name, value, "an instant such as 2026-12-05T09:00:00Z") from None
    if at.tzinfo is None:
        raise _invalid(name, value, "an instant with its zone, such as 2026-12-05T09:00:00Z")
    time = words.gettext("%(clock)s %(zone)s") % {"clock": formats.clock(at), "zone": formats.zone_name(at)}
    return Moment(formats.day(at), formats.date(at), time)


def _count(name: str, value: str) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise _invalid(name, value, "a whole number")
    return int(value)


def _link(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise _invalid(name, value, "a web address") from None
    if value and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise _invalid(name, value, "a web address that starts with https://")
    return value


def _number(name: str, value: str, formats: Formats) -> str:
    if not value:
        return ""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        raise _invalid(name, value, "a number such as 9000 or 1.5")
    return formats.percent(Decimal(value)) if name == "percent" else formats.number(Decimal(value))


def _excess(value: str, formats: Formats) -> Excess:
    try:
        found = json.loads(value or "[]")
        return [
            (one_line(str(name), TEXT_LIMIT), formats.number(Decimal(int(used))), formats.number(Decimal(int(has))))
            for name, used, has in found
        ]
    except (ValueError, TypeError):
        raise _invalid("excess", value, 'a list such as [["Users", 9, 3]]') from None


def _lines(value: str, currency: str, formats: Formats) -> Lines:
    try:
        return [
            (one_line(str(text), TEXT_LIMIT), formats.money(int(amount), currency))
            for text, amount in json.loads(value or "[]")
        ]
    except (ValueError, TypeError):
        raise _invalid("lines", value, 'a list such as [["Professional", 19900]]') from None


def _amounts(given: Mapping[str, str], formats: Formats) -> dict[str, str]:
    """Returns all amounts. The price of a change is either `due_now` or, if negative, `credit`."""
    names = (*AMOUNTS, *BILL_AMOUNTS)
    minor = {name: _minor_units(name, given[name]) for name in names if given["currency"] and given[name]}
    if minor and not re.fullmatch(r"[A-Za-z]{3}", given["currency"]):
        raise _invalid("currency", given["currency"], "three letters such as usd")
    due = minor.pop("due_now", 0)
    minor |= {name: -minor[name] for name in TAKEN_OFF if name in minor}
    minor |= {"due_now": due} if due > 0 else {"credit": -due} if due < 0 else {}
    written = {name: formats.money(units, given["currency"]) for name, units in minor.items()}
    return dict.fromkeys((*names, "credit"), "") | written


def _minor_units(name: str, value: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", value):
        raise _invalid(name, value, "minor units such as 4900")
    return int(value)


def _price(interval: str, amount: str, words: gettext.NullTranslations) -> str:
    if interval and interval not in INTERVALS:
        raise _invalid("interval", interval, " or ".join(INTERVALS))
    if not amount or not interval:
        return amount
    by_interval = words.gettext("%(amount)s a month") if interval == "month" else words.gettext("%(amount)s a year")
    return by_interval % {"amount": amount}


def _card(given: Mapping[str, str], words: gettext.NullTranslations) -> str:
    last4 = one_line(given["card_last4"], 4)
    if not last4:
        return ""
    brand = CARD_BRANDS.get(given["card_brand"].lower())
    if brand is None:
        return words.gettext("card ending in %(last4)s") % {"last4": last4}
    return words.gettext("%(brand)s ending in %(last4)s") % {"brand": brand, "last4": last4}


def _invalid(name: str, value: str, expected: str) -> IncompleteMail:
    return IncompleteMail(f"{name} is {value!r}, which is not {expected}")
