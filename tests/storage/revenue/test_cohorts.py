"""Cohorts, from movements and from their sums."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, text
from sqlalchemy.util import await_only

from domain.names import DEFAULT_TENANT
from domain.revenue.cohorts import Cohort
from domain.revenue.figures import Grouping, Segment
from domain.revenue.queries import ReportQuery
from storage.revenue.cohorts import CohortFigures, sum_up_cohorts
from storage.revenue.figures import Line, RevenueFigures
from storage.revenue.roll_up import RevenueRollUpRecords
from storage.schema.revenue_tables import mrr_roll_up
from tests.storage.ledger import Ledger
from tests.storage.revenue.reading import periods_of
from tests.storage.revenue.test_figures import PRO_YEAR, QUARTER, SINCE_EVER, YEAR, a_quarter, on, pays

ASKED = ReportQuery("usd", date(2026, 1, 1), date(2026, 3, 1))


async def read(ledger: Ledger, query: ReportQuery = ASKED, tenant: str = DEFAULT_TENANT) -> dict[Line, list[Cohort]]:
    report = await CohortFigures(ledger.engine, "UTC").cohorts(tenant, query)
    return {line: list(found) for line, found in report.lines.items()}


async def roll_up(ledger: Ledger, timezone: str = "UTC") -> None:
    await RevenueRollUpRecords(ledger.engine, timezone).roll_up()


def shown(cohort: Cohort, months: int = 3) -> list[tuple[int, int]]:
    return [(month.customers, month.annual) for month in cohort.months[:months]]


@pytest.fixture(params=["movements", "sums", "both"])
async def quarter(request: pytest.FixtureRequest, ledger: Ledger) -> Ledger:
    """A quarter whose cohorts are read from movements, from sums, or from sums and what came after them."""
    await a_quarter(ledger)
    if request.param == "both":
        await ledger.rewrite(f"{SINCE_EVER} where at < '2026-02-15'")
    elif request.param == "sums":
        await ledger.rewrite(SINCE_EVER)
    if request.param != "movements":
        await roll_up(ledger)
        assert await ledger.count("mrr_cohorts") > 0
    return ledger


async def test_who_began_in_a_month_and_what_they_come_to_since(quarter: Ledger) -> None:
    january, february, march = (await read(quarter))[Line("usd")]

    assert (january.customers, january.began_with) == (3, 3 * YEAR)
    assert shown(january) == [(3, 3 * YEAR), (1, PRO_YEAR), (2, 2 * YEAR)]
    assert (february.customers, february.began_with, shown(february, 2)) == (1, 49000, [(1, 49000)] * 2)
    assert (march.customers, march.months) == (0, ())


async def test_the_cohorts_of_a_month_add_up_to_its_revenue_and_its_customers(quarter: Ledger) -> None:
    cohorts = (await read(quarter))[Line("usd")]
    periods = await periods_of(RevenueFigures(quarter.engine, "UTC"), QUARTER)

    for period in periods:
        left = [month for each in cohorts for month in each.months if month.first_day == period.first_day]
        assert sum(month.annual for month in left) == period.end
        assert sum(month.customers for month in left) == period.customers


async def test_a_cohort_is_told_apart_by_what_its_customers_began_with(quarter: Ledger) -> None:
    by_interval = await read(quarter, replace(ASKED, group=Grouping.BILLING_INTERVAL))
    starters = (await read(quarter, replace(ASKED, segment=Segment("starter", "month"))))[
        Line("usd", Segment("starter", "month"))
    ]

    assert [line.segment.billing_interval for line in by_interval] == ["month", "year"]
    assert by_interval[Line("usd", Segment("", "month"))] == starters
    # Who has taken a larger plan since is still of those who began with the small one.
    assert shown(starters[0]) == [(3, 3 * YEAR), (1, PRO_YEAR), (2, 2 * YEAR)]
    assert list(await read(quarter, replace(ASKED, group=Grouping.PLAN))) == [Line("usd", Segment("starter"))]


async def test_another_tenant_and_another_currency_have_cohorts_of_their_own(quarter: Ledger) -> None:
    assert [each.customers for each in (await read(quarter, tenant="other"))[Line("usd")]] == [0, 0, 0]
    assert [each.customers for each in (await read(quarter, replace(ASKED, currency="eur")))[Line("eur")]] == [0, 0, 0]


async def test_cohorts_of_each_currency_are_those_of_one_after_the_other(ledger: Ledger) -> None:
    await pays(ledger, "ada", on(1))
    await pays(ledger, "lena", on(2), currency="eur")

    of_each = await read(ledger, replace(ASKED, currency=""))

    assert [line.currency for line in of_each] == ["eur", "usd"]
    for line, found in of_each.items():
        assert found == (await read(ledger, replace(ASKED, currency=line.currency)))[line]


async def test_a_cohort_is_of_the_month_in_the_chosen_zone(ledger: Ledger) -> None:
    await pays(ledger, "ada", on(1, 31, 23))
    await ledger.rewrite(SINCE_EVER)
    await roll_up(ledger)
    await roll_up(ledger, "Europe/Berlin")

    report = await CohortFigures(ledger.engine, "Europe/Berlin").cohorts(DEFAULT_TENANT, ASKED)

    assert [each.customers for each in report.lines[Line("usd")]] == [0, 1, 0]
    assert [each.customers for each in (await read(ledger))[Line("usd")]] == [1, 0, 0]


async def test_a_process_of_an_earlier_release_that_sums_up_makes_cohorts_start_over(ledger: Ledger) -> None:
    await a_quarter(ledger)
    await ledger.rewrite(SINCE_EVER)
    expected = await read(ledger)
    await roll_up(ledger)
    await ledger.run("update mrr_roll_up set cohorts_until = null")
    assert await read(ledger) == expected

    await roll_up(ledger)

    assert await read(ledger) == expected


async def test_a_roll_up_while_cohorts_are_read_counts_nobody_twice(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_quarter(ledger)
    await ledger.rewrite(f"{SINCE_EVER} where at < '2026-02-15'")
    await roll_up(ledger)
    expected = await read(ledger)
    until = await ledger.rows("select cohorts_until from mrr_roll_up")

    async def known_before(*_: object, **__: object) -> datetime:
        return datetime.now(UTC)

    # The mark was taken before the reader began, for whom it would wait.
    monkeypatch.setattr("storage.revenue.roll_up.recorded_until", known_before)
    with between(ledger, "SELECT mrr_roll_up.cohorts_until", lambda: roll_up(ledger)):
        found = await read(ledger)

    assert await ledger.rows("select cohorts_until from mrr_roll_up") != until
    assert found == expected


@contextmanager
def between(ledger: Ledger, statement: str, act: Callable[[], Coroutine[None, None, None]]) -> Iterator[None]:
    """Once, right after such a statement."""
    left = [act]

    def intervene(_connection: object, _cursor: object, sent: str, *_more: object) -> None:
        if sent.startswith(statement) and left:
            await_only(left.pop()())

    event.listen(ledger.engine.sync_engine, "after_cursor_execute", intervene)
    yield
    event.remove(ledger.engine.sync_engine, "after_cursor_execute", intervene)


# Any lives, recorded in any order


@dataclass(frozen=True)
class Life:
    """What a customer pays a year from which day on, and at which of three hours each of it is recorded."""

    amounts: list[tuple[int, int, int]]

    def movements(self) -> Iterator[tuple[int, int, int, int]]:
        """Day, before, after and hour of each."""
        before = 0
        for day, after, hour in sorted({day: (day, after, hour) for day, after, hour in self.amounts}.values()):
            if after != before:
                yield day, before, after, hour
            before = after


LIVES = st.lists(
    st.builds(
        Life,
        st.lists(st.tuples(st.integers(0, 150), st.sampled_from([0, 120, 240]), st.integers(0, 2)), max_size=6),
    ),
    max_size=6,
)
RECORD = text(
    "insert into mrr_movements (subscription, sequence, position, tenant, customer, at, recorded_at, kind, delta,"
    " before, after, currency, plan, interval, quantity, add_ons, catalog, from_plan, status_before, status_after,"
    " reason_code)"
    " select id, :sequence, 0, tenant, customer, :at, :recorded_at, 'new', cast(:after as bigint) - :before, :before,"
    " :after, 'usd', 'starter', 'month', 1, '{}', '', '', '', '', ''"
    " from subscriptions where id = :subscription"
)
RECORDED = datetime(2026, 6, 1, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HALF_A_YEAR = ReportQuery("usd", date(2026, 1, 1), date(2026, 6, 1))


def by_hand(lives: Iterable[Life]) -> dict[tuple[int, int], tuple[int, int]]:
    """Who pays and how much, by the month in which they began and the month that has ended."""
    left: dict[tuple[int, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for life in lives:
        moved = [((BEGIN + timedelta(days=day)).month, after) for day, _, after, _ in life.movements()]
        for month in range(moved[0][0] if moved else 7, 7):
            amount = [after for at, after in moved if at <= month][-1]
            customers, annual = left[moved[0][0], month]
            left[moved[0][0], month] = (customers + (amount > 0), annual + amount)
    return left


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lives=LIVES)
async def test_sums_are_the_movements_in_whatever_order_they_are_recorded(ledger: Ledger, lives: list[Life]) -> None:
    await ledger.rewrite("delete from mrr_movements")
    await ledger.run("truncate mrr_cohorts, mrr_roll_up")
    while await ledger.count("subscriptions") < len(lives):
        await ledger.sign_up(f"c{await ledger.count('subscriptions')}")
    rows = [
        {
            "subscription": row["id"],
            "sequence": sequence,
            "at": BEGIN + timedelta(days=day),
            "recorded_at": RECORDED + timedelta(hours=hour),
            "before": before,
            "after": after,
        }
        for row, life in zip(await ledger.rows("select id from subscriptions order by id"), lives, strict=False)
        for sequence, (day, before, after, hour) in enumerate(life.movements())
    ]
    async with ledger.engine.begin() as connection:
        if rows:
            await connection.execute(RECORD, rows)
    expected = by_hand(lives)

    for hour in range(4):
        found = {
            (cohort.first_day.month, month.first_day.month): (month.customers, month.annual)
            for cohort in (await read(ledger, HALF_A_YEAR))[Line("usd")]
            for month in cohort.months
            if month.first_day < date(2026, 7, 1)
        }
        assert found == expected
        since, until = (RECORDED + timedelta(hours=each) for each in (hour - 1, hour))
        async with ledger.engine.begin() as connection:
            given = {"timezone": "UTC", "since": since, "until": until}
            await sum_up_cohorts(connection, given, shares_of=lambda _: 2)
            await connection.execute(delete(mrr_roll_up))
            await connection.execute(
                mrr_roll_up.insert().values(timezone="UTC", recorded_until=until, cohorts_until=until)
            )
