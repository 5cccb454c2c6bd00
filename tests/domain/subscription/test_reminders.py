"""When reminders are due: in the customer's own day, whatever clocks do there."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.subscription.policy import TrialPolicy
from domain.subscription.reminders import reminders_for

POLICY = TrialPolicy()
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
OPENS, CLOSES = time(9), time(18)

ZONES = st.sampled_from(sorted(available_timezones()))
ENDS = st.datetimes(datetime(2024, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
RUNGS = st.sets(st.integers(min_value=1, max_value=60), max_size=6).map(tuple)


def due(ends_at: datetime, zone: str, *days: int) -> list[str]:
    """When the reminders are due, on the customer's clock."""
    policy = TrialPolicy(reminders=days or POLICY.reminders)
    rungs = reminders_for(ends_at, policy, zone, now=LONG_AGO)
    return [f"{rung.days}: {rung.at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %z}" for rung in rungs]


@given(ends_at=ENDS, zone=ZONES, days=RUNGS)
@example(datetime(2026, 3, 29, 1, tzinfo=UTC), "Europe/Berlin", (7, 3, 1))
@example(datetime(2026, 11, 1, 6, tzinfo=UTC), "America/New_York", (7, 3, 1))
@example(datetime(2026, 4, 4, 15, tzinfo=UTC), "Australia/Lord_Howe", (7, 3, 1))
def test_reminders_keep_to_the_customers_day_and_leave_the_days_they_promise(
    ends_at: datetime, zone: str, days: tuple[int, ...]
) -> None:
    place = ZoneInfo(zone)
    rungs = reminders_for(ends_at, TrialPolicy(reminders=days), zone, now=LONG_AGO)
    assert [rung.days for rung in rungs] == sorted(days, reverse=True)
    end = ends_at.astimezone(place).replace(tzinfo=None)
    for rung in rungs:
        local = rung.at.astimezone(place)
        assert OPENS <= local.time() <= CLOSES
        nominal = end - timedelta(days=rung.days)
        # Wall clocks are compared: the day on which they change is a day like any other.
        assert nominal - timedelta(days=1) <= local.replace(tzinfo=None) <= nominal


@given(ends_at=ENDS, zone=ZONES, days=RUNGS)
def test_no_two_reminders_are_the_same_and_they_come_in_order(
    ends_at: datetime, zone: str, days: tuple[int, ...]
) -> None:
    rungs = reminders_for(ends_at, TrialPolicy(reminders=(*days, *days)), zone, now=LONG_AGO)
    assert len(rungs) == len(days)
    for before, after in pairwise(rungs):
        assert before.at < after.at
        assert before.days > after.days


@given(ends_at=ENDS, zone=ZONES, hours=st.integers(min_value=-24, max_value=24 * 9))
def test_a_rung_that_is_past_is_left_out_and_moves_no_other(ends_at: datetime, zone: str, hours: int) -> None:
    now = ends_at - timedelta(hours=hours)
    everything = reminders_for(ends_at, POLICY, zone, now=LONG_AGO)
    assert reminders_for(ends_at, POLICY, zone, now=now) == tuple(rung for rung in everything if rung.at > now)


def test_a_rung_whose_time_is_this_very_moment_is_past() -> None:
    ends_at = datetime(2026, 6, 15, 12, tzinfo=UTC)
    at = reminders_for(ends_at, POLICY, "UTC", now=LONG_AGO)[0].at
    assert [rung.days for rung in reminders_for(ends_at, POLICY, "UTC", now=at)] == [3, 1]


def test_a_trial_that_ends_by_day_is_announced_at_its_own_hour() -> None:
    assert due(datetime(2026, 6, 15, 10, 15, tzinfo=UTC), "Europe/Berlin") == [
        "7: Mon 08 Jun 12:15 +0200",
        "3: Fri 12 Jun 12:15 +0200",
        "1: Sun 14 Jun 12:15 +0200",
    ]


@pytest.mark.parametrize(
    ("end", "reminder"),
    [
        ("08:59", "1: Sat 13 Jun 17:30 +0000"),
        ("09:00", "1: Sun 14 Jun 09:00 +0000"),
        ("17:30", "1: Sun 14 Jun 17:30 +0000"),
        ("17:31", "1: Sun 14 Jun 17:30 +0000"),
        ("23:59", "1: Sun 14 Jun 17:30 +0000"),
        ("00:00", "1: Sat 13 Jun 17:30 +0000"),
    ],
)
def test_a_reminder_outside_the_window_moves_back_into_it(end: str, reminder: str) -> None:
    assert due(datetime.fromisoformat(f"2026-06-15T{end}+00:00"), "UTC", 1) == [reminder]


CLOCK_CHANGES = {
    "Berlin's clocks go forward": (
        "Europe/Berlin",
        "2026-03-30T12:00+02:00",
        ["3: Fri 27 Mar 12:00 +0100", "1: Sun 29 Mar 12:00 +0200"],
    ),
    "Berlin's clocks go back": (
        "Europe/Berlin",
        "2026-10-26T12:00+01:00",
        ["3: Fri 23 Oct 12:00 +0200", "1: Sun 25 Oct 12:00 +0100"],
    ),
    "a trial ends in Berlin's doubled hour": (
        "Europe/Berlin",
        "2026-10-25T02:30+01:00",
        ["3: Wed 21 Oct 17:30 +0200", "1: Fri 23 Oct 17:30 +0200"],
    ),
    "New York's clocks go forward": (
        "America/New_York",
        "2026-03-09T09:00-04:00",
        ["3: Fri 06 Mar 09:00 -0500", "1: Sun 08 Mar 09:00 -0400"],
    ),
    "New York's clocks go back": (
        "America/New_York",
        "2026-11-02T17:00-05:00",
        ["3: Fri 30 Oct 17:00 -0400", "1: Sun 01 Nov 17:00 -0500"],
    ),
    "Lord Howe's clocks go back by half an hour": (
        "Australia/Lord_Howe",
        "2026-04-06T10:00+10:30",
        ["3: Fri 03 Apr 10:00 +1100", "1: Sun 05 Apr 10:00 +1030"],
    ),
    "Lord Howe's clocks go forward by half an hour": (
        "Australia/Lord_Howe",
        "2026-10-05T10:00+11:00",
        ["3: Fri 02 Oct 10:00 +1030", "1: Sun 04 Oct 10:00 +1100"],
    ),
}


@pytest.mark.parametrize(("zone", "end", "reminders"), CLOCK_CHANGES.values(), ids=CLOCK_CHANGES)
def test_reminders_keep_their_hour_when_clocks_change(zone: str, end: str, reminders: list[str]) -> None:
    assert due(datetime.fromisoformat(end), zone, 3, 1) == reminders


def test_no_reminders_are_wanted_none_are_due() -> None:
    assert reminders_for(datetime(2026, 6, 15, tzinfo=UTC), TrialPolicy(reminders=()), "UTC", now=LONG_AGO) == ()


def test_the_window_is_the_policys() -> None:
    early = TrialPolicy(reminders=(1,), earliest="06:00", latest="08:00")
    rungs = reminders_for(datetime(2026, 6, 15, 12, tzinfo=UTC), early, "UTC", now=LONG_AGO)
    assert [rung.at for rung in rungs] == [datetime(2026, 6, 14, 7, 30, tzinfo=UTC)]
