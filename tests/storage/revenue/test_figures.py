"""Figures of revenue, from movements and from their sums by day."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from domain.catalog.plans import Interval
from domain.revenue.figures import ChurnGroup, Figure, Grouping, Period, PeriodLength, Segment
from domain.revenue.overview import Standing
from domain.revenue.queries import Range
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Pause, Subscription
from storage.db.roles import DatabaseRole
from storage.revenue import recorded_until, roll_up
from storage.revenue.check import month_differences
from storage.revenue.figures import RevenueFigures
from storage.revenue.roll_up import RevenueRollUpRecords
from tests.builders import FREE, PRO, a_recovery
from tests.harness.postgres import Databases
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.revenue.reading import all_periods_of, extent_of, periods_of, standing_of

YEAR, PRO_YEAR = 12 * 4900, 12 * 19900
QUARTER = Range("usd", date(2026, 1, 1), date(2026, 4, 1))
SINCE_EVER = "update mrr_movements set recorded_at = now() - interval '1 hour'"


def on(month: int, day: int = 10, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


async def goes_on(ledger: Ledger, it: Subscription, at: datetime, **changes: object) -> Subscription:
    it = later(it, **changes)
    await ledger.save(a_step(it, at=at))
    return it


async def pays(ledger: Ledger, name: str, at: datetime, **changes: object) -> Subscription:
    it = await ledger.sign_up(name)
    return await goes_on(ledger, it, at, status=Status.ACTIVE, agreement_ref=f"sub_{name}", **changes)


async def a_quarter(ledger: Ledger) -> None:
    """Four customers: one upgrades and leaves, one pauses, one is lost and comes back, one has a year's plan."""
    ada = await pays(ledger, "ada", on(1))
    ada = later(ada).choosing(PRO)
    await ledger.save(a_step(ada, at=on(2)))
    await goes_on(ledger, ada, on(3), status=Status.CANCELED, end_kind=EndKind.CUSTOMER)
    grace = await pays(ledger, "grace", on(1))
    grace = await goes_on(ledger, grace, on(2), status=Status.PAUSED, pause=Pause(on(2)))
    await goes_on(ledger, grace, on(3, 5), status=Status.ACTIVE, pause=None)
    eve = await pays(ledger, "eve", on(1, 20))
    await goes_on(ledger, eve, on(2, 20), status=Status.CANCELED, end_kind=EndKind.NONPAYMENT)
    await pays(ledger, "eve", on(3, 20))
    await pays(ledger, "bob", on(2, 1), interval=Interval.YEAR, amount=49000)


def shown(period: Period) -> Mapping[str, Figure]:
    return {kind: figure for kind, figure in period.moved.items() if figure != Figure()}


@pytest.fixture(params=["movements", "sums", "both"])
async def figures(request: pytest.FixtureRequest, ledger: Ledger) -> RevenueFigures:
    """The figures of a quarter: read from movements, from sums by day, or from sums and what came after them."""
    await a_quarter(ledger)
    if request.param == "both":
        await ledger.rewrite(f"{SINCE_EVER} where at < '2026-02-15'")
    elif request.param == "sums":
        await ledger.rewrite(SINCE_EVER)
    if request.param != "movements":
        await RevenueRollUpRecords(ledger.engine, "UTC").roll_up()
        assert await ledger.count("mrr_daily") > 0
    return RevenueFigures(ledger.engine, "UTC")


async def test_what_moved_in_each_month_leads_from_its_start_to_its_end(figures: RevenueFigures) -> None:
    january, february, march = await periods_of(figures, QUARTER)

    assert (january.start, january.end, january.customers) == (0, 3 * YEAR, 3)
    assert shown(january) == {"new": Figure(3 * YEAR, 3)}
    assert shown(february) == {
        "new": Figure(49000, 1),
        "expansion": Figure(PRO_YEAR - YEAR, 1),
        "pause": Figure(-YEAR, 1),
        "churn": Figure(-YEAR, 1),
    }
    assert (february.paused, february.customers) == (YEAR, 2)
    assert shown(march) == {
        "resume": Figure(YEAR, 1),
        "churn": Figure(-PRO_YEAR, 1),
        "reactivation": Figure(YEAR, 1),
    }
    assert (march.start, march.end, march.paused, march.customers) == (february.end, 2 * YEAR + 49000, 0, 3)
    for period in (january, february, march):
        assert period.start + sum(each.annual for each in period.moved.values()) == period.end


async def test_churn_is_told_apart_by_who_ended_it(figures: RevenueFigures) -> None:
    _, february, march = await periods_of(figures, QUARTER)

    assert february.churn_by[ChurnGroup.INVOLUNTARY] == Figure(-YEAR, 1)
    assert march.churn_by[ChurnGroup.VOLUNTARY] == Figure(-PRO_YEAR, 1)
    assert february.churn_by[ChurnGroup.VOLUNTARY] == march.churn_by[ChurnGroup.INVOLUNTARY] == Figure()


async def test_a_range_begins_with_what_was_there_before(figures: RevenueFigures) -> None:
    [march] = await periods_of(figures, replace(QUARTER, first=date(2026, 3, 1)))

    assert (march.start, march.end) == (PRO_YEAR + 49000, 2 * YEAR + 49000)


async def test_in_figures_of_a_plan_a_change_enters_one_and_leaves_the_other(figures: RevenueFigures) -> None:
    _, starter, _ = await periods_of(figures, replace(QUARTER, segment=Segment("starter")))
    _, pro, after = await periods_of(figures, replace(QUARTER, segment=Segment("professional")))

    assert starter.moved["leaving"] == Figure(-YEAR, 1)
    assert (starter.start, starter.end, starter.customers) == (3 * YEAR, 49000, 1)
    assert pro.moved["entering"] == Figure(PRO_YEAR, 1)
    assert (pro.start, pro.end, pro.customers, after.end, after.customers) == (0, PRO_YEAR, 1, 0, 0)
    assert starter.start + sum(each.annual for each in starter.moved.values()) == starter.end


async def test_figures_of_each_plan_are_those_of_one_after_the_other(figures: RevenueFigures) -> None:
    of_each = await all_periods_of(figures, replace(QUARTER, group=Grouping.PLAN))

    assert [line.segment.plan for line in of_each] == ["professional", "starter"]
    for line, periods in of_each.items():
        assert periods == await periods_of(figures, replace(QUARTER, segment=line.segment))
    alone = await all_periods_of(figures, replace(QUARTER, group=Grouping.PLAN, segment=Segment("starter")))
    assert alone == {line: periods for line, periods in of_each.items() if line.segment.plan == "starter"}


async def test_figures_of_each_billing_interval_add_up_to_those_of_all(figures: RevenueFigures) -> None:
    of_all = await periods_of(figures, QUARTER)
    of_each = await all_periods_of(figures, replace(QUARTER, group=Grouping.BILLING_INTERVAL))

    assert [line.segment for line in of_each] == [Segment("", "month"), Segment("", "year")]
    for line, periods in of_each.items():
        assert periods == await periods_of(figures, replace(QUARTER, segment=line.segment))
    sums = [sum(each.end for each in month) for month in zip(*of_each.values(), strict=True)]
    assert sums == [month.end for month in of_all]


async def test_figures_of_each_currency_are_those_of_one_after_the_other(ledger: Ledger) -> None:
    await pays(ledger, "ada", on(1))
    await pays(ledger, "lena", on(2), currency="eur")
    figures = RevenueFigures(ledger.engine, "UTC")

    of_each = await all_periods_of(figures, replace(QUARTER, currency=""))

    assert [line.currency for line in of_each] == ["eur", "usd"]
    for line, periods in of_each.items():
        assert periods == await periods_of(figures, replace(QUARTER, currency=line.currency))


async def test_periods_may_be_days_and_years(figures: RevenueFigures) -> None:
    days = await periods_of(figures, Range("usd", date(2026, 2, 9), date(2026, 2, 12), PeriodLength.DAY))
    [year] = await periods_of(figures, Range("usd", date(2026, 1, 1), date(2027, 1, 1), PeriodLength.YEAR))

    assert [day.end - day.start for day in days] == [0, PRO_YEAR - 2 * YEAR, 0]
    assert (year.start, year.end, year.moved["new"].customers) == (0, 2 * YEAR + 49000, 4)


async def test_another_currency_and_another_tenant_have_figures_of_their_own(figures: RevenueFigures) -> None:
    for tenant, currency in (("default", "eur"), ("other", "usd")):
        periods = await periods_of(figures, replace(QUARTER, currency=currency), tenant)
        assert [(each.start, each.end, shown(each)) for each in periods] == [(0, 0, {})] * 3


# Where customers and time are counted with care


async def test_a_customer_who_moves_twice_the_same_way_in_a_month_is_one(ledger: Ledger) -> None:
    it = await pays(ledger, "ada", on(1))
    for day, quantity in ((2, 2), (3, 3)):
        it = await goes_on(ledger, it, on(2, day), quantity=quantity, amount=quantity * 4900)

    _, february, _ = await periods_of(RevenueFigures(ledger.engine, "UTC"), QUARTER)

    assert february.moved["expansion"] == Figure(2 * YEAR, 1)


async def test_a_month_is_one_of_the_chosen_zone(ledger: Ledger) -> None:
    await pays(ledger, "ada", on(1, 31, 23))

    for zone, month in (("UTC", 0), ("Europe/Berlin", 1)):
        periods = await periods_of(RevenueFigures(ledger.engine, zone), QUARTER)
        assert [each.moved["new"].customers for each in periods].index(1) == month


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("is_summed_up", [False, True], ids=["movements", "sums"])
async def test_a_midnight_that_occurs_twice_is_the_border_of_a_month_once(ledger: Ledger, is_summed_up: bool) -> None:
    # In Havana, half past midnight of 1 November: half an hour later it is midnight again.
    await pays(ledger, "ada", datetime(2026, 11, 1, 4, 30, tzinfo=UTC))
    await pays(ledger, "eve", datetime(2026, 11, 1, 3, 30, tzinfo=UTC))
    if is_summed_up:
        await RevenueRollUpRecords(ledger.engine, "America/Havana").roll_up()
    figures = RevenueFigures(ledger.engine, "America/Havana")

    months = await periods_of(figures, Range("usd", date(2026, 10, 1), date(2026, 12, 1)))
    [november] = await periods_of(figures, Range("usd", date(2026, 11, 1), date(2026, 12, 1)))
    days = await periods_of(figures, Range("usd", date(2026, 10, 31), date(2026, 11, 2), PeriodLength.DAY))

    for each in (*months, november, *days):
        assert each.moved["new"] == Figure(YEAR, 1)


@pytest.mark.parametrize("is_summed_up", [False, True], ids=["movements", "sums"])
async def test_another_billing_interval_enters_and_leaves(ledger: Ledger, is_summed_up: bool) -> None:
    it = await pays(ledger, "ada", on(1))
    await goes_on(ledger, it, on(2), interval=Interval.YEAR, amount=49000)
    # As a process of an earlier release writes it: how often it was billed before is not in it.
    eve = await pays(ledger, "eve", on(1))
    await goes_on(ledger, eve, on(2), amount=9900)
    await ledger.rewrite("update mrr_movements set from_interval = '' where kind = 'expansion'")
    if is_summed_up:
        await ledger.rewrite(SINCE_EVER)
        await RevenueRollUpRecords(ledger.engine, "UTC").roll_up()
    figures = RevenueFigures(ledger.engine, "UTC")

    _, by_month, _ = await periods_of(figures, replace(QUARTER, segment=Segment(billing_interval="month")))
    _, by_year, _ = await periods_of(figures, replace(QUARTER, segment=Segment("starter", "year")))

    assert shown(by_month) == {"leaving": Figure(-YEAR, 1), "expansion": Figure(12 * 5000, 1)}
    assert (by_month.start, by_month.end, by_month.customers) == (2 * YEAR, 12 * 9900, 1)
    assert (shown(by_year), by_year.end) == ({"entering": Figure(49000, 1)}, 49000)


async def test_a_switch_moves_between_plans_and_is_no_figure_of_all(ledger: Ledger) -> None:
    it = await pays(ledger, "ada", on(1))
    await goes_on(ledger, it, on(2), plan="twin")
    figures = RevenueFigures(ledger.engine, "UTC")

    _, of_all, _ = await periods_of(figures, QUARTER)
    _, of_twin, _ = await periods_of(figures, replace(QUARTER, segment=Segment("twin")))

    assert shown(of_all) == {}
    assert of_twin.moved["entering"] == Figure(YEAR, 1)


# Sums by day


async def test_a_movement_that_comes_late_is_summed_up_with_its_day(ledger: Ledger) -> None:
    await a_quarter(ledger)
    await ledger.rewrite(SINCE_EVER)
    sums, figures = RevenueRollUpRecords(ledger.engine, "UTC"), RevenueFigures(ledger.engine, "UTC")
    await sums.roll_up()
    await pays(ledger, "late", on(1))
    before = await periods_of(figures, QUARTER)

    await ledger.rewrite(f"{SINCE_EVER} where recorded_at > now() - interval '1 minute'")
    await ledger.rewrite("update mrr_roll_up set recorded_until = recorded_until - interval '2 hours'")
    await sums.roll_up()

    assert await periods_of(figures, QUARTER) == before
    assert before[0].moved["new"] == Figure(4 * YEAR, 4)


async def test_sums_are_made_again_for_another_zone_and_not_used_until_then(ledger: Ledger) -> None:
    await pays(ledger, "ada", on(1, 31, 23))
    await ledger.rewrite(SINCE_EVER)
    await RevenueRollUpRecords(ledger.engine, "UTC").roll_up()
    berlin = RevenueFigures(ledger.engine, "Europe/Berlin")
    expected = await periods_of(berlin, QUARTER)

    await RevenueRollUpRecords(ledger.engine, "Europe/Berlin").roll_up()

    assert await periods_of(berlin, QUARTER) == expected
    assert await ledger.rows("select day from mrr_daily") == [{"day": date(2026, 2, 1)}]
    assert await ledger.rows("select timezone from mrr_roll_up") == [{"timezone": "Europe/Berlin"}]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until this very moment, and without waiting for what is under way."""
    monkeypatch.setattr(recorded_until, "MARGIN", timedelta())
    monkeypatch.setattr(recorded_until, "LOOKS", 1)


RECORD_ANOTHER = text(
    "insert into mrr_movements select (jsonb_populate_record(m, jsonb_build_object('recorded_at', now(),"
    " 'position', 1))).* from mrr_movements m limit 1"
)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("role", [None, DatabaseRole.SYSTEM], ids=["login", "role"])
async def test_what_a_transaction_that_is_under_way_still_records_is_not_passed_over(
    ledger: Ledger, databases: Databases, database_url: str, role: DatabaseRole | None
) -> None:
    sums = RevenueRollUpRecords(databases.engine(database_url, role), "UTC")
    await pays(ledger, "ada", on(1))
    async with ledger.engine.begin() as connection:
        await connection.execute(text("select now()"))
        await pays(ledger, "grace", on(1))
        await sums.roll_up()
        await connection.execute(RECORD_ANOTHER)
    expected = [period.end for period in await periods_of(RevenueFigures(ledger.engine, "UTC"), QUARTER)]

    await sums.roll_up()

    assert await ledger.rows("select sum(after - before)::int as annual from mrr_daily") == [{"annual": 3 * YEAR}]
    assert expected == [3 * YEAR] * 3
    assert await month_differences(ledger.engine, "UTC") == []


@pytest.mark.usefixtures("at_once")
async def test_although_a_transaction_is_always_under_way_sums_go_on(ledger: Ledger) -> None:
    sums, others = RevenueRollUpRecords(ledger.engine, "UTC"), AsyncExitStack()
    await pays(ledger, "ada", on(1))
    async with others:
        async with ledger.engine.begin() as connection:
            await connection.execute(text("select now()"))
            await sums.roll_up()
            assert await ledger.count("mrr_daily") == 0
            await pays(ledger, "grace", on(1))
            await (await others.enter_async_context(ledger.engine.begin())).execute(text("select now()"))

        await sums.roll_up()

        assert await ledger.rows("select payers_after from mrr_daily") == [{"payers_after": 1}]


async def test_rolling_up_again_changes_nothing(ledger: Ledger) -> None:
    await a_quarter(ledger)
    await ledger.rewrite(SINCE_EVER)
    sums = RevenueRollUpRecords(ledger.engine, "UTC")
    await sums.roll_up()
    before = await ledger.rows("select * from mrr_daily order by mrr_daily::text")

    await ledger.rewrite("update mrr_roll_up set recorded_until = '2026-01-01'")
    await sums.roll_up()

    assert await ledger.rows("select * from mrr_daily order by mrr_daily::text") == before


# What there is now


async def test_what_there_is_now_by_kind(ledger: Ledger) -> None:
    await pays(ledger, "ada", on(1))
    leaving = await pays(ledger, "grace", on(1))
    await goes_on(ledger, leaving, on(1), cancel_at=on(2))
    owing = await pays(ledger, "eve", on(1))
    await goes_on(ledger, owing, on(1), status=Status.PAST_DUE, recovery=a_recovery())
    resting = await pays(ledger, "bob", on(1))
    await goes_on(ledger, resting, on(1), status=Status.PAUSED, pause=Pause(on(1)))
    await ledger.sign_up("trial")
    await ledger.save(a_step(later(await ledger.sign_up("free"), status=Status.ACTIVE).choosing(FREE)))
    dear = await ledger.sign_up("dear")
    await ledger.save(a_step(later(dear, status=Status.ACTIVE).choosing(PRO)))
    figures = RevenueFigures(ledger.engine, "UTC")

    assert await standing_of(figures) == Standing(
        annual=3 * YEAR + PRO_YEAR,
        committed=2 * YEAR + PRO_YEAR,
        at_risk=YEAR,
        paused=YEAR,
        trialing=YEAR,
        paying_customers=4,
        free_customers=1,
        trialing_customers=1,
    )
    pro = await standing_of(figures, Segment("professional"))
    assert (pro.annual, pro.paying_customers) == (PRO_YEAR, 1)
    assert await standing_of(figures, tenant="other") == Standing()


async def test_figures_reach_as_far_as_the_subscription_that_is_furthest_ahead(ledger: Ledger) -> None:
    figures = RevenueFigures(ledger.engine, "UTC")
    nothing = await extent_of(figures)
    assert (nothing.latest, nothing.since, nothing.currencies) == (nothing.today, None, ())

    ahead = datetime.now(UTC) + timedelta(days=400)
    await pays(ledger, "ada", on(1))
    await pays(ledger, "grace", ahead)
    extent = await extent_of(figures)

    assert (extent.latest, extent.since, extent.currencies) == (ahead.date(), date(2026, 1, 10), ("usd",))
    await ledger.rewrite("update mrr_movements set sequence = 0 where at < '2026-02-01'")
    assert (await extent_of(figures)).since == extent.today


async def test_sums_are_the_same_whatever_share_of_the_customers_is_added_up_at_a_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_quarter(ledger)
    await ledger.rewrite(SINCE_EVER)
    await RevenueRollUpRecords(ledger.engine, "UTC").roll_up()
    at_once = await summed_up(ledger)
    await ledger.rewrite("delete from mrr_roll_up")
    monkeypatch.setattr(roll_up, "AT_ONCE", 1)

    await RevenueRollUpRecords(ledger.engine, "UTC").roll_up()

    assert await summed_up(ledger) == at_once
    assert all(at_once.values())


@pytest.mark.usefixtures("at_once")
async def test_a_roll_up_reads_in_shares_and_is_alive_after_each(
    ledger: Ledger, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = RevenueRollUpRecords(ledger.engine, "UTC")
    ada, *_ = [await pays(ledger, name, on(1)) for name in ("ada", "grace", "eve")]
    await sums.roll_up()
    await pays(ledger, "bob", on(1))
    await goes_on(ledger, ada, on(2), quantity=2, amount=9800)
    monkeypatch.setattr(roll_up, "AT_ONCE", 1)
    asked.clear()

    await sums.roll_up(alive=lambda: asked.append("alive"))

    for table, movements in (("daily", 4 + 1), ("cohorts", 1 + 2)):
        found = [number for number, sent in enumerate(asked) if f"INSERT INTO mrr_{table}" in sent]
        assert len(found) == movements, "of all on these days, or of these customers"
        assert {asked[number + 1] for number in found} == {"alive"}


async def summed_up(ledger: Ledger) -> dict[str, list[str]]:
    """All sums, in some order that is the same each time."""
    tables = ("mrr_daily", "mrr_movers", "mrr_cohorts")
    return {
        table: sorted(str(sorted(row.items())) for row in await ledger.rows(f"select * from {table}"))  # noqa: S608
        for table in tables
    }
