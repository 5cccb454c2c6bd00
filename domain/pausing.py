"""A pause by the customer's wish: nothing is billed, nothing can be used, and no paid day is lost."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.journal import Cause, Entry, Step
from domain.letters import mail, moment
from domain.lifecycle import Event
from domain.mails import Occasion
from domain.policy import Access
from domain.subscription import Pause, Subscription


def paused(subscription: Subscription, resumes_at: datetime | None, now: datetime, cause: Cause) -> Step:
    """Stop until *resumes_at*, or until the customer says so; of a pause that runs already, the end moves."""
    runs = subscription.pause
    pause = replace(runs, resumes_at=resumes_at) if runs is not None else Pause(now, resumes_at)
    after = subscription.after(Event.PAUSED, pause=pause, access=Access.NONE, status_reason="paused", ask_at=None)
    until = f"until {moment(resumes_at)}" if resumes_at is not None else "until the customer resumes it"
    facts = {"resumes_at": moment(resumes_at)} if resumes_at is not None else {}
    entry = Entry("paused", now, f"Paused {until}", cause, facts)
    stale = (Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING, Occasion.PAUSED)
    return Step(after, (entry,), (mail(after, Occasion.PAUSED, now, **facts),), withdraws=stale)


def resumed(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """Go on: the paid days that the pause took are given back, and a new period begins after them."""
    paid_until, change = now + _days_left(subscription), subscription.pending_change
    after = subscription.after(
        Event.RESUMED,
        pause=None,
        access=Access.FULL,
        status_reason="",
        period_end=paid_until,
        owes_new_period=True,
        begins_own_period=True,
        pending_change=replace(change, at=paid_until) if change is not None else None,
    )
    entry = Entry(
        "resumed", now, f"Resumed, paid until {moment(paid_until)}", cause, {"period_end": moment(paid_until)}
    )
    letter = mail(after, Occasion.RESUMED, now, period_end=moment(paid_until))
    return Step(after, (entry,), (letter,), withdraws=(Occasion.PAUSED,))


def _days_left(subscription: Subscription) -> timedelta:
    """What was paid for and not used when the pause began."""
    pause, period_end = subscription.pause, subscription.period_end
    if pause is None or period_end is None:
        return timedelta()
    return max(period_end - pause.since, timedelta())
