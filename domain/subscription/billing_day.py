"""The billing day: kept whoever begins a period, and however late; a pause moves it by whole days.

Two anchors are known: ours, from which all periods are counted, and the provider's own, which moves to the present
whenever we begin a period there. While both lead to the same dates the provider goes on by itself; where they do not,
we begin the next period too, on our day.
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from domain.catalog.plans import Interval
from domain.provider.payments import Charge
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription

NEAR = timedelta(hours=1)
"""So far apart two dates are the same one: what we begin is begun some moments after it was due."""
A_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
ON_TIME = timedelta(minutes=5)
"""By so much a pause may miss whole days: it begins and ends some moments after it was asked for."""

_MONTHS = {Interval.MONTH: 1, Interval.YEAR: 12}


@dataclass(frozen=True)
class Placement:
    """The period that a payment is for, by our billing day."""

    start: datetime | None
    end: datetime | None
    begins_next: bool = False
    """The provider's own date is another one: the next period must be begun by us."""
    days: dict[str, Any] | None = None
    """What the subscription notes of its billing day and its pauses; None: all stays as it is."""

    @property
    def changes(self) -> dict[str, Any]:
        """The subscription's fields for period and billing day."""
        return {"period_start": self.start, "period_end": self.end, **(self.days or {})}


def boundary(anchor: datetime, interval: Interval, number: int) -> datetime:
    """When the *number*-th period after *anchor* begins; a month that lacks its day has its last one instead."""
    months = anchor.year * 12 + anchor.month - 1 + _MONTHS[interval] * number
    year, month = divmod(months, 12)
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def boundary_after(anchor: datetime, interval: Interval, moment: datetime) -> datetime:
    """The first beginning of a period that is later than *moment*."""
    months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
    number = months // _MONTHS[interval] - 1
    while (found := boundary(anchor, interval, number)) <= moment:
        number += 1
    return found


def derived(period_start: datetime | None, period_end: datetime | None) -> datetime | None:
    """The anchor of a period, as far as it tells: a short month's last day may stand for a later one."""
    if period_start is None or period_end is None:
        return period_start or period_end
    return period_start if period_start.day >= period_end.day else period_end


def anchor_of(subscription: Subscription) -> datetime | None:
    """Our anchor, or what the period tells where none was noted; None: the provider's periods tell nothing of it."""
    if subscription.billing_anchor is not None:
        return subscription.billing_anchor
    if subscription.begins_own_period or not subscription.agreement_ref:
        return None
    return derived(subscription.period_start, subscription.period_end)


def whole_days(length: timedelta) -> int:
    """For how many days a pause of this length counts."""
    return max((length + ON_TIME) // A_DAY, 0)


def placed(before: Subscription, charge: Charge) -> Placement:
    """Where a payment puts the period and the billing day."""
    start, end = charge.period_start or before.period_start, charge.period_end or before.period_end
    theirs = charge.anchor
    if theirs is None or start is None or end is None:
        return Placement(start, end, days={"given_back_seconds": 0})
    if not before.agreement_ref:
        return Placement(start, end, days=_days(theirs, theirs))
    was_begun_by_us = bool(charge.key) and theirs == start
    if was_begun_by_us:
        return _begun(before, theirs, start, end)
    # Somebody has moved it at the provider, or it was never noted: the provider's counts.
    is_as_known = theirs == before.agreement_anchor and before.billing_anchor is not None
    ours = before.billing_anchor if is_as_known and before.billing_anchor is not None else theirs
    if ours == theirs:
        return Placement(start, end, days=_days(ours, theirs))
    on_our_day = boundary_after(ours, before.interval, start - NEAR - _INSTANT)
    return _compared(before, ours, theirs, on_our_day if on_our_day <= start + NEAR else start, end)


def _begun(before: Subscription, theirs: datetime, start: datetime, end: datetime) -> Placement:
    """A period that we have begun: it counts from when it was due, unless access was off since or its time is over."""
    ours, was_due = anchor_of(before), before.period_end
    lost_access = before.sets_billing_day or before.status is Status.SUSPENDED
    if ours is None or was_due is None or lost_access:
        return Placement(start, end, days=_days(theirs, theirs))
    if boundary_after(ours, before.interval, was_due + NEAR) <= start + NEAR:
        return Placement(start, end, days=_days(theirs, theirs))
    return _compared(before, ours, theirs, was_due, end)


def _compared(before: Subscription, ours: datetime, theirs: datetime, start: datetime, end: datetime) -> Placement:
    until = boundary_after(ours, before.interval, start + NEAR)
    return Placement(start, until, begins_next=abs(until - end) > NEAR, days=_days(ours, theirs))


def _days(ours: datetime, theirs: datetime) -> dict[str, Any]:
    return {"billing_anchor": ours, "agreement_anchor": theirs, "sets_billing_day": False, "given_back_seconds": 0}


def as_placed(charge: Charge, after: Subscription) -> Charge:
    """The charge with the period that it has paid for, by our billing day: what customers are told."""
    if charge.anchor is None:
        return charge
    start, end = after.period_start, after.period_end
    bill = charge.invoice
    if bill is not None and charge.key:
        bill = replace(bill, period_start=start, period_end=end)
    return replace(charge, invoice=bill, period_start=start, period_end=end)
