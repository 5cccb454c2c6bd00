"""The mails of a subscription's life: their occasions, what each must tell, and what is sent in the end."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    CARD_EXPIRING = "card_expiring"
    """The card on file will not be good any more when the next payment is due."""
    RENEWAL_AHEAD = "renewal_ahead"
    """A yearly renewal comes up."""
    PLAN_CHANGED = "plan_changed"
    """Plan, interval, quantity or add-ons are others from now on."""
    PLAN_CHANGE_SCHEDULED = "plan_change_scheduled"
    """They will be others when the paid period ends."""
    PAUSED = "paused"
    """Nothing is billed and nothing can be used for a while, by the customer's wish."""
    RESUMED = "resumed"
    """The pause is over."""
    MOVED_TO_FREE = "moved_to_free"
    """What was paid for or tried is over, and the free plan goes on."""
    REFUNDED = "refunded"
    """Money was given back."""
    USAGE_WARNING = "usage_warning"
    """A limit of the plan is nearly used up."""
    USAGE_LIMIT = "usage_limit"
    """A limit of the plan is used up."""


FACTS: Final[Mapping[str, str]] = {
    "plan": "the plan's code",
    "plan_name": "the plan's name for people",
    "interval": "month or year",
    "amount": "minor units of the currency, as '4900'",
    "currency": "ISO 4217, as 'usd'",
    "amount_due": "minor units to be paid with the bill that the mail is about; missing: not known, no sum is told",
    "trial_ends_at": "instant: the end of the trial",
    "days_left": "whole days until the trial ends",
    "trial_end": "suspend, cancel or free_plan: what the end of a trial without a card brings; missing: suspend",
    "free_plan_name": "the name of the plan that goes on for nothing then",
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
    "canceled_reason": "what has ended it: nonpayment, trial_expired or another end_kind",
    "keep_data_until": "instant until which the data is kept",
    "billing_url": "the customer's own billing page",
    "reason": "nonpayment; any other word is kept from the customer",
    "old_plan_name": "the name of the plan there was before; the same as plan_name when only other things change",
    "quantity": "how many of the plan, '3'",
    "due_now": "minor units that a change has cost at once; negative: a credit for later bills; missing: nothing",
    "change_at": "instant at which a change takes effect",
    "replaced_plan_name": "the plan of a planned change whose place this one takes; missing: none was planned",
    "replaced_at": "instant at which that one would have taken effect",
    "excess": 'of what more is used than the plan has, as JSON: [["Users", 9, 3]]; missing: all of it fits',
    "renews_at": "instant of the next bill",
    "card_exp": "the card's last month, '04/2027'",
    "resumes_at": "instant at which a pause ends by itself; missing: only when the customer says so",
    "refund_amount": "minor units that were given back just now",
    "refunded_in_all": "minor units that were given back of that payment in all; missing: nothing was before",
    "amount_paid": "minor units that were paid with the bill that money is given back of; missing: not known",
    "is_full_refund": "yes or no: whether the whole bill was given back",
    "meter_name": "what is counted, for people: 'API calls'",
    "used": "how much of it was used, '9000'",
    "limit": "how much the plan has, '10000'",
    "percent": "used in percent of the limit, '90'",
    "resets_at": "instant at which counting begins anew; missing: it never does",
    "grace_ends_at": "instant until which use beyond the limit is let pass; missing: it is not",
    "grace_days": "for so many days from when the limit is reached; missing: it is not let pass",
    "ceiling": "how much may be used in all as long as it is let pass, '11000'",
    "beyond_limit": "billed or free: use beyond the limit goes on; missing: grace and ceiling tell",
    "overage_amount": "minor units that use beyond the limit costs",
    "overage_units": "so many cost that, '1000'",
    "has_larger_plan": "yes or no: whether there is a plan to go to that has more of it; missing: no",
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
    Occasion.CARD_EXPIRING: _PRICE | {"renews_at", "card_brand", "card_last4", "card_exp"},
    Occasion.RENEWAL_AHEAD: _PRICE | {"interval", "renews_at"},
    Occasion.PLAN_CHANGED: _PRICE | {"interval", "old_plan_name"},
    Occasion.PLAN_CHANGE_SCHEDULED: _PRICE | {"interval", "old_plan_name", "change_at"},
    Occasion.PAUSED: frozenset({"plan_name"}),
    Occasion.RESUMED: frozenset({"plan_name"}),
    Occasion.MOVED_TO_FREE: frozenset({"plan_name", "old_plan_name"}),
    Occasion.REFUNDED: frozenset({"plan_name", "currency", "refund_amount", "is_full_refund"}),
    Occasion.USAGE_WARNING: frozenset({"plan_name", "meter_name", "used", "limit", "percent"}),
    Occasion.USAGE_LIMIT: frozenset({"plan_name", "meter_name", "used", "limit", "percent"}),
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


def sender_of(from_: str) -> tuple[str, str]:
    """Return the name and the address of "Acme, Inc. <billing@acme.example>"; no name if it is an address alone."""
    name, bracket, rest = from_.strip().rpartition("<")
    if not bracket:
        return "", rest
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return name, rest.removesuffix(">").strip()


def message_id_for(mail_id: str, from_address: str) -> str:
    """Return the Message-ID of a mail: always the same, so that a second copy of it shows as one.

    Raises:
        ValueError: the sender's address is none, or has its domain not in ASCII.
    """
    domain = sender_of(from_address)[1].partition("@")[2]
    if not domain or not domain.isascii():
        raise ValueError(f"{from_address!r} is no mail address: write it as 'Name <billing@example.com>'")
    return f"<{quote(mail_id, safe='/+')}@{domain}>"
