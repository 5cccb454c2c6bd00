"""Usage history: a customer's past periods and days, and the latest statistics."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from storage.db.engine import sql_text, transaction
from storage.schema.usage_tables import usage, usage_statistics

DAYS = Path(__file__).parent / "sql" / "days.sql"


@dataclass(frozen=True)
class PastPeriod:
    """Usage of a feature in one period."""

    starts: datetime
    ends: datetime
    used: int


@dataclass(frozen=True)
class PastDay:
    """The level of a gauge on one day, looked at every few hours."""

    day: date
    lowest: int
    highest: int
    latest: int


@dataclass(frozen=True)
class Statistic:
    """How the customers of one plan use one feature."""

    taken_at: datetime
    plan: str
    """Empty if they have none, and there is no free plan."""
    feature: str
    customers: int
    """Who have begun to use it in their current period."""
    used: int
    """The sum over all customers."""
    highest: int
    """The highest usage of one customer."""
    near_limit: int
    """Customers at 80 % or more."""
    at_limit: int
    """Customers at 100 % or more."""


class UsageHistory:
    """Reads the history. Customers of other tenants do not exist."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def periods(
        self, customer: str, feature: str, *, limit: int, tenant: str = DEFAULT_TENANT
    ) -> list[PastPeriod]:
        """The latest periods with usage, including the current one; oldest first."""
        it = usage.c
        wanted = (
            select(it.period_start, it.period_end, it.used)
            .where(it.tenant == tenant, it.customer == customer, it.feature == feature, it.period_end.is_not(None))
            .order_by(it.period_start.desc())
            .limit(limit)
        )
        async with transaction(self._engine, tenant) as connection:
            rows = (await connection.execute(wanted)).all()
        return [PastPeriod(row.period_start, row.period_end, row.used) for row in reversed(rows)]

    async def days(
        self, customer: str, feature: str, *, back: timedelta, tenant: str = DEFAULT_TENANT
    ) -> list[PastDay]:
        """The days of a gauge, oldest first. A day on which nothing has changed has the level of the day before."""
        given = {"tenant": tenant, "customer": customer, "feature": feature, "back": back}
        async with transaction(self._engine, tenant) as connection:
            return [PastDay(*row) for row in await connection.execute(sql_text(DAYS), given)]

    async def statistics(self, *, tenant: str = DEFAULT_TENANT) -> list[Statistic]:
        """The latest statistics, by plan and feature; empty if there are none yet."""
        it = usage_statistics.c
        latest = select(func.max(it.taken_at)).where(it.tenant == tenant).scalar_subquery()
        wanted = select(
            it.taken_at, it.plan, it.feature, it.customers, it.used, it.highest, it.near_limit, it.at_limit
        ).where(it.tenant == tenant, it.taken_at == latest)
        async with transaction(self._engine, tenant) as connection:
            return [Statistic(*row) for row in await connection.execute(wanted.order_by(it.plan, it.feature))]
