"""What events say: ids, states, amounts and times. No address, no name, no free reason."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from domain.entitlements.usage_mails import Crossing
from domain.provider.payments import Invoice, Reversal
from domain.subscription.confirmation import Confirmation
from domain.subscription.journal import Entry
from domain.subscription.state import PendingChange, Subscription

Payload = dict[str, Any]


def subscription_payload(it: Subscription) -> Payload:
    """The subscription after the event."""
    return {
        "id": it.id,
        "sequence": it.sequence,
        "status": it.status.value,
        "access": it.access.value,
        "plan": it.plan,
        "interval": it.interval.value,
        "quantity": it.quantity,
        "add_ons": dict(it.add_ons),
        "amount": it.amount,
        "currency": it.currency,
        "trial_ends_at": _moment(it.trial_ends_at),
        "current_period_start": _moment(it.period_start),
        "current_period_end": _moment(it.period_end),
        "cancel_at": _moment(it.cancel_at),
        "resumes_at": _moment(it.pause.resumes_at if it.pause is not None else None),
        "suspended_for": it.suspension.kind.value if it.suspension is not None else None,
        "end_kind": it.end_kind.value if it.end_kind is not None else None,
        "reason_code": it.reason_code or None,
        "pending_change": _pending_change(it.pending_change),
    }


def _pending_change(pending: PendingChange | None) -> Payload | None:
    if pending is None:
        return None
    to = pending.to
    return {
        "at": timestamp(pending.at),
        "plan": to.plan,
        "interval": to.interval.value,
        "quantity": to.quantity,
        "add_ons": dict(to.add_ons),
        "amount": to.total.amount,
        "currency": to.total.currency,
    }


def invoice_payload(invoice: Invoice) -> Payload:
    return {
        "id": invoice.ref,
        "number": invoice.number or None,
        "status": invoice.status,
        "amount": invoice.amount,
        "amount_due": invoice.amount_due,
        "amount_paid": invoice.amount_paid,
        "currency": invoice.currency,
        "period_start": _moment(invoice.period_start),
        "period_end": _moment(invoice.period_end),
    }


def voided_payload(ref: str, currency: str) -> Payload:
    """An invoice of which only its id is at hand."""
    return {
        "id": ref,
        "number": None,
        "status": "void",
        "amount": None,
        "amount_due": None,
        "amount_paid": None,
        "currency": currency,
        "period_start": None,
        "period_end": None,
    }


def decline_payload(entry: Entry) -> Payload:
    """A declined attempt, by its entry in the journal."""
    return {"code": entry.details.get("decline_code", ""), "attempt": int(entry.details.get("try", "1"))}


def reversal_payload(reversal: Reversal) -> Payload:
    """A refund, or a dispute with its status; the amount is that of all refunds of the charge."""
    return {
        "id": reversal.ref,
        "invoice": reversal.invoice_ref or None,
        "amount": reversal.amount,
        "currency": reversal.currency,
        "is_full": reversal.is_full,
        "status": reversal.status.value if reversal.status is not None else None,
    }


def confirmation_payload(confirmation: Confirmation) -> Payload:
    return {
        "action": confirmation.action.value,
        "expires_at": timestamp(confirmation.expires_at),
        "invoice": confirmation.invoice_ref,
    }


def usage_payload(crossing: Crossing, subscription: str) -> Payload:
    return {
        "subscription": subscription,
        "feature": crossing.feature,
        "threshold": crossing.threshold,
        "included": crossing.included,
        "used": crossing.used,
        "plan": crossing.plan,
        "period_start": timestamp(crossing.period_start),
        "resets_at": _moment(crossing.resets_at),
        "is_billed": crossing.is_billed,
    }


def changed_payload(fields: Sequence[str]) -> Payload:
    """Which fields of a customer were changed, not what they are."""
    return {"changed": sorted(fields)}


def timestamp(at: datetime) -> str:
    """Returns an instant as RFC 3339 in UTC, as exactly as it is known."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)
