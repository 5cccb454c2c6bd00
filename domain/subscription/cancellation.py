"""When a cancellation takes effect and what the customer loses: the same rule for the preview and the command."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.subscription import billing_day, pause
from domain.subscription.commands import CancelAt
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription


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
