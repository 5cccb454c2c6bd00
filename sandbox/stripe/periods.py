"""Billing periods, counted from their anchor as Stripe does: 31 January, 28 February, 31 March."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def nth(anchor: int, interval: str, count: int, n: int) -> int:
    """The start of the n-th period after *anchor*; the anchor's day is kept if the month has it."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in DAYS:
        return int((start + timedelta(days=DAYS[interval] * count * n)).timestamp())
    months = start.year * 12 + start.month - 1 + MONTHS[interval] * count * n
    year, month = divmod(months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def end_after(anchor: int, interval: str, count: int, moment: int) -> int:
    """The first period boundary after *moment*."""
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval] * count * 86_400
    n = (moment - anchor) // longest
    while nth(anchor, interval, count, n) > moment:
        n -= 1
    while nth(anchor, interval, count, n) <= moment:
        n += 1
    return nth(anchor, interval, count, n)


def share_left(start: int, end: int, moment: int, amount: int) -> int:
    """The part of *amount* for the rest of a period, to the second, rounded down (credits too)."""
    left, whole = max(0, end - moment), end - start
    return amount * left // whole if whole > 0 else 0
