"""Whose boundary is to come at some moment has the past that leads to it."""

from datetime import UTC, datetime, timedelta

import pytest

from bench.boundaries import a_month_before
from sandbox.stripe.periods import end_after


@pytest.mark.parametrize("day", range(0, 366 * 4, 7))
def test_a_period_ends_at_the_moment_for_which_its_beginning_was_chosen(day: int) -> None:
    moment = datetime(2026, 1, 1, 13, 30, 7, tzinfo=UTC) + timedelta(days=day)

    began = int(a_month_before(moment).timestamp())

    assert end_after(began, "month", 1, int(moment.timestamp()) - 1) == int(moment.timestamp())


@pytest.mark.parametrize("day", [29, 30, 31])
@pytest.mark.parametrize("month", [1, 3, 5, 7, 8, 10, 12])
def test_the_last_days_of_a_month_are_kept(month: int, day: int) -> None:
    moment = datetime(2027, month, day, 1, 50, tzinfo=UTC)

    began = int(a_month_before(moment).timestamp())

    assert end_after(began, "month", 1, int(moment.timestamp()) - 1) == int(moment.timestamp())
