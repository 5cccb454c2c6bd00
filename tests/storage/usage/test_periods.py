"""The period of a usage event: in UTC, the subscription's own where configured, and its own however late it is sent."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog.plans import AddOn, Interval
from domain.entitlements.usage import Action, Counted
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from tests.storage.counting import PRO, Counting, now, selling

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
Span = tuple[datetime, datetime]


def months_on(at: datetime, months: int, day: int) -> datetime:
    """Adds months and sets the day of the month, or the last one if it is too short."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return at.replace(year=year, month=month + 1, day=min(day, monthrange(year, month + 1)[1]))


@pytest_asyncio.fixture
async def shop(engine: AsyncEngine) -> Counting:
    made = Counting(engine)
    await made.publish()
    return made


@pytest_asyncio.fixture
async def database(database_url: str) -> "asyncpg.Connection":
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def span(database: "asyncpg.Connection", per: str, at: datetime, *billed: object) -> Span:
    row = await database.fetchrow(
        "SELECT starts, ends FROM tenure_period($1, $2, $3, $4, $5)", per, at, *(billed or (None, None, None))
    )
    return row["starts"], row["ends"]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/New_York"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(at=MOMENTS)
async def test_calendar_periods_are_in_utc_whatever_the_databases_time_zone(
    database: "asyncpg.Connection", zone: str, at: datetime
) -> None:
    await database.execute(f"SET timezone = '{zone}'")
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    week, month = day - timedelta(days=day.weekday()), day.replace(day=1)
    assert await span(database, "day", at) == (day, day + timedelta(days=1))
    assert await span(database, "week", at) == (week, week + timedelta(days=7))
    assert await span(database, "month", at) == (month, months_on(month, 1, 1))
    assert await span(database, "billing_period", at) == (month, months_on(month, 1, 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(
    first=MOMENTS, months=st.integers(-40, 40), known=st.integers(-6, 6), share=st.floats(0, 0.99), yearly=st.booleans()
)
async def test_billing_periods_are_computed_forward_and_back_like_the_providers(
    database: "asyncpg.Connection", first: datetime, months: int, known: int, share: float, yearly: bool
) -> None:
    await database.execute("SET timezone = 'America/New_York'")
    step, day = (12, min(first.day, 28)) if yearly else (1, first.day)
    edges = [months_on(first, step * number, day) for number in (known, known + 1, months, months + 1)]
    start, end, wanted_start, wanted_end = edges
    at = wanted_start + (wanted_end - wanted_start) * share
    found = await span(database, "billing_period", at, start, end, "year" if yearly else "month")
    if start <= at < end or first.day <= 28 or first.day in (start.day, end.day):
        assert found == (wanted_start, wanted_end)
    assert found[0] <= at < found[1]


def period(answer: Counted) -> tuple[datetime | None, datetime | None]:
    [counter] = answer.counters
    return counter.starts, counter.ends


async def test_a_billing_period_is_the_subscriptions_own(shop: Counting) -> None:
    ada = await shop.customer("ada")
    assert ada is not None
    assert period(await shop.use("runs")) == (ada.period_start, ada.period_end)
    assert (await shop.tallies())["runs"].starts == ada.period_start


async def test_a_trial_is_one_period_whose_end_may_move(shop: Counting) -> None:
    ada = await shop.customer("ada", status=Status.TRIALING)
    assert ada is not None
    assert ada.trial_ends_at is not None
    assert period(await shop.use("runs", 60)) == (ada.created_at, ada.trial_ends_at)
    longer = ada.trial_ends_at + timedelta(days=30)
    await shop.change(ada, trial_ends_at=longer)
    assert period(await shop.use("runs", 30)) == (ada.created_at, longer)
    assert await shop.used("runs") == 90


@pytest.mark.parametrize("every", list(Interval))
async def test_a_renewal_that_is_late_begins_its_period_all_the_same(shop: Counting, every: Interval) -> None:
    ended = now() - timedelta(days=3)
    began = ended - timedelta(days=365 if every is Interval.YEAR else 30)
    ada = await shop.customer("ada", interval=every, period_start=began, period_end=ended)
    starts, _ = period(await shop.use("runs", 70))
    assert starts == ended

    renewed = ended + timedelta(days=365 if every is Interval.YEAR else 31)
    await shop.change(ada, period_start=ended, period_end=renewed)

    answer = await shop.use("runs", 20)
    assert (period(answer), answer.counters[0].used) == ((ended, renewed), 90)


async def test_periods_continue_however_long_a_subscription_is_held(shop: Counting) -> None:
    ended = now() - timedelta(days=200)
    await shop.customer("ada", period_start=ended - timedelta(days=30), period_end=ended)
    starts, ends = period(await shop.use("runs"))
    assert starts is not None
    assert ends is not None
    assert starts <= now() < ends
    assert ends - starts <= timedelta(days=31)


async def test_a_new_period_counts_from_0_and_the_old_one_is_kept(shop: Counting) -> None:
    ada = await shop.customer("ada")
    assert ada is not None
    assert ada.period_start is not None
    await shop.use("runs", 110)
    assert await shop.outcome("runs") == "limit_reached"
    began = ada.period_start + timedelta(minutes=30)
    await shop.change(ada, period_start=began, period_end=began + timedelta(days=31))

    assert await shop.used("runs") is None
    assert await shop.outcome("runs") == "counted"
    rows = await shop.ledger.rows("select used from usage order by period_start")
    assert [row["used"] for row in rows] == [110, 1]


async def test_late_usage_counts_in_its_own_period(shop: Counting) -> None:
    ada = await shop.customer("ada")
    assert ada is not None
    assert ada.period_start is not None
    assert ada.period_end is not None
    await shop.use("runs", 7)
    before = ada.period_start
    await shop.change(ada, period_start=ada.period_end, period_end=ada.period_end + timedelta(days=28))

    late = await shop.use("runs", 5, action=Action.RECORD, at=before + timedelta(minutes=1))
    assert (period(late), late.counters[0].used) == ((before, ada.period_end), 12)

    # At a time nothing is known about: an earlier month, counted back.
    long_ago = before - timedelta(days=20)
    starts, ends = period(await shop.use("runs", 5, action=Action.RECORD, at=long_ago))
    assert starts is not None
    assert ends is not None
    assert starts <= long_ago < ends
    assert await shop.used("runs") is None


MORE_RUNS = selling(PRO, add_ons={"more_runs": AddOn("more_runs", "Runs", PRO.prices, {"runs": 100})})


async def paying_for_runs(shop: Counting, **more: Any) -> Subscription:
    """Pro includes 100 runs and bills what is beyond; each unit of the add-on includes 100 more."""
    await shop.publish(MORE_RUNS)
    ends = now() - timedelta(minutes=5)
    began = ends - timedelta(days=31)
    items = MORE_RUNS.select("pro").items
    made = await shop.customer(
        "ada", "pro", items=items, created_at=began - timedelta(days=60), trial_ends_at=began - timedelta(days=60),
        period_start=began, period_end=ends, **more,
    )  # fmt: skip
    assert made is not None
    return made


async def renewed(shop: Counting, before: Subscription, **changes: Any) -> datetime:
    """Begins the next period; returns a moment of the one before."""
    assert before.period_end is not None
    await shop.change(
        before, period_start=before.period_end, period_end=before.period_end + timedelta(days=31), **changes
    )
    return before.period_end - timedelta(minutes=10)


async def billed(shop: Counting) -> dict[str, int]:
    rows = await shop.ledger.logged("key, overage", "where overage > 0")
    return {str(row["key"]): int(str(row["overage"])) for row in rows}


async def test_late_usage_is_billed_beyond_the_limit_of_its_own_period(shop: Counting) -> None:
    """The add-on was given up with the period in which it allowed for this usage."""
    ada = await paying_for_runs(shop, add_ons={"more_runs": 1})
    assert ada.period_start is not None
    then = ada.period_start + timedelta(days=1)
    await shop.use("runs", 150, key="in-time", action=Action.RECORD, at=then)
    late = await renewed(shop, ada, add_ons={})

    await shop.use("runs", 5, key="late", action=Action.RECORD, at=late)
    assert await billed(shop) == {}
    await shop.use("runs", 60, key="later", action=Action.RECORD, at=late)
    assert await billed(shop) == {"later": 15}, "215 of 200, also after other late usage"
    await shop.use("runs", 101, key="now", action=Action.RECORD)
    assert await billed(shop) == {"later": 15, "now": 1}, "of 100 now"


async def test_late_usage_has_the_benefit_of_a_limit_that_was_raised_since(shop: Counting) -> None:
    ada = await paying_for_runs(shop)
    await shop.use("runs", 90, action=Action.RECORD, at=ada.period_start)
    late = await renewed(shop, ada, add_ons={"more_runs": 1})

    await shop.use("runs", 100, key="late", action=Action.RECORD, at=late)

    assert await billed(shop) == {}


async def test_the_first_usage_of_a_period_that_is_over_goes_by_the_last_limit_that_is_known(shop: Counting) -> None:
    ada = await paying_for_runs(shop, add_ons={"more_runs": 1})
    assert ada.period_start is not None
    await shop.use("runs", 1, action=Action.RECORD, at=ada.period_start - timedelta(days=2))
    late = await renewed(shop, ada, add_ons={})

    await shop.use("runs", 199, key="late", action=Action.RECORD, at=late)
    await shop.use("runs", 2, key="later", action=Action.RECORD, at=late)

    assert await billed(shop) == {"later": 1}


async def test_the_first_usage_of_a_period_before_which_nothing_is_known_goes_by_todays_limit(shop: Counting) -> None:
    ada = await paying_for_runs(shop)
    late = await renewed(shop, ada)

    await shop.use("runs", 130, key="late", action=Action.RECORD, at=late)

    assert await billed(shop) == {"late": 30}


async def test_late_daily_usage_counts_for_its_day(shop: Counting) -> None:
    await shop.customer("ada")
    yesterday = now() - timedelta(days=1)
    late = await shop.use("posts", 3, action=Action.RECORD, at=yesterday)
    day = next(one for one in late.counters if one.feature == "posts_a_day")
    assert day.starts == yesterday.replace(hour=0, minute=0, second=0, microsecond=0)
    assert await shop.used("posts_a_day") is None


async def test_clocks_may_differ_by_some_minutes(shop: Counting) -> None:
    await shop.customer("ada")
    ahead = now() + timedelta(minutes=4)
    assert await shop.outcome("profiles", action=Action.RECORD, at=ahead) == "counted"
    assert await shop.outcome("profiles", action=Action.RECORD, at=ahead + timedelta(minutes=2)) == "in_the_future"
    long_ago = now() - timedelta(days=35)
    assert await shop.outcome("profiles", action=Action.RECORD, at=long_ago - timedelta(minutes=1)) == "too_late"
    assert await shop.outcome("profiles", action=Action.RECORD, at=long_ago + timedelta(minutes=1)) == "counted"


async def test_a_check_reads_only_current_periods(shop: Counting) -> None:
    await shop.customer("ada")
    for days in (0, 1, 10):
        await shop.use("posts", action=Action.RECORD, at=now() - timedelta(days=days))
    assert sorted(await shop.tallies()) == ["posts_a_day", "posts_a_week"]
    assert await shop.used("posts_a_day") == 1
