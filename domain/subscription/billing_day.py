"""The billing day: kept no matter who starts a period, or how late; a pause moves it by whole days.

There are two anchors: ours, which all periods are counted from, and the provider's, which moves to the present whenever
we begin a period there. While both lead to the same dates, the provider renews by itself; if they do not, we begin the
next period as well, on our day.
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
"""Dates this close are the same: what we begin starts some moments after it was due."""
A_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
ON_TIME = timedelta(minutes=5)
"""How much shorter than whole days a pause may be: it begins and ends some moments after the request."""

_MONTHS = {Interval.MONTH: 1, Interval.YEAR: 12}


@dataclass(frozen=True)
class Placement:
    """The period that a payment covers, by our billing day."""

    start: datetime | None
    end: datetime | None
    begins_next: bool = False
    """The provider's date differs: we must begin the next period."""
    days: dict[str, Any] | None = None
    """The subscription's fields for its billing day and pauses; None: unchanged."""

    @property
    def changes(self) -> dict[str, Any]:
        """The changed fields of the subscription: period and billing day."""
        return {"period_start": self.start, "period_end": self.end, **(self.days or {})}


def boundary(anchor: datetime, interval: Interval, number: int) -> datetime:
    """Returns when the *number*-th period after *anchor* begins; a month without that day uses its last one."""
    months = anchor.year * 12 + anchor.month - 1 + _MONTHS[interval] * number
    year, month = divmod(months, 12)
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def boundary_after(anchor: datetime, interval: Interval, moment: datetime) -> datetime:
    """Returns the first start of a period after *moment*."""
    months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
    number = months // _MONTHS[interval] - 1
    while (found := boundary(anchor, interval, number)) <= moment:
        number += 1
    return found


def derived(period_start: datetime | None, period_end: datetime | None) -> datetime | None:
    """Derives the anchor from a period, as far as possible: the last day of a short month may stand for a later one."""
    if period_start is None or period_end is None:
        return period_start or period_end
    return period_start if period_start.day >= period_end.day else period_end


def anchor_of(subscription: Subscription) -> datetime | None:
    """Returns our anchor, or derives it from the period if none is stored; None: the period does not determine it."""
    if subscription.billing_anchor is not None:
        return subscription.billing_anchor
    if subscription.begins_own_period or not subscription.agreement_ref:
        return None
    return derived(subscription.period_start, subscription.period_end)


def whole_days(length: timedelta) -> int:
    """Returns how many days a pause of this length counts as."""
    return max((length + ON_TIME) // A_DAY, 0)


def placed(before: Subscription, charge: Charge) -> Placement:
    """Returns the period and the billing day after a payment."""
    start, end = charge.period_start or before.period_start, charge.period_end or before.period_end
    theirs = charge.anchor
    if theirs is None or start is None or end is None:
        return Placement(start, end, days={"given_back_seconds": 0})
    if not before.agreement_ref:
        return Placement(start, end, days=_days(theirs, theirs))
    was_begun_by_us = bool(charge.key) and theirs == start
    if was_begun_by_us:
        return _begun(before, theirs, start, end)
    # Somebody has moved it at the provider, or it was never stored: the provider's counts.
    is_as_known = theirs == before.agreement_anchor and before.billing_anchor is not None
    ours = before.billing_anchor if is_as_known and before.billing_anchor is not None else theirs
    if ours == theirs:
        return Placement(start, end, days=_days(ours, theirs))
    on_our_day = boundary_after(ours, before.interval, start - NEAR - _INSTANT)
    return _compared(before, ours, theirs, on_our_day if on_our_day <= start + NEAR else start, end)


def _begun(before: Subscription, theirs: datetime, start: datetime, end: datetime) -> Placement:
    """A period that we began: it starts when it was due, unless access has been off since or it would be over."""
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
    """Returns the charge with the paid period by our billing day, as shown to customers."""
    if charge.anchor is None:
        return charge
    start, end = after.period_start, after.period_end
    invoice = charge.invoice
    if invoice is not None and charge.key:
        invoice = replace(invoice, period_start=start, period_end=end)
    return replace(charge, invoice=invoice, period_start=start, period_end=end)
