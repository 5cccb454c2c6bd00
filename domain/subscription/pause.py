"""Pauses at the customer's request: nothing is billed, nothing can be used, and no paid day is lost."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.access import Access
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.subscription import billing_day
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.mails import mail, price_facts
from domain.subscription.policy import DEFAULT_POLICY, Policy
from domain.subscription.state import Pause, Subscription


def paused(
    subscription: Subscription, resumes_at: datetime | None, now: datetime, cause: Cause, *, counts: bool = False
) -> Step:
    """Pause until *resumes_at*, or until the customer resumes it; for a running pause, changes its end.

    *counts* says whether it counts as recurring revenue meanwhile; a running pause stays as it began.
    """
    running = subscription.pause
    pause = replace(running, resumes_at=resumes_at) if running is not None else Pause(now, resumes_at, counts)
    after = subscription.after(Event.PAUSED, pause=pause, access=Access.NONE, status_reason="paused", ask_at=None)
    until = f"until {moment(resumes_at)}" if resumes_at is not None else "until the customer resumes it"
    facts = {"resumes_at": moment(resumes_at)} if resumes_at is not None else {}
    entry = Entry("paused", now, f"Paused {until}", cause, facts)
    stale = (Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING, Occasion.PAUSED)
    return Step(after, (entry,), (mail(after, Occasion.PAUSED, now, **facts),), withdraws=stale)


def resumed(
    subscription: Subscription,
    now: datetime,
    cause: Cause,
    policy: Policy = DEFAULT_POLICY,
    ask_after: timedelta | None = None,
) -> Step:
    """Resume: gives back the paid days that the pause took; the provider is checked some time after their end.

    That is *ask_after*, or as the policy says.
    While a payment is disputed, as when the days are used up before a cancellation, access is as the policy says.
    """
    is_disputed = subscription.dispute is not None
    given_back, change = _given_back(subscription, now), subscription.pending_change
    paid_until = given_back.until
    renews_at_provider = not given_back.begins_next and not subscription.owes_new_period
    after = subscription.after(
        Event.RESUMED,
        pause=None,
        access=policy.disputed_access if is_disputed else Access.FULL,
        status_reason="disputed" if is_disputed else "",
        period_end=paid_until,
        owes_new_period=not renews_at_provider,
        begins_own_period=given_back.begins_next or subscription.begins_own_period,
        ask_at=paid_until + (ask_after or policy.ask_after) if renews_at_provider else subscription.ask_at,
        billing_anchor=given_back.anchor,
        paused_seconds=given_back.seconds_kept,
        given_back_seconds=subscription.given_back_seconds + _moved_by(subscription, paid_until),
        pending_change=replace(change, at=paid_until) if change is not None else None,
    )
    entry = Entry(
        "resumed", now, f"Resumed, paid until {moment(paid_until)}", cause, {"period_end": moment(paid_until)}
    )
    resumed_mail = mail(after, Occasion.RESUMED, now, **_facts_ahead(after, paid_until))
    return Step(after, (entry,), (resumed_mail,), withdraws=(Occasion.PAUSED,))


def _facts_ahead(after: Subscription, paid_until: datetime) -> dict[str, str]:
    """What comes after the days that are paid for: the next bill, or what is planned for then."""
    facts = {"period_end": moment(paid_until)}
    if after.pending_change is None:
        return facts
    to = after.pending_change.to
    if not to.items:
        return facts | {"free_plan_name": to.plan_name}
    return facts | price_facts(to)


@dataclass(frozen=True)
class _GivenBack:
    """The paid time that a pause gives back."""

    until: datetime
    begins_next: bool
    """The provider's renewal date differs."""
    anchor: datetime | None
    seconds_kept: int = 0
    """The rest below a whole day, credited to the next pause."""


def paid_until(subscription: Subscription, now: datetime) -> datetime:
    """Returns until when the subscription would be paid if the pause ended at *now*."""
    return _given_back(subscription, now).until


def _given_back(subscription: Subscription, now: datetime) -> _GivenBack:
    pause, period_end, anchor = subscription.pause, subscription.period_end, subscription.billing_anchor
    if pause is None or period_end is None or anchor is None or period_end <= pause.since:
        return _GivenBack(now + _days_left(subscription), begins_next=True, anchor=None)
    length = now - pause.since + timedelta(seconds=subscription.paused_seconds)
    days = billing_day.whole_days(length)
    kept = int((length - timedelta(days=days)).total_seconds())
    until = period_end + timedelta(days=days)
    # The billing day moves by the days of the pause. If the renewal may be in progress at the provider, where it
    # was not billed because of our hold, we begin the period.
    is_near = until <= now + billing_day.NEAR
    return _GivenBack(until, bool(days) or is_near, until if days else anchor, kept)


def _moved_by(subscription: Subscription, paid_until: datetime) -> int:
    if subscription.period_end is None:
        return 0
    return max(int((paid_until - subscription.period_end).total_seconds()), 0)


def _days_left(subscription: Subscription) -> timedelta:
    """The paid time that was left when the pause began."""
    pause, period_end = subscription.pause, subscription.period_end
    if pause is None or period_end is None:
        return timedelta()
    return max(period_end - pause.since, timedelta())
