"""Mails to customers: their occasions, the facts each needs, and their rendered form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from domain.errors import TenureError


class Occasion(StrEnum):
    """Why a mail is sent."""

    TRIAL_STARTED = "trial_started"
    """A trial has begun."""
    TRIAL_ENDING = "trial_ending"
    """A trial ends in `days_left` days."""
    TRIAL_EXPIRED = "trial_expired"
    """A trial has ended without a card on file."""
    CONVERTED = "converted"
    """The subscription is now paid."""
    RECEIPT = "receipt"
    """An invoice has been paid."""
    PAYMENT_FAILED = "payment_failed"
    """A payment was declined; recovery continues."""
    ACTION_REQUIRED = "action_required"
    """The customer's bank requires them to confirm a payment."""
    SUSPENDED = "suspended"
    """Access is off; the data is kept."""
    REACTIVATED = "reactivated"
    """Access is back after a suspension."""
    CANCELED = "canceled"
    """The subscription has ended."""
    CANCELLATION_SCHEDULED = "cancellation_scheduled"
    """The subscription will end on a known date; until then the cancellation can be undone."""
    CARD_EXPIRING = "card_expiring"
    """The card on file will have expired when the next payment is due."""
    RENEWAL_AHEAD = "renewal_ahead"
    """A yearly renewal is coming up."""
    PLAN_CHANGED = "plan_changed"
    """The plan, interval, quantity or add-ons have changed."""
    PLAN_CHANGE_SCHEDULED = "plan_change_scheduled"
    """They will change when the paid period ends."""
    PAUSED = "paused"
    """The customer paused the subscription: nothing is billed and nothing can be used."""
    RESUMED = "resumed"
    """The pause is over."""
    MOVED_TO_FREE = "moved_to_free"
    """The paid plan or trial is over, and the customer continues on the free plan."""
    REFUNDED = "refunded"
    """A payment was refunded."""
    PURCHASE_REFUSED = "purchase_refused"
    """A purchase on a hosted page could no longer begin, and was undone."""
    USAGE_WARNING = "usage_warning"
    """A limit of the plan is nearly reached."""
    USAGE_LIMIT = "usage_limit"
    """A limit of the plan is reached."""
    BILLING_LINK = "billing_link"
    """Somebody asked for a link to the customer's billing page."""
    OPERATOR_SIGN_IN = "operator_sign_in"
    """An operator asked for a link to sign in to the console."""
    ENDPOINT_DISABLED = "endpoint_disabled"
    """A webhook endpoint has failed for so long that nothing more is sent to it."""


TO_OPERATORS: Final = frozenset({Occasion.OPERATOR_SIGN_IN, Occasion.ENDPOINT_DISABLED})
"""Of no subscription; all others are mails to its customer."""

FACTS: Final[Mapping[str, str]] = {
    "plan": "the plan's code",
    "plan_name": "the plan's name for people",
    "interval": "month or year",
    "amount": "minor units of the currency, as '4900'",
    "currency": "ISO 4217, as 'usd'",
    "amount_due": "minor units due on the invoice that the mail is about; missing: unknown, so no amount is stated",
    "trial_ends_at": "instant: the end of the trial",
    "days_left": "whole days until the trial ends",
    "trial_end": "suspend, cancel or free_plan: what happens when a trial ends without a card; missing: suspend",
    "free_plan_name": "the name of the free plan the customer moves to then",
    "has_card": "yes or no: whether a card is on file that may be charged",
    "card_is_barred": "yes: the card on file was declined for good, so another is needed; missing: it was not",
    "card_brand": "the provider's name for it, 'visa'",
    "card_last4": "the card's last four digits",
    "period_start": "instant: the start of the period that is paid for",
    "period_end": "instant: the end of the period that is paid for",
    "paid_at": "instant of the payment",
    "lines": 'lines of the invoice with minor units, as JSON: [["Professional", 19900]]; missing: not all are known',
    "invoice_total": "minor units: the total of the invoice, before credit",
    "discount": "minor units taken off by discounts",
    "tax": "minor units of tax in the total",
    "tax_included": "yes: the lines contain the tax; no: it comes on top",
    "credit_applied": "minor units paid from the customer's credit",
    "invoice_number": "the invoice's number for people",
    "invoice_url": "the invoice as a page",
    "invoice_pdf": "the invoice as a file",
    "attempt": "the number of the failed attempt, from 1",
    "attempts": "how many attempts there are in total",
    "next_attempt_at": "instant of the next attempt; missing after the last one",
    "decline_code": "why the card was declined, 'insufficient_funds'",
    "access": "full, limited or none: what the customer may use from now on",
    "status": "the subscription's status from now on, where a suspension ends",
    "disputed": "yes: a payment is disputed, so nothing is billed until the bank has decided; missing: none is",
    "action_url": "where the customer can resolve what this mail is about",
    "cancel_at": "instant at which the subscription ends if nothing changes",
    "ends_pause": "yes: a pause has ended with the cancellation, and the paid days are used up; missing: none has",
    "bills_overage": "yes: usage beyond the limit is still billed by a last invoice; missing: nothing is",
    "canceled_reason": "why it ended: nonpayment, trial_expired or another end_kind",
    "keep_data_until": "instant until which the data is kept",
    "card_url": "the page on which the customer puts a card on file",
    "pay_url": "the page on which the customer pays what is owed",
    "cancel_url": "the page on which the customer cancels",
    "undo_cancel_url": "the page on which the customer undoes a cancellation",
    "resume_url": "the page on which the customer resumes a paused subscription",
    "withdraw_change_url": "the page on which the customer withdraws a planned change",
    "billing_url": "the page that mails the customer a link to their billing page",
    "buy_url": "the page that mails the customer a link to where they choose a plan after an end",
    "change_plan_url": "the page that mails the customer a link to where they change their plan",
    "enter_url": "the one-time link to the billing page, or to the console",
    "tenant_name": "the tenant whose operator the mail is to",
    "endpoint_url": "the address of a webhook endpoint",
    "failing_since": "instant: the first attempt of those that failed since the last that succeeded",
    "reason": "nonpayment; any other value is not shown to the customer",
    "old_plan_name": "the name of the previous plan; the same as plan_name when only other things change",
    "quantity": "the quantity of the plan, '3'",
    "due_now": "minor units charged for a change; negative: a credit for later invoices; missing: nothing",
    "change_at": "instant at which a change takes effect",
    "replaced_plan_name": "the plan of the planned change that does not take place any more; missing: none was planned",
    "replaced_at": "instant at which the replaced change would have taken effect",
    "excess": 'usage that exceeds the plan, as JSON: [["Users", 9, 3]]; missing: everything fits',
    "renews_at": "instant of the next invoice",
    "card_exp": "the card's last month, '04/2027'",
    "resumes_at": "instant at which a pause ends by itself; missing: only the customer ends it",
    "refund_amount": "minor units of this refund",
    "refunded_in_all": "minor units refunded of that payment in total; missing: this is the first refund",
    "amount_paid": "minor units that were paid with the refunded invoice; missing: unknown",
    "is_full_refund": "yes or no: whether the whole invoice was refunded",
    "refusal": "why a purchase could not begin: already_subscribed, trial_used, plan_gone or another code",
    "meter_name": "what is counted, for people: 'API calls'",
    "used": "how much was used, '9000'",
    "limit": "the plan's limit, '10000'",
    "percent": "usage in percent of the limit, '90'",
    "resets_at": "instant at which the counter resets; missing: it never does",
    "grace_ends_at": "instant until which usage beyond the limit is allowed; missing: not, or up to `ceiling`",
    "grace_days": "days of grace from when the limit is reached; missing: no grace",
    "ceiling": "the hard limit during grace, '11000'",
    "beyond_limit": "billed or free: usage beyond the limit is allowed; missing: as grace and ceiling say",
    "overage_amount": "price of usage beyond the limit, in minor units",
    "overage_units": "how many units that price covers, '1000'",
    "has_larger_plan": "yes or no: whether the customer can change to a plan with more of it; missing: no",
}
"""The facts a mail may state, all strings; instants are RFC 3339. An empty string counts as missing."""

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
    Occasion.PURCHASE_REFUSED: frozenset({"plan_name", "refusal"}),
    Occasion.USAGE_WARNING: frozenset({"plan_name", "meter_name", "used", "limit", "percent"}),
    Occasion.USAGE_LIMIT: frozenset({"plan_name", "meter_name", "used", "limit", "percent"}),
    Occasion.BILLING_LINK: frozenset({"plan_name"}),
    Occasion.OPERATOR_SIGN_IN: frozenset({"tenant_name"}),
    Occasion.ENDPOINT_DISABLED: frozenset({"tenant_name", "endpoint_url", "failing_since"}),
}
"""The facts each occasion requires; all others are optional."""


class IncompleteMail(TenureError):
    """A mail lacks a required fact or has an invalid one: our own bug."""

    code = "incomplete_mail"


@dataclass(frozen=True)
class Mail:
    """A mail as the workflow decides it, without address or name."""

    key: str
    """Unique within a subscription, as "trial_ending/2026-12-05T00:00:00Z/3"."""
    occasion: Occasion
    at: datetime
    """When it was decided, by the subscription's clock."""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipient:
    """The recipient of a mail."""

    email: str
    name: str | None = None
    locale: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True)
class Rendered:
    """A rendered mail."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class InlineImage:
    """An image that is part of a mail."""

    content: bytes = field(repr=False)
    subtype: str
    """As in "image/png": "png"."""
    content_id: str
    """The HTML names the image by it, as "cid:<content_id>"."""


@dataclass(frozen=True)
class OutgoingMail:
    """A mail as it is sent. Sent twice, it is identical to the byte."""

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
    image: InlineImage | None = None


def missing_facts(occasion: Occasion, facts: Mapping[str, str]) -> list[str]:
    """Returns the required facts that are missing for this occasion, sorted by name."""
    return sorted(name for name in REQUIRED_FACTS[occasion] if not facts.get(name))


def sender_of(from_: str) -> tuple[str, str]:
    """Returns the name and the address of "Acme, Inc. <billing@acme.example>"; an empty name for a bare address."""
    name, bracket, rest = from_.strip().rpartition("<")
    if not bracket:
        return "", rest
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return name, rest.removesuffix(">").strip()


def message_id_for(mail_id: str, from_address: str) -> str:
    """Returns the Message-ID of a mail: always the same, so that mail clients can recognize a second copy.

    Raises:
        ValueError: the sender's address is invalid, or its domain is not ASCII.
    """
    domain = sender_of(from_address)[1].partition("@")[2]
    if not domain or not domain.isascii():
        raise ValueError(f"{from_address!r} is not a mail address: write it as 'Name <billing@example.com>'")
    return f"<{quote(mail_id, safe='/+')}@{domain}>"
