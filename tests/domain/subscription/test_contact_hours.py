"""Contact hours in the customer's time zone, across clock changes."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.subscription.contact_hours import Hours, not_before, on_the_day, rungs_for
from domain.subscription.policy import DEFAULT_LADDER, LadderStep

HOURS = Hours("09:00", "18:00")
OPENS, CLOSES = time(9), time(17, 30)
ZONES = st.sampled_from(sorted(available_timezones()))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
STEPS = st.tuples(st.integers(0, 60), st.integers(0, 23)).filter(any)
LADDERS = st.sets(STEPS, min_size=1, max_size=8).map(
    lambda steps: (LadderStep(0), *(LadderStep(day, retry=True, hours=hours) for day, hours in sorted(steps)))
)
APART = st.sets(st.integers(1, 60), min_size=1, max_size=8).map(
    lambda days: (LadderStep(0), *(LadderStep(day, retry=True) for day in sorted(days)))
)


def shown(rungs: tuple[datetime, ...], zone: str) -> list[str]:
    return [f"{rung.astimezone(ZoneInfo(zone)):%d %b %H:%M %z}" for rung in rungs]


@given(since=MOMENTS, zone=ZONES, ladder=APART)
@example(datetime(2026, 3, 8, 6, 30, tzinfo=UTC), "America/New_York", DEFAULT_LADDER)
@example(datetime(2026, 9, 26, 13, 30, tzinfo=UTC), "Pacific/Auckland", DEFAULT_LADDER)
@example(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "America/New_York", DEFAULT_LADDER)
def test_a_step_of_days_is_due_at_the_hour_of_the_decline_or_at_the_last_decent_moment_before(
    since: datetime, zone: str, ladder: tuple[LadderStep, ...]
) -> None:
    place = ZoneInfo(zone)
    decline = since.astimezone(place)
    rungs = rungs_for(since, ladder, HOURS, zone)
    assert rungs[0] == since
    for step, rung in zip(ladder[1:], rungs[1:], strict=True):
        local = rung.astimezone(place)
        at_night = decline.time() < OPENS
        assert local.date() == decline.date() + timedelta(days=step.day - at_night)
        assert local.time() == (CLOSES if at_night else min(decline.time(), CLOSES))


@given(since=MOMENTS, zone=ZONES, ladder=LADDERS)
def test_every_step_comes_after_the_one_before_at_a_decent_hour_and_none_a_day_too_early(
    since: datetime, zone: str, ladder: tuple[LadderStep, ...]
) -> None:
    place = ZoneInfo(zone)
    rungs = rungs_for(since, ladder, HOURS, zone)
    assert all(before < after for before, after in pairwise(rungs))
    for step, rung in zip(ladder[1:], rungs[1:], strict=True):
        local = rung.astimezone(place)
        assert OPENS <= local.time() <= CLOSES
        assert local.date() >= since.astimezone(place).date() + timedelta(days=step.day - 1)
        if step.hours:
            assert rung >= since + step.after


@pytest.mark.parametrize(
    ("since", "zone", "expected"),
    [
        pytest.param(
            datetime(2026, 3, 7, 7, 30, tzinfo=UTC),
            "America/New_York",
            ["07 Mar 02:30 -0500", "07 Mar 17:30 -0500", "09 Mar 17:30 -0400"],
            id="the-hour-of-the-decline-is-left-out-the-next-night",
        ),
        pytest.param(
            datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
            "America/New_York",
            ["01 Nov 01:30 -0500", "01 Nov 17:30 -0500", "03 Nov 17:30 -0500"],
            id="declined-in-the-hour-that-comes-twice",
        ),
        pytest.param(
            datetime(2026, 9, 26, 3, tzinfo=UTC),
            "Pacific/Auckland",
            ["26 Sep 15:00 +1200", "27 Sep 15:00 +1300", "29 Sep 15:00 +1300"],
            id="a-day-of-23-hours",
        ),
        pytest.param(
            datetime(2026, 4, 4, 2, tzinfo=UTC),
            "Pacific/Auckland",
            ["04 Apr 15:00 +1300", "05 Apr 15:00 +1200", "07 Apr 15:00 +1200"],
            id="a-day-of-25-hours",
        ),
        pytest.param(
            datetime(2026, 6, 1, 18, 45, tzinfo=UTC),
            "Asia/Kolkata",
            ["02 Jun 00:15 +0530", "02 Jun 17:30 +0530", "04 Jun 17:30 +0530"],
            id="half-an-hour-off-and-already-the-next-day",
        ),
        pytest.param(
            datetime(2026, 6, 1, 16, tzinfo=UTC),
            "Asia/Kolkata",
            ["01 Jun 21:30 +0530", "02 Jun 17:30 +0530", "04 Jun 17:30 +0530"],
            id="declined-late-in-the-evening",
        ),
    ],
)
def test_the_days_of_a_recovery_on_the_customers_clock(since: datetime, zone: str, expected: list[str]) -> None:
    ladder = (LadderStep(0), LadderStep(1, retry=True), LadderStep(3, retry=True))
    assert shown(rungs_for(since, ladder, HOURS, zone), zone) == expected


@pytest.mark.parametrize(
    ("declined", "expected"),
    [
        pytest.param("2026-06-01T08:00", ["01 Jun 14:00", "01 Jun 17:30"], id="the-same-day"),
        pytest.param("2026-06-01T13:00", ["02 Jun 09:00", "02 Jun 13:00"], id="not-before-its-hours-have-passed"),
        pytest.param("2026-06-01T17:45", ["02 Jun 09:00", "02 Jun 17:30"], id="next-morning"),
        pytest.param("2026-06-01T01:00", ["01 Jun 09:00", "01 Jun 17:30"], id="declined-at-night"),
    ],
)
def test_a_step_of_hours_waits_for_the_next_decent_hour(declined: str, expected: list[str]) -> None:
    ladder = (LadderStep(0), LadderStep(0, retry=True, hours=6), LadderStep(1, retry=True))
    since = datetime.fromisoformat(declined).replace(tzinfo=UTC)
    assert [rung.strftime("%d %b %H:%M") for rung in rungs_for(since, ladder, HOURS, "UTC")[1:]] == expected


def test_steps_that_would_fall_on_the_same_moment_take_a_day_each() -> None:
    ladder = (LadderStep(0), *(LadderStep(0, retry=True, hours=hours) for hours in (1, 2, 3)))
    rungs = rungs_for(datetime(2026, 10, 30, 23, tzinfo=UTC), ladder, HOURS, "America/New_York")
    assert shown(rungs[1:], "America/New_York") == ["31 Oct 09:00 -0400", "01 Nov 09:00 -0500", "02 Nov 09:00 -0500"]


@given(moment=MOMENTS, zone=ZONES)
def test_the_first_decent_moment_is_never_in_the_past_and_within_a_day(moment: datetime, zone: str) -> None:
    decent = not_before(moment, HOURS, ZoneInfo(zone))
    assert OPENS <= decent.astimezone(ZoneInfo(zone)).time() <= CLOSES
    # The longest night: from 17:30 to 09:00, and a clock that is turned back in it (or a day that a zone leaves out).
    assert timedelta() <= decent - moment <= timedelta(hours=41)
    assert not_before(decent, HOURS, ZoneInfo(zone)) == decent


@given(moment=MOMENTS, zone=ZONES, days=st.integers(-60, 60))
def test_a_calendar_day_away_is_a_calendar_day_away_or_the_evening_before(
    moment: datetime, zone: str, days: int
) -> None:
    place = ZoneInfo(zone)
    placed = on_the_day(moment, days, HOURS, place).astimezone(place)
    local = moment.astimezone(place)
    assert placed.date() == local.date() + timedelta(days=days - (local.time() < OPENS))
    assert OPENS <= placed.time() <= CLOSES
