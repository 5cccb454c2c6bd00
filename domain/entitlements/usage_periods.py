"""In which period use of a moment is counted, by UTC; the database counts in the same ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.catalog.features import UsageWindow
from domain.entitlements.grants import EntitlementBasis

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""Where the one period of a gauge begins."""
_IN_WORDS = {
    UsageWindow.DAY: "today",
    UsageWindow.WEEK: "this week",
    UsageWindow.MONTH: "this month",
    UsageWindow.BILLING_PERIOD: "in this billing period",
    UsageWindow.GAUGE: "now",
}


@dataclass(frozen=True)
class Period:
    """From when to when something is counted."""

    starts: datetime
    ends: datetime | None
    """None: of a gauge, or when nobody knows yet."""


def period(window: UsageWindow, standing: EntitlementBasis) -> Period:
    """The period that goes on at the moment of *standing*."""
    match window:
        case UsageWindow.GAUGE:
            return Period(EPOCH, None)
        case UsageWindow.BILLING_PERIOD if standing.period_start is not None:
            return Period(standing.period_start, standing.period_end)
    day = standing.moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match window:
        case UsageWindow.DAY:
            return Period(day, day + timedelta(days=1))
        case UsageWindow.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Period(monday, monday + timedelta(weeks=1))
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1))


def in_words(window: UsageWindow) -> str:
    """When it is that use was counted: "this month"."""
    return _IN_WORDS[window]
