"""What a template sees: a mail's facts, checked and made readable for one customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from domain.mails import FACTS, IncompleteMail, Occasion, missing_facts
from gateways.mail_formats import Formats, one_line

INSTANTS = ("trial_ends_at", "period_end", "next_attempt_at", "cancel_at", "keep_data_until")
COUNTS = ("days_left", "attempt", "attempts")
LINKS = ("invoice_url", "invoice_pdf", "action_url", "billing_url")
PER = {"month": "a month", "year": "a year"}
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
    """An instant as the customer's calendar and clock show it."""

    day: str
    """Saturday, 5 December 2026"""
    date: str
    """5 December 2026"""
    short: str
    """Saturday, 5 December"""
    time: str
    """18:00 CET"""


View = dict[str, str | int | bool | Moment | None]


def view_of(occasion: Occasion, facts: Mapping[str, str], formats: Formats) -> View:
    """Return every fact under its name, readable; one that was left out is empty.

    Raises:
        IncompleteMail: a required fact is missing, or one makes no sense; the message names it.
    """
    told = {name: one_line(facts.get(name, "")) for name in FACTS}
    missing = missing_facts(occasion, told)
    if missing:
        raise IncompleteMail(f"a {occasion} mail cannot be written without {', '.join(missing)}")
    view: View = {name: one_line(value, TEXT_LIMIT) for name, value in told.items()}
    view |= {name: _moment(name, told[name], formats) for name in INSTANTS}
    view |= {name: _count(name, told[name]) for name in COUNTS}
    view |= {name: _link(name, told[name]) for name in LINKS}
    view |= {"amount": _money(told, formats), "has_card": told["has_card"] == "yes"}
    view |= {"per": _per(told["interval"]), "card": _card(told)}
    return view


def _moment(name: str, value: str, formats: Formats) -> Moment | None:
    if not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise _nonsense(name, value, "an instant such as 2026-12-05T09:00:00Z") from None
    if at.tzinfo is None:
        raise _nonsense(name, value, "an instant with its zone, such as 2026-12-05T09:00:00Z")
    return Moment(formats.day(at), formats.date(at), formats.short(at), formats.time(at))


def _count(name: str, value: str) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise _nonsense(name, value, "a whole number")
    return int(value)


def _link(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise _nonsense(name, value, "a web address") from None
    if value and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise _nonsense(name, value, "a web address that begins with https://")
    return value


def _money(told: Mapping[str, str], formats: Formats) -> str:
    amount, currency = told["amount"], told["currency"]
    if not amount or not currency:
        return ""
    digits = amount.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise _nonsense("amount", amount, "minor units such as 4900")
    if not (currency.isascii() and currency.isalpha() and len(currency) == 3):
        raise _nonsense("currency", currency, "three letters such as usd")
    return formats.money(int(amount), currency)


def _per(interval: str) -> str:
    if interval and interval not in PER:
        raise _nonsense("interval", interval, " or ".join(PER))
    return PER.get(interval, "")


def _card(told: Mapping[str, str]) -> str:
    brand, last4 = told["card_brand"], told["card_last4"]
    if not last4:
        return ""
    known = CARD_BRANDS.get(brand.lower(), "card")
    return f"{known} ending in {one_line(last4, 4)}"


def _nonsense(name: str, value: str, expected: str) -> IncompleteMail:
    return IncompleteMail(f"{name} is {value!r}, which is not {expected}")
