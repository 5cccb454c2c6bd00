"""A customer whom the provider has deleted: known there again by another id, without a card or an agreement."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.journal import Cause, Entry, Step
from domain.lifecycle import Event
from domain.subscription import Subscription


def known_again(subscription: Subscription, customer_ref: str, now: datetime, cause: Cause) -> Step:
    """What was paid for goes on until its period ends; then the next one needs a card. Nothing is charged for it again.

    A trial ends as one without a card. What is owed stays owed, to be paid by a new period.
    """
    changes: dict[str, Any] = {"customer_ref": customer_ref}
    if customer_ref != subscription.customer_ref:
        changes |= {"card": None, "card_since": now, "barred_card": ""}
    if subscription.agreement_ref:
        changes |= _without_agreement(subscription)
    needs = "" if subscription.card is not None and "card" not in changes else ": a card is needed"
    summary = f"The payment provider has deleted the customer, who is known there again{needs}"
    details = {"deleted": subscription.customer_ref, "customer_ref": customer_ref}
    return Step(
        subscription.after(Event.CARD_REPLACED, **changes), (Entry("customer_deleted", now, summary, cause, details),)
    )


def _without_agreement(subscription: Subscription) -> dict[str, Any]:
    recovery = subscription.recovery
    return {
        "lost_agreement": subscription.agreement_ref,
        "agreement_ref": "",
        "is_held": False,
        "ask_at": None,
        "owes_new_period": True,
        "begins_own_period": False,
        "agreement_is_stale": False,
        "recovery": replace(recovery, invoice_ref="", period_end=None) if recovery is not None else None,
    }
