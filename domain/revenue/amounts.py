"""The annual amount of a subscription: what counts as recurring revenue, exact in minor units."""

from domain.catalog.plans import Interval
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription

MONTHS = 12


def annual(subscription: Subscription | None) -> int:
    """Returns what the subscription is worth a year in minor units of its currency; 0 while it does not count.

    It is the list price of its plan and add-ons, without overage. MRR is a twelfth of it.
    """
    return _a_year(subscription) if subscription is not None and _counts(subscription) else 0


def paused_annual(subscription: Subscription | None) -> int:
    """Returns what a pause takes out of the revenue, as `annual`; 0 if it is not paused, or counts while paused."""
    if subscription is None or subscription.status is not Status.PAUSED or _counts(subscription):
        return 0
    return _a_year(subscription)


def _counts(subscription: Subscription) -> bool:
    if subscription.status is Status.PAUSED:
        return subscription.pause is not None and subscription.pause.counts
    return subscription.status in (Status.ACTIVE, Status.PAST_DUE)


def _a_year(subscription: Subscription) -> int:
    if subscription.is_free:
        return 0
    return subscription.amount * (MONTHS if subscription.interval is Interval.MONTH else 1)
