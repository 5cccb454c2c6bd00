"""The mails of a subscription's life: their occasions, what each must tell, and what is sent in the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from domain.errors import TenureError


class Occasion(StrEnum):
    """Why a customer hears from us."""

    TRIAL_STARTED = "trial_started"
    """A trial has begun."""
    TRIAL_ENDING = "trial_ending"
    """A trial ends in so many days."""
    TRIAL_EXPIRED = "trial_expired"
    """A trial has ended and no card was on file."""
    CONVERTED = "converted"
    """The subscription is a paid one from now on."""
    RECEIPT = "receipt"
    """An invoice has been paid."""
    PAYMENT_FAILED = "payment_failed"
    """A payment was declined; recovery goes on."""
    ACTION_REQUIRED = "action_required"
    """The customer's bank wants the customer to confirm a payment."""
    SUSPENDED = "suspended"
    """Access is off; the data is kept."""
    REACTIVATED = "reactivated"
    """Access is back after a suspension."""
    CANCELED = "canceled"
    """The subscription has ended."""
    CANCELLATION_SCHEDULED = "cancellation_scheduled"
    """The subscription will end on a day that is known; until then it can be kept."""


FACTS: Final[Mapping[str, str]] = {
    "plan": "the plan's code",
    "plan_name": "the plan's name for people",
    "interval": "month or year",
    "amount": "minor units of the currency, as '4900'",
    "currency": "ISO 4217, as 'usd'",
    "trial_ends_at": "instant: the end of the trial",
    "days_left": "whole days until the trial ends",
    "has_card": "yes or no: whether a card is on file",
    "card_brand": "as the provider names it, 'visa'",
    "card_last4": "the card's last four digits",
    "period_end": "instant: the end of the period that is paid for",
    "invoice_number": "the invoice's number for people",
    "invoice_url": "the invoice as a page",
    "invoice_pdf": "the invoice as a file",
    "attempt": "which try has failed, from 1",
    "attempts": "how many tries there are in all",
    "next_attempt_at": "instant of the next try; missing after the last one",
    "decline_code": "why the card was declined, 'insufficient_funds'",
    "access": "full, limited or none: what the customer may use from now on",
    "action_url": "where the customer puts right what this mail is about",
    "cancel_at": "instant at which the subscription ends if nothing changes",
    "canceled_reason": "nonpayment or trial_expired; any other word is kept from the customer",
    "keep_data_until": "instant until which the data is kept",
    "billing_url": "the customer's own billing page",
    "reason": "nonpayment; any other word is kept from the customer",
}
"""What a mail may state, all of it strings; instants are RFC 3339. An empty string counts as left out."""

_PRICE = frozenset({"plan_name", "amount", "currency"})

REQUIRED_FACTS: Final[Mapping[Occasion, frozenset[str]]] = {
    Occasion.TRIAL_STARTED: _PRICE | {"interval", "trial_ends_at", "has_card"},
    Occasion.TRIAL_ENDING: _PRICE | {"interval", "trial_ends_at", "has_card", "days_left"},
    Occasion.TRIAL_EXPIRED: frozenset({"plan_name"}),
    Occasion.CONVERTED: _PRICE | {"interval"},
    Occasion.RECEIPT: _PRICE | {"invoice_number"},
    Occasion.PAYMENT_FAILED: _PRICE | {"attempt", "attempts"},
    Occasion.ACTION_REQUIRED: _PRICE,
    Occasion.SUSPENDED: frozenset({"plan_name"}),
    Occasion.REACTIVATED: frozenset({"plan_name"}),
    Occasion.CANCELED: frozenset({"plan_name"}),
    Occasion.CANCELLATION_SCHEDULED: frozenset({"plan_name", "cancel_at"}),
}
"""Without these a mail cannot be written; all other facts may be left out of any mail."""


class IncompleteMail(TenureError):
    """A mail lacks a required fact or has one that makes no sense: a mistake of ours, to be mended."""

    code = "incomplete_mail"


@dataclass(frozen=True)
class Mail:
    """A mail to be sent, as the workflow decides it: no address, no name."""

    key: str
    """Unique per subscription, as "trial_ending/2026-12-05T00:00:00Z/3"."""
    occasion: Occasion
    at: datetime
    """The moment in the subscription's time at which it was decided."""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipient:
    """Who a mail is written for."""

    email: str
    name: str | None = None
    locale: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True)
class Rendered:
    """A mail as its reader sees it."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class OutgoingMail:
    """A mail as it goes over the wire. Sent twice, it is the same to the last byte."""

    message_id: str
    to: str
    to_name: str | None
    from_: str
    """An address, or a name with one: "Acme <billing@acme.example>"."""
    subject: str
    text: str
    html: str
    date: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


def missing_facts(occasion: Occasion, facts: Mapping[str, str]) -> list[str]:
    """Name the facts that a mail of this occasion still lacks, in alphabetical order."""
    return sorted(name for name in REQUIRED_FACTS[occasion] if not facts.get(name))


def message_id_for(mail_id: str, from_address: str) -> str:
    """Return the Message-ID of a mail: always the same, so that a second copy of it shows as one."""
    domain = parseaddr(from_address)[1].partition("@")[2]
    if not domain:
        raise ValueError(f"{from_address!r} is no mail address: write it as 'Name <billing@example.com>'")
    return f"<{quote(mail_id, safe='/+')}@{domain.encode('idna').decode()}>"
