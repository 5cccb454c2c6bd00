"""When a cancellation takes effect and what the customer loses: the same rule for the preview and the command."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.subscription import billing_day, pause
from domain.subscription.commands import CancelAt, facts_of_overage
from domain.subscription.journal import Entry, Step
from domain.subscription.lifecycle import Status
from domain.subscription.mails import mail
from domain.subscription.reconcile_steps import wants_end
from domain.subscription.state import Subscription, UnreportedEnd


@dataclass(frozen=True)
class CancelPreview:
    """The effects of a cancellation."""

    ends_at: datetime
    """When access ends."""
    loses_paid_days: int
    """Whole paid days that could no longer be used."""
    voids_invoice: str
    """The open invoice that would no longer be owed; empty: there is none."""
    undo_until: datetime | None
    """Until when it could be undone; None: it would take effect immediately."""


def usable_until(subscription: Subscription, now: datetime) -> datetime | None:
    """Returns until when a customer who cancels keeps access: the end of the trial or paid period; None: not at all.

    For a paused subscription: until the paid days that the pause has preserved are used up, from now.
    """
    match subscription.status:
        case Status.TRIALING:
            return subscription.trial_ends_at
        case Status.ACTIVE:
            return subscription.period_end
        case Status.PAUSED:
            return pause.paid_until(subscription, now)
        case _:
            return None


def ends_at(subscription: Subscription, at: CancelAt, now: datetime) -> datetime | None:
    """Returns when a cancellation takes effect; None: immediately."""
    until = usable_until(subscription, now)
    return until if at is CancelAt.PERIOD_END and until is not None and until > now else None


def previewed(subscription: Subscription, at: CancelAt, now: datetime) -> CancelPreview:
    """Returns the effects of a cancellation. Changes nothing."""
    later = ends_at(subscription, at, now)
    lost = timedelta() if later is not None else _paid_time_left(subscription, now)
    recovery = subscription.recovery
    return CancelPreview(
        ends_at=later or now,
        loses_paid_days=billing_day.whole_days(lost) if lost else 0,
        voids_invoice=recovery.invoice_ref if recovery is not None and later is None else "",
        undo_until=later,
    )


def _paid_time_left(subscription: Subscription, now: datetime) -> timedelta:
    """The remaining paid time: none in a trial, nor while a payment is owed."""
    if subscription.status is Status.TRIALING or subscription.is_free or subscription.recovery is not None:
        return timedelta()
    paid_until = pause.paid_until(subscription, now) if subscription.pause is not None else subscription.period_end
    return max(paid_until - now, timedelta()) if paid_until is not None else timedelta()


def moved_along(before: Subscription, step: Step, now: datetime) -> Step:
    """Moves a scheduled end to the end of what turns out to be paid for: a period that began an agreement, or a change.

    The answer to its payment came after the cancellation. The provider is told to end an agreement that this began.
    """
    after, at = step.subscription, before.cancel_at
    has_begun = not before.agreement_ref and bool(after.agreement_ref)
    is_bought = has_begun or after.items != before.items
    until = after.period_end
    if at is None or after.cancel_at != at or not is_bought or after.status is not Status.ACTIVE:
        return step
    if until is None or until == at or not step.entries:
        return step
    after = replace(after, cancel_at=until)
    # An agreement that is to end with its period still is when a change has moved that.
    is_told = wants_end(before) and before.agreement_ref == after.agreement_ref
    if wants_end(after) and not is_told:
        after = replace(after, untold_end=UnreportedEnd(now))
    summary = f"Will be canceled at {moment(until)}, when what was paid for is used up"
    entry = Entry("cancel_scheduled", now, summary, step.entries[0].cause, {"cancel_at": moment(until)})
    facts = {"cancel_at": moment(until)} | facts_of_overage(after)
    notification = mail(after, Occasion.CANCELLATION_SCHEDULED, now, **facts)
    return replace(
        step,
        subscription=after,
        entries=(*step.entries, entry),
        mails=(*step.mails, notification),
        withdraws=(*step.withdraws, Occasion.CANCELLATION_SCHEDULED),
    )
