"""The paid period when it differs from the provider's."""

from datetime import timedelta

from domain.provider.proration import LONGEST, OwnPeriod
from domain.subscription.state import Subscription


def own_period(subscription: Subscription) -> OwnPeriod | None:
    """Returns the paid period if it is not the provider's."""
    start, end = subscription.period_start, subscription.period_end
    if not subscription.begins_own_period or start is None or end is None:
        return None
    paid_for = end - start - timedelta(seconds=subscription.given_back_seconds)
    # Subscriptions paused before given-back time was recorded: one interval is the most that was paid for.
    paid_for = min(max(paid_for, timedelta()), LONGEST[subscription.interval])
    return OwnPeriod(end - paid_for, end, start)
