"""Stripe's objects (as dictionaries, API 2026-10-28.endive) in our words. Enums are open: new values are tolerated."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.provider.payments import NO_CARD, AgreementStatus, Card, Charge, ChargeOutcome, Decline, Invoice
from domain.provider.settlement import Settled
from gateways.stripe.errors import NEEDS_CUSTOMER, decline

ENDED = frozenset({"canceled", "incomplete_expired"})


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def id_of(thing: Any) -> str:
    """The id of what is told by its id or expanded; empty when there is nothing."""
    return str((thing.get("id") if isinstance(thing, dict) else thing) or "")


CHANGE = "tenure_change"
"""In the metadata of a subscription: the key of the last change that was made, for Stripe forgets keys after a day. In
that of an invoice: the change that it is for."""
AGREEMENT = "tenure_agreement"
"""In the metadata of an invoice that we made: the Stripe subscription that it is for."""


def agreement_of_bill(bill: Mapping[str, Any]) -> str:
    """The Stripe subscription that an invoice bills, or was made for by us; empty when there is none."""
    details = (bill.get("parent") or {}).get("subscription_details") or {}
    return id_of(details.get("subscription")) or str((bill.get("metadata") or {}).get(AGREEMENT) or "")


def card(payment_method: Any) -> Card | None:
    """The card in an expanded payment method; other kinds are shown by their type."""
    if not isinstance(payment_method, dict):
        return None
    details = payment_method.get("card") or {}
    return Card(
        ref=payment_method["id"],
        brand=details.get("brand") or payment_method.get("type", "card"),
        last4=details.get("last4") or "",
        exp_month=details.get("exp_month") or 0,
        exp_year=details.get("exp_year") or 0,
        fingerprint=details.get("fingerprint") or "",
    )


def invoice(found: dict[str, Any]) -> Invoice:
    period = _period_billed((found.get("lines") or {}).get("data") or [])
    total, moments = found.get("total") or 0, found.get("status_transitions") or {}
    return Invoice(
        ref=found["id"],
        number=found.get("number") or "",
        status=found.get("status") or "",
        # A credit is told as one; of anything else what is left to pay after earlier credits.
        amount=total if total < 0 else found.get("amount_due", total),
        currency=found.get("currency") or "",
        url=found.get("hosted_invoice_url") or "",
        pdf=found.get("invoice_pdf") or "",
        attempts=found.get("attempt_count") or 0,
        period_start=instant(period.get("start")),
        period_end=instant(period.get("end")),
        total=total,
        amount_due=found.get("amount_due") or 0,
        amount_paid=found.get("amount_paid") or 0,
        # A balance below zero is the customer's credit (docs.stripe.com/billing/customer/balance).
        credit_applied=max(0, min(total, -(found.get("starting_balance") or 0))),
        issued_at=instant(moments.get("finalized_at")),
        paid_at=instant(moments.get("paid_at")),
    )


def settled_as(preview: Mapping[str, Any]) -> Settled:
    """How Stripe would settle a bill: what it would take, and what it leaves to the customer's balance."""
    total, balance = preview["total"], preview.get("starting_balance") or 0
    if total < 0:
        return Settled(total, carried_to_next=total)
    left_over = max(0, preview.get("ending_balance") or 0) - max(0, balance)
    return Settled(preview["amount_due"], min(total, max(0, -balance)), max(0, left_over))


def _period_billed(lines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last of the periods that begin last: what was used before, and then billed, is not what a bill is for."""
    periods = [line.get("period") or {} for line in lines]
    latest = max((each.get("start") or 0 for each in periods), default=0)
    return next((each for each in reversed(periods) if (each.get("start") or 0) == latest), {})


def is_by_use(price: Mapping[str, Any]) -> bool:
    """Whether it is the price of what is counted, not of a quantity."""
    return (price.get("recurring") or {}).get("usage_type") == "metered"


def agreement_status(subscription: dict[str, Any]) -> AgreementStatus:
    return AgreementStatus.ENDED if subscription.get("status") in ENDED else AgreementStatus.LIVE


def paused_for(subscription: dict[str, Any]) -> str:
    """Why Stripe has paused a subscription, as `pause_requested` in the portal; empty: it has not."""
    if subscription.get("status") != "paused":
        return ""
    paused = (subscription.get("status_details") or {}).get("paused") or {}
    return str((paused.get("subscription") or {}).get("type") or "unknown")


def period(subscription: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The current period, which lives on the items."""
    items = (subscription.get("items") or {}).get("data") or []
    if not items:
        return None, None
    return instant(items[0].get("current_period_start")), instant(items[0].get("current_period_end"))


def anchor(subscription: dict[str, Any]) -> datetime | None:
    """From where its periods are counted."""
    return instant(subscription.get("billing_cycle_anchor"))


def charge_of(subscription: dict[str, Any], bill: dict[str, Any] | None) -> Charge | None:
    """What has come of an agreement's bill."""
    if not isinstance(bill, dict):
        return None
    start, end = period(subscription)
    told = invoice(bill)
    outcome, decline = _outcome(bill)
    return Charge(
        outcome,
        told,
        decline,
        subscription["id"],
        start,
        end,
        anchor=anchor(subscription),
        is_of_change=_is_of_change(bill),
    )


def _is_of_change(bill: Mapping[str, Any]) -> bool:
    """Whether it bills a change of what is left of a period; a new beginning has the same reason, and no such line."""
    lines = (bill.get("lines") or {}).get("data") or []
    parts = [((line.get("parent") or {}).get("subscription_item_details") or {}) for line in lines]
    is_prorated = any(part.get("proration") for part in parts)
    is_ours = bool((bill.get("metadata") or {}).get(CHANGE))
    return is_ours or (bill.get("billing_reason") == "subscription_update" and is_prorated)


def _outcome(bill: dict[str, Any]) -> tuple[ChargeOutcome, Decline | None]:
    match bill.get("status"):
        case "paid":
            return ChargeOutcome.PAID, None
        case "void" | "uncollectible":
            return ChargeOutcome.GONE, None
        case "open" if bill.get("attempted"):
            return _failure(bill)
        case _:
            return ChargeOutcome.PENDING, None


def failure_of(bill: dict[str, Any]) -> Charge:
    """What has come of trying to collect a bill that is not paid, also one that was voided since."""
    outcome, why = _failure(bill)
    return Charge(outcome, decline=why)


def was_tried(bill: dict[str, Any]) -> bool:
    """Whether a card was asked for it."""
    intent = _latest_intent(bill)
    return bool(intent.get("last_payment_error") or intent.get("latest_charge"))


def _failure(bill: dict[str, Any]) -> tuple[ChargeOutcome, Decline | None]:
    intent = _latest_intent(bill)
    error = intent.get("last_payment_error") or {}
    if intent.get("status") == "requires_payment_method" and not error and not intent.get("latest_charge"):
        # No bank was asked: Stripe found nothing to charge, neither of the agreement nor of the customer.
        return ChargeOutcome.DECLINED, Decline(NO_CARD)
    code = error.get("decline_code") or error.get("code") or "generic_decline"
    if intent.get("status") == "requires_action" or code in NEEDS_CUSTOMER:
        link = bill.get("hosted_invoice_url") or ""
        return ChargeOutcome.ACTION_REQUIRED, Decline("authentication_required", action_url=link)
    if intent.get("status") == "processing":
        return ChargeOutcome.PENDING, None
    return ChargeOutcome.DECLINED, decline(code, error.get("advice_code") or "")


def latest_charge(bill: dict[str, Any]) -> str:
    """The id of the last charge that a card was asked for, if one was."""
    return id_of(_latest_intent(bill).get("latest_charge"))


def _latest_intent(bill: dict[str, Any]) -> dict[str, Any]:
    payments = (bill.get("payments") or {}).get("data") or []
    for payment in payments:
        intent = (payment.get("payment") or {}).get("payment_intent")
        if isinstance(intent, dict):
            return intent
    return {}
