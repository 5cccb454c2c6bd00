"""The arithmetic of billing periods."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe.periods import end_after, nth, share_left

ANCHORS = st.integers(1_500_000_000, 2_500_000_000)
INTERVALS = st.sampled_from(["day", "week", "month", "year"])


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("anchor", "interval", "dates"),
    [
        ("2026-01-31T10:00", "month", ["2026-02-28T10:00", "2026-03-31T10:00", "2026-04-30T10:00"]),
        ("2028-01-31T10:00", "month", ["2028-02-29T10:00", "2028-03-31T10:00", "2028-04-30T10:00"]),
        ("2028-02-29T00:00", "year", ["2029-02-28T00:00", "2030-02-28T00:00", "2031-02-28T00:00"]),
        ("2026-11-30T23:59", "month", ["2026-12-30T23:59", "2027-01-30T23:59", "2027-02-28T23:59"]),
    ],
)
def test_the_day_of_the_anchor_is_kept_where_the_month_has_it(anchor: str, interval: str, dates: list[str]) -> None:
    moment = _at(anchor)
    for date in dates:
        moment = end_after(_at(anchor), interval, 1, moment)
        assert moment == _at(date)


@given(ANCHORS, INTERVALS, st.integers(1, 6), st.integers(-100, 400))
def test_periods_follow_each_other_without_a_gap(anchor: int, interval: str, count: int, n: int) -> None:
    start, end = nth(anchor, interval, count, n), nth(anchor, interval, count, n + 1)

    assert end_after(anchor, interval, count, start) == end
    assert end_after(anchor, interval, count, end - 1) == end


@given(ANCHORS, st.integers(1, 10_000_000), st.integers(0, 10_000_000), st.lists(st.floats(0, 1), max_size=5))
def test_what_is_left_of_a_period_shrinks_from_all_to_nothing(
    start: int, length: int, amount: int, moments: list[float]
) -> None:
    end = start + length
    left = [share_left(start, end, start + int(m * length), amount) for m in sorted([0.0, *moments, 1.0])]

    assert (left[0], left[-1]) == (amount, 0)
    assert all(later <= earlier for earlier, later in pairwise(left))


@pytest.mark.parametrize(("amount", "half"), [(5, 2), (9, 4), (-5, -3), (-9, -5), (4, 2), (-4, -2)])
def test_each_line_is_the_floor_of_what_is_left_a_credit_too(amount: int, half: int) -> None:
    assert share_left(0, 10, 5, amount) == half
