"""Steps that bring provider and database back in line with a subscription."""

from collections.abc import Sequence
from datetime import datetime

from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.state import Subscription


def wants_end(subscription: Subscription) -> bool:
    """True if the provider should end the agreement with the paid period."""
    return subscription.cancel_at is not None and not subscription.begins_own_period


def repeated(subscription: Subscription, requests: Sequence[str], now: datetime, cause: Cause) -> Step:
    """The payment provider's state differed from what we had requested, so we requested it again."""
    summary = f"The payment provider was told again {' and '.join(requests)}"
    return Step(subscription.after(Event.NOTED), (Entry("told_again", now, summary, cause),))


def stored_again(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The database differed: this step stores the whole state again."""
    entry = Entry("written_again", now, "Stored again: the database differed", cause)
    return Step(subscription.after(Event.NOTED), (entry,))
