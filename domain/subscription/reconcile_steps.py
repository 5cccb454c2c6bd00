"""Steps by which a subscription is brought in line again with the places that know of it."""

from collections.abc import Sequence
from datetime import datetime

from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.state import Subscription


def wants_end(subscription: Subscription) -> bool:
    """Whether the provider is to end the agreement with the paid period."""
    return subscription.cancel_at is not None and not subscription.begins_own_period


def told_again(subscription: Subscription, told: Sequence[str], now: datetime, cause: Cause) -> Step:
    """The payment provider had forgotten, or was told otherwise, what we want of it."""
    summary = f"The payment provider was told again {' and '.join(told)}"
    return Step(subscription.after(Event.NOTED), (Entry("told_again", now, summary, cause),))


def written_again(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The database told otherwise: the whole standing is written down with the next step."""
    entry = Entry("written_again", now, "Written down again: the database told otherwise", cause)
    return Step(subscription.after(Event.NOTED), (entry,))
