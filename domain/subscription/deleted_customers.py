"""Customers deleted at the provider: recreated under another id, without a card or an agreement."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.provider.payments import ChargeOutcome, Invoice, ProviderState
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Recovery, Subscription


def last_invoice(subscription: Subscription, standing: ProviderState) -> Invoice | None:
    """Returns the deleted customer's invoice that still matters: paid but unknown here, or open; None: none does."""
    latest = standing.latest
    if latest is None or latest.invoice is None or subscription.status is Status.TRIALING:
        return None
    is_known = latest.outcome is ChargeOutcome.GONE or latest.invoice.ref == subscription.settled_invoice
    renews_nothing = latest.is_of_change and latest.outcome is ChargeOutcome.PAID
    return None if is_known or renews_nothing else latest.invoice


def recreated(subscription: Subscription, customer_ref: str, now: datetime, cause: Cause, *, voided: str = "") -> Step:
    """The paid period continues to its end, and is not charged again; the next one needs a card.

    A trial ends like one without a card. What is owed stays owed, to be paid with a new period; its invoice was
    *voided*.
    """
    changes: dict[str, Any] = {"customer_ref": customer_ref}
    if customer_ref != subscription.customer_ref:
        changes |= {"card": None, "card_since": now, "barred_card": ""}
    if subscription.agreement_ref:
        changes |= _without_agreement(subscription)
    needs_card = "" if subscription.card is not None and "card" not in changes else ": a card is needed"
    summary = f"The payment provider had deleted the customer, who was recreated there{needs_card}"
    details = {"deleted": subscription.customer_ref, "customer_ref": customer_ref}
    if voided:
        details["voided_invoice"] = voided
    entry = Entry("customer_deleted", now, summary, cause, details)
    return Step(subscription.after(Event.CARD_REPLACED, **changes), (entry,), voided=voided)


def _without_agreement(subscription: Subscription) -> dict[str, Any]:
    recovery = subscription.recovery
    return {
        "lost_agreement": subscription.agreement_ref,
        "agreement_ref": "",
        "is_held": False,
        "unheard_change": None,
        "ask_at": None,
        "owes_new_period": True,
        "begins_own_period": False,
        "agreement_is_stale": False,
        "recovery": _without_invoice(recovery) if recovery is not None else None,
    }


def _without_invoice(recovery: Recovery) -> Recovery:
    """Also without the page where its payment could be confirmed."""
    return replace(recovery, invoice_ref="", period_end=None, decline=replace(recovery.decline, action_url=""))
