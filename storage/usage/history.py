"""Looking back upon use: a customer's past periods and days, and the latest statistics."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from storage.db.engine import transaction
from storage.schema.usage_tables import usage, usage_samples, usage_statistics


@dataclass(frozen=True)
class PastPeriod:
    """How much was used of a feature in one period."""

    starts: datetime
    ends: datetime
    used: int


@dataclass(frozen=True)
class PastDay:
    """How much there was on one day, as it was looked at every few hours."""

    day: date
    lowest: int
    highest: int
    latest: int


@dataclass(frozen=True)
class Statistic:
    """How much the customers of one plan use of one feature."""

    taken_at: datetime
    plan: str
    """Empty: they have none, and there is no free plan."""
    feature: str
    customers: int
    used: int
    """By all of them together."""
    highest: int
    """By one of them."""
    near_limit: int
    """Customers at 80 % or more."""
    at_limit: int
    """Customers at 100 % or more."""


class UsageHistory:
    """Reads; another tenant's customers are nobody."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def periods(
        self, customer: str, feature: str, *, limit: int, tenant: str = DEFAULT_TENANT
    ) -> list[PastPeriod]:
        """The latest periods in which something was used, the running one included; oldest first."""
        it = usage.c
        wanted = (
            select(it.period_start, it.period_end, it.used)
            .where(it.tenant == tenant, it.customer == customer, it.feature == feature, it.period_end.is_not(None))
            .order_by(it.period_start.desc())
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
        return [PastPeriod(row.period_start, row.period_end, row.used) for row in reversed(rows)]

    async def days(
        self, customer: str, feature: str, *, back: timedelta, tenant: str = DEFAULT_TENANT
    ) -> list[PastDay]:
        """The days of a gauge, oldest first."""
        it = usage_samples.c
        wanted = (
            select(it.day, it.lowest, it.highest, it.latest)
            .where(it.tenant == tenant, it.customer == customer, it.feature == feature, it.day > func.now() - back)
            .order_by(it.day)
        )
        async with transaction(self._engine) as connection:
            return [PastDay(*row) for row in await connection.execute(wanted)]

    async def statistics(self, *, tenant: str = DEFAULT_TENANT) -> list[Statistic]:
        """The latest there are, by plan and feature; empty: none were taken yet."""
        it = usage_statistics.c
        latest = select(func.max(it.taken_at)).where(it.tenant == tenant).scalar_subquery()
        wanted = select(
            it.taken_at, it.plan, it.feature, it.customers, it.used, it.highest, it.near_limit, it.at_limit
        ).where(it.tenant == tenant, it.taken_at == latest)
        async with transaction(self._engine) as connection:
            return [Statistic(*row) for row in await connection.execute(wanted.order_by(it.plan, it.feature))]
