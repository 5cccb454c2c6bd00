"""Maps Stripe's objects (as dictionaries, API 2026-10-28.endive) to ours. Enums are open: new values are tolerated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from domain.provider.payments import (
    NO_CARD,
    AgreementStatus,
    Card,
    Charge,
    ChargeOutcome,
    Decline,
    Invoice,
    InvoiceLine,
)
from domain.provider.settlement import Settled
from gateways.stripe import metadata
from gateways.stripe.errors import NEEDS_CUSTOMER, decline

ENDED = frozenset({"canceled", "incomplete_expired"})


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def id_of(thing: Any) -> str:
    """The id of an object, expanded or not; empty if there is none."""
    return str((thing.get("id") if isinstance(thing, dict) else thing) or "")


def note(thing: Mapping[str, Any], name: str) -> str:
    """A value in an object's metadata; empty if there is none."""
    return str((thing.get("metadata") or {}).get(name) or "")


def agreement_of_invoice(invoice: Mapping[str, Any]) -> str:
    """The Stripe subscription of an invoice, Stripe's or our own; empty if there is none."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return id_of(details.get("subscription")) or note(invoice, metadata.AGREEMENT)


def card(payment_method: Any) -> Card | None:
    """The card of an expanded payment method. Other kinds are shown by their type."""
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


def invoice_of(found: dict[str, Any]) -> Invoice:
    lines, taxes = (found.get("lines") or {}).get("data") or [], found.get("total_taxes")
    period = _period_billed(lines)
    total, moments = found.get("total") or 0, found.get("status_transitions") or {}
    return Invoice(
        ref=found["id"],
        number=found.get("number") or "",
        status=found.get("status") or "",
        # A credit as such; otherwise what is left to pay after earlier credits.
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
        # A negative balance is the customer's credit (docs.stripe.com/billing/customer/balance).
        credit_applied=max(0, min(total, -(found.get("starting_balance") or 0))),
        issued_at=instant(moments.get("finalized_at")),
        paid_at=instant(moments.get("paid_at")),
        lines=tuple(InvoiceLine(each.get("description") or "", each.get("amount") or 0) for each in lines),
        discount=sum(each["amount"] for each in found.get("total_discount_amounts") or []),
        tax=None if taxes is None else sum(each["amount"] for each in taxes),
        tax_is_included=bool(taxes) and all(each.get("tax_behavior") == "inclusive" for each in taxes or []),
    )


def settled_as(preview: Mapping[str, Any]) -> Settled:
    """How Stripe would settle an invoice: what it charges, and what it leaves on the customer's balance."""
    total, balance = preview["total"], preview.get("starting_balance") or 0
    if total < 0:
        return Settled(total, carried_to_next=total)
    left_over = max(0, preview.get("ending_balance") or 0) - max(0, balance)
    return Settled(preview["amount_due"], min(total, max(0, -balance)), max(0, left_over))


def _period_billed(lines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last of the periods that start latest.

    An invoice is not for the earlier period whose usage it also bills.
    """
    periods = [line.get("period") or {} for line in lines]
    latest = max((each.get("start") or 0 for each in periods), default=0)
    return next((each for each in reversed(periods) if (each.get("start") or 0) == latest), {})


def is_by_use(price: Mapping[str, Any]) -> bool:
    """True if the price is for usage, not for a quantity."""
    return (price.get("recurring") or {}).get("usage_type") == "metered"


def agreement_status(subscription: dict[str, Any]) -> AgreementStatus:
    return AgreementStatus.ENDED if subscription.get("status") in ENDED else AgreementStatus.LIVE


def paused_for(subscription: dict[str, Any]) -> str:
    """Why Stripe has paused a subscription, e.g. `pause_requested` in the portal; empty if it has not."""
    if subscription.get("status") != "paused":
        return ""
    paused = (subscription.get("status_details") or {}).get("paused") or {}
    return str((paused.get("subscription") or {}).get("type") or "unknown")


def period(subscription: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The current period, which Stripe keeps on the items."""
    items = (subscription.get("items") or {}).get("data") or []
    if not items:
        return None, None
    return instant(items[0].get("current_period_start")), instant(items[0].get("current_period_end"))


def within_period(subscription: dict[str, Any], at: datetime) -> int:
    """A proration date. Stripe accepts only instants within the current period, which may have started just now."""
    start, end = period(subscription)
    seconds = int(at.timestamp())
    if start is None or end is None:
        return seconds
    return max(int(start.timestamp()), min(seconds, int(end.timestamp()) - 1))


def anchor(subscription: dict[str, Any]) -> datetime | None:
    """The instant from which its periods are counted."""
    return instant(subscription.get("billing_cycle_anchor"))


def charge_of(subscription: dict[str, Any], invoice: dict[str, Any] | None) -> Charge | None:
    """The outcome of an agreement's invoice."""
    if not isinstance(invoice, dict):
        return None
    start, end = period(subscription)
    outcome, decline = _outcome(invoice)
    return Charge(
        outcome,
        invoice_of(invoice),
        decline,
        subscription["id"],
        start,
        end,
        anchor=anchor(subscription),
        is_of_change=_is_of_change(invoice),
        paid_with=_paid_with(invoice),
    )


def _paid_with(invoice: dict[str, Any]) -> str:
    """The payment method that has paid; empty if none has, as when it was paid outside Stripe, or none was read."""
    intent = _latest_intent(invoice)
    return id_of(intent.get("payment_method")) if intent.get("status") == "succeeded" else ""


def _is_of_change(invoice: Mapping[str, Any]) -> bool:
    """True if it bills a change within a period. A restart has the same billing reason, but no prorated line."""
    lines = (invoice.get("lines") or {}).get("data") or []
    parts = [((line.get("parent") or {}).get("subscription_item_details") or {}) for line in lines]
    is_prorated = any(part.get("proration") for part in parts)
    is_ours = bool(note(invoice, metadata.CHANGE))
    return is_ours or (invoice.get("billing_reason") == "subscription_update" and is_prorated)


def _outcome(invoice: dict[str, Any]) -> tuple[ChargeOutcome, Decline | None]:
    match invoice.get("status"):
        case "paid":
            return ChargeOutcome.PAID, None
        case "void" | "uncollectible":
            return ChargeOutcome.GONE, None
        case "open" if invoice.get("attempted"):
            return _failure(invoice)
        case _:
            return ChargeOutcome.PENDING, None


def failure_of(invoice: dict[str, Any]) -> Charge:
    """The outcome of collecting an unpaid invoice, even one voided since."""
    outcome, why = _failure(invoice)
    return Charge(outcome, decline=why)


def decline_of_voided(invoice: dict[str, Any]) -> Charge:
    """Why an invoice, voided by now, was not paid."""
    if not was_attempted(invoice):
        return Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))
    return replace(failure_of(invoice), outcome=ChargeOutcome.DECLINED)


def was_attempted(invoice: dict[str, Any]) -> bool:
    """True if a card was charged for it, successfully or not."""
    intent = _latest_intent(invoice)
    return bool(intent.get("last_payment_error") or intent.get("latest_charge"))


def _failure(invoice: dict[str, Any]) -> tuple[ChargeOutcome, Decline | None]:
    intent = _latest_intent(invoice)
    error = intent.get("last_payment_error") or {}
    if intent.get("status") == "requires_payment_method" and not error and not intent.get("latest_charge"):
        # No bank was asked: neither the agreement nor the customer has a payment method.
        return ChargeOutcome.DECLINED, Decline(NO_CARD)
    code = error.get("decline_code") or error.get("code") or "generic_decline"
    if intent.get("status") == "requires_action" or code in NEEDS_CUSTOMER:
        link = invoice.get("hosted_invoice_url") or ""
        return ChargeOutcome.ACTION_REQUIRED, Decline("authentication_required", action_url=link)
    if intent.get("status") == "processing":
        return ChargeOutcome.PENDING, None
    return ChargeOutcome.DECLINED, decline(code, error.get("advice_code") or "")


def latest_charge(invoice: dict[str, Any]) -> str:
    """The id of the latest charge for an invoice; empty if there is none."""
    return id_of(_latest_intent(invoice).get("latest_charge"))


def paying_charges(invoice: Mapping[str, Any]) -> list[str]:
    """The ids of the charges that have paid an invoice, newest first."""
    payments = (invoice.get("payments") or {}).get("data") or []
    paid = [payment.get("payment") or {} for payment in payments if payment.get("status") == "paid"]
    charges = [id_of(one.get("charge")) or _charge_of_intent(one.get("payment_intent")) for one in paid]
    return [ref for ref in charges if ref]


def _charge_of_intent(intent: Any) -> str:
    return id_of(intent.get("latest_charge")) if isinstance(intent, dict) else ""


def _latest_intent(invoice: dict[str, Any]) -> dict[str, Any]:
    payments = (invoice.get("payments") or {}).get("data") or []
    for payment in payments:
        intent = (payment.get("payment") or {}).get("payment_intent")
        if isinstance(intent, dict):
            return intent
    return {}
