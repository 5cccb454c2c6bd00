"""Periods of use begin and end by UTC."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Basis
from domain.catalog.features import UsageWindow
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.usage_periods import EPOCH, Period, period

BY_CALENDAR = [UsageWindow.DAY, UsageWindow.WEEK, UsageWindow.MONTH]


def day(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def at(moment: str) -> EntitlementBasis:
    return EntitlementBasis(day(moment), Basis.PLAN)


@pytest.mark.parametrize(
    ("window", "moment", "starts", "ends"),
    [
        (UsageWindow.DAY, "2026-12-31T23:59:59.999999", "2026-12-31", "2027-01-01"),
        (UsageWindow.DAY, "2027-01-01", "2027-01-01", "2027-01-02"),
        (UsageWindow.WEEK, "2027-01-03T23:00", "2026-12-28", "2027-01-04"),
        (UsageWindow.WEEK, "2027-01-04", "2027-01-04", "2027-01-11"),
        (UsageWindow.MONTH, "2028-02-29T12:00", "2028-02-01", "2028-03-01"),
        (UsageWindow.MONTH, "2026-12-01", "2026-12-01", "2027-01-01"),
        (UsageWindow.BILLING_PERIOD, "2026-01-31T05:00", "2026-01-01", "2026-02-01"),
    ],
)
def test_periods_of_the_calendar(window: UsageWindow, moment: str, starts: str, ends: str) -> None:
    assert period(window, at(moment)) == Period(day(starts), day(ends))


def test_a_billing_period_is_the_subscriptions_own() -> None:
    billed = replace(at("2026-03-20"), period_start=day("2026-03-15"), period_end=day("2026-04-15"))
    unknown = replace(billed, period_end=None)

    assert period(UsageWindow.BILLING_PERIOD, billed) == Period(day("2026-03-15"), day("2026-04-15"))
    assert period(UsageWindow.BILLING_PERIOD, unknown) == Period(day("2026-03-15"), None)
    assert period(UsageWindow.MONTH, billed) == Period(day("2026-03-01"), day("2026-04-01"))


def test_a_gauge_has_no_end() -> None:
    assert period(UsageWindow.GAUGE, at("2026-03-20")) == Period(EPOCH, None)


@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 1), timezones=st.just(UTC)))  # noqa: DTZ001
@pytest.mark.parametrize("window", BY_CALENDAR)
def test_every_moment_lies_in_its_period_and_the_next_begins_where_it_ends(
    window: UsageWindow, moment: datetime
) -> None:
    here = period(window, EntitlementBasis(moment, Basis.PLAN))
    assert here.ends is not None
    assert here.starts <= moment < here.ends
    assert period(window, EntitlementBasis(here.ends, Basis.PLAN)).starts == here.ends
    assert period(window, EntitlementBasis(here.ends - timedelta(microseconds=1), Basis.PLAN)) == here
