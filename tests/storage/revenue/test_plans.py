"""Whatever was recorded, reports of the revenue and the worklist read no large table from end to end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.revenue.figures import PeriodLength
from domain.revenue.queries import ReportQuery
from domain.revenue.recovery_figures import RecoveryGroup
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from storage.revenue.cohorts import CohortFigures
from storage.revenue.figures import RevenueFigures
from storage.revenue.outcome_figures import OutcomeFigures
from storage.revenue.roll_up import RevenueRollUpRecords
from storage.subscriptions.worklist import Worklists
from tests.harness.postgres import Databases
from tests.storage.lists.plans import Watch, explain_all

TENANT = "default"
LARGE = frozenset(
    {"customers", "subscriptions", "mrr_movements", "subscription_outcomes", "recoveries", "cancellations"}
)
# A paying customer each hour, of whom one in twenty owes, with a movement that was recorded when it happened.
_CUSTOMERS = """
    INSERT INTO customers (id, tenant, external_id, email, timezone, locale)
    SELECT md5('customer' || n)::uuid, $1, 'user-' || n, 'user-' || n || '@example.com', 'UTC', 'en'
    FROM generate_series(1, 6000) n
"""
_SUBSCRIPTIONS = """
    INSERT INTO subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
        status_reason, access, sequence, period_end, next_actions, state, created_at)
    SELECT md5('subscription' || n)::uuid, $1, md5('customer' || n)::uuid, 'starter', 'Starter', 'month', 1,
        4900, 'usd',
        CASE WHEN n % 20 = 0 THEN 'suspended' ELSE 'active' END, '', 'full', 1, now() + n * interval '1 hour',
        jsonb_build_array(jsonb_build_object('action', 'cancel', 'at', now() + n * interval '1 hour')),
        jsonb_build_object('recovery', jsonb_build_object()), now() - n * interval '1 hour'
    FROM generate_series(1, 6000) n
"""
_MOVEMENTS = """
    INSERT INTO mrr_movements (subscription, sequence, position, tenant, customer, at, recorded_at, kind, delta, before,
        after, currency, plan, interval, quantity, add_ons, catalog, from_plan, status_before, status_after,
        reason_code)
    SELECT md5('subscription' || n)::uuid, 1, 0, $1, md5('customer' || n)::uuid, at, at, 'new', 58800, 0, 58800, 'usd',
        'starter', 'month', 1, '{}', '', '', '', 'active', ''
    FROM generate_series(1, 6000) n, LATERAL (SELECT now() - n * interval '1 hour' AS at) AS moment
"""
_OUTCOMES = """
    INSERT INTO subscription_outcomes (subscription, tenant, customer, trial_started_at, trial_ended_at, trial_outcome,
        trial_plan, first_paid_at)
    SELECT md5('subscription' || n)::uuid, $1, md5('customer' || n)::uuid, at - interval '14 days', at, 'converted',
        'starter', at
    FROM generate_series(1, 6000) n, LATERAL (SELECT now() - n * interval '1 hour' AS at) AS moment
"""
_RECOVERIES = """
    INSERT INTO recoveries (subscription, sequence, tenant, began_at, invoice, amount, currency, is_first_payment,
        decline_code, tries, outcome)
    SELECT md5('subscription' || n)::uuid, 2, $1, now() - n * interval '1 hour', 'in_' || n, 4900, 'usd', false,
        'expired_card', 1, 'open'
    FROM generate_series(1, 6000) n
"""
_CANCELLATIONS = """
    INSERT INTO cancellations (subscription, sequence, tenant, asked_at, by, plan, status, reason_code, comment)
    SELECT md5('subscription' || n)::uuid, 3, $1, now() - n * interval '1 hour', 'customer', 'starter', 'active',
        'unused', ''
    FROM generate_series(1, 6000) n
"""
_LATELY = """
    INSERT INTO mrr_movements (subscription, sequence, position, tenant, customer, at, recorded_at, kind, delta, before,
        after, currency, plan, interval, quantity, add_ons, catalog, from_plan, status_before, status_after,
        reason_code)
    SELECT subscription, 4, 0, tenant, customer, now(), now(), 'expansion', 12, after, after + 12, currency, plan,
        interval, 1, '{}', '', plan, 'active', 'active', ''
    FROM mrr_movements WHERE subscription = md5('subscription' || 1000)::uuid AND tenant = $1
"""
"""One moves once everything was summed up."""


@dataclass(frozen=True)
class Filled:
    """The database, as the API's role reads it."""

    engine: AsyncEngine
    watch: Watch


@pytest_asyncio.fixture(scope="module")
async def filled(databases: Databases) -> AsyncIterator[Filled]:
    url = await databases.migrated()
    superuser_url = databases.by_superuser(url)
    connection = await asyncpg.connect(superuser_url)
    for statement in (_CUSTOMERS, _SUBSCRIPTIONS, _MOVEMENTS, _OUTCOMES, _RECOVERIES, _CANCELLATIONS):
        await connection.execute(statement, TENANT)
    system = create_engine_from_url(url, role=DatabaseRole.SYSTEM)
    await RevenueRollUpRecords(system, "UTC").roll_up()
    await connection.execute(_LATELY, TENANT)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    await system.dispose()
    await explain_all(superuser_url)
    engine = create_engine_from_url(url, role=DatabaseRole.APPLICATION)
    yield Filled(engine, Watch(engine))
    await engine.dispose()
    await databases.drop(url)


def _mrr(engine: AsyncEngine) -> Awaitable[object]:
    return RevenueFigures(engine, "UTC").mrr(TENANT, ReportQuery("usd"))


def _overview(engine: AsyncEngine) -> Awaitable[object]:
    return RevenueFigures(engine, "UTC").overview(TENANT)


def _cohorts(engine: AsyncEngine) -> Awaitable[object]:
    return CohortFigures(engine, "UTC").cohorts(TENANT, ReportQuery("usd"))


def _movers_of_years(engine: AsyncEngine) -> Awaitable[object]:
    return RevenueFigures(engine, "UTC").periods(TENANT, ReportQuery("usd", length=PeriodLength.YEAR))


def _trials(engine: AsyncEngine) -> Awaitable[object]:
    return OutcomeFigures(engine, "UTC").trials(TENANT, ReportQuery("usd"))


def _recoveries(engine: AsyncEngine) -> Awaitable[object]:
    return OutcomeFigures(engine, "UTC").recoveries(TENANT, ReportQuery("usd"), RecoveryGroup.DECLINE_CODE)


def _cancellations(engine: AsyncEngine) -> Awaitable[object]:
    return OutcomeFigures(engine, "UTC").cancellations(TENANT, ReportQuery("usd"))


def _worklist(engine: AsyncEngine) -> Awaitable[object]:
    now = datetime.now(UTC)
    ends = {"today_ends": now + timedelta(days=1), "week_ends": now + timedelta(days=7)}
    return Worklists(engine).find(TENANT, **ends, limit=20)


@pytest.mark.parametrize(
    "read",
    [_mrr, _overview, _movers_of_years, _cohorts, _trials, _recoveries, _cancellations, _worklist],
    ids=lambda read: read.__name__,
)
async def test_a_report_reads_no_large_table_from_end_to_end(
    filled: Filled, read: Callable[[AsyncEngine], Awaitable[object]]
) -> None:
    with filled.watch.reading() as reads:
        await read(filled.engine)

    assert reads.plans, "nothing was explained"
    assert reads.whole & LARGE == set(), reads.plans
    assert reads.rows < 3000, reads.plans
