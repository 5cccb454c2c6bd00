"""The periods in which usage is counted, in UTC; the database uses the same ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.catalog.features import UsageWindow
from domain.entitlements.grants import EntitlementBasis

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""The start of a gauge's only period."""
_IN_WORDS = {
    UsageWindow.DAY: "today",
    UsageWindow.WEEK: "this week",
    UsageWindow.MONTH: "this month",
    UsageWindow.BILLING_PERIOD: "in this billing period",
    UsageWindow.GAUGE: "now",
}


@dataclass(frozen=True)
class Period:
    """The time span in which something is counted."""

    starts: datetime
    ends: datetime | None
    """None: for a gauge, or not known yet."""


def period(window: UsageWindow, standing: EntitlementBasis) -> Period:
    """Returns the period current at the moment of *standing*."""
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
    """The current period in words: "this month"."""
    return _IN_WORDS[window]
