"""Holds of billing that are lifted close to the end of the paid period: whoever begins the next one, nobody does twice.

The provider voids what it bills under our hold. If it is still on hold when the period ends, that renewal is gone: the
period is owed all the same, and we begin it.
"""

from dataclasses import replace
from datetime import datetime

from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import billing_day
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Subscription


def may_miss_renewal(subscription: Subscription, now: datetime) -> bool:
    """True if our hold is to be lifted, but the renewal at the period's end may meet it nevertheless, or has."""
    is_lifted, period_end = subscription.is_held and not subscription.wants_hold, subscription.period_end
    # A subscription that is to end begins no period: a last invoice for usage must not meet the hold.
    if not is_lifted or subscription.status is not Status.ACTIVE or subscription.cancel_at or period_end is None:
        return False
    if subscription.owes_new_period and period_end + billing_day.NEAR < now:
        return False  # the provider's renewal is long over, and we begin the period anyway
    return period_end <= now + billing_day.NEAR


def found_lifted(subscription: Subscription, latest: Charge | None) -> Subscription:
    """The provider has no hold any more: it renews by itself, unless its *latest* invoice met the hold."""
    return replace(subscription, is_held=False, owes_new_period=_has_met_hold(subscription, latest))


def _has_met_hold(subscription: Subscription, latest: Charge | None) -> bool:
    invoice, period_end = latest.invoice if latest is not None else None, subscription.period_end
    if latest is None or invoice is None or latest.outcome is not ChargeOutcome.GONE or period_end is None:
        return False
    is_next = invoice.period_start is None or invoice.period_start >= period_end - billing_day.NEAR
    return is_next and invoice.ref != subscription.settled_invoice


def renewal_missed(subscription: Subscription) -> Step:
    """The renewal meets our hold: it stays until we begin the next period ourselves, which lifts it."""
    return Step(
        subscription.after(
            Event.NOTED,
            owes_new_period=True,
            begins_own_period=subscription.is_held,
            billing_anchor=billing_day.anchor_of(subscription),
        )
    )
