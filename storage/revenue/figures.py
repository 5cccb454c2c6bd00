"""Reads figures of recurring revenue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.revenue.figures import Moved, Movers, Period, PeriodLength, by_period
from storage.db.engine import LISTS_WITHIN, sql_text, transaction

_FILES = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Extent:
    """Of which time there are figures."""

    as_of: datetime
    today: date
    latest: date
    """The last day of the figures: today, or a later one if a subscription's own time is ahead."""
    since: date | None
    """From when on they are exact; None: nothing has moved yet."""
    currencies: tuple[str, ...]
    plans: tuple[str, ...]
    """All that were ever paid for."""


@dataclass(frozen=True)
class Standing:
    """What subscriptions are worth now; amounts are annual, in minor units."""

    currency: str
    annual: int
    committed: int
    """Without those that are set to end."""
    at_risk: int
    """Of those whose payment is being recovered; part of `annual`."""
    paused: int
    trialing: int
    customers: int


@dataclass(frozen=True)
class Range:
    """Which figures."""

    currency: str
    first: date
    beyond: date
    """The first day of the period after the last one."""
    length: PeriodLength = PeriodLength.MONTH
    plan: str = ""
    """Empty: all plans."""


class RevenueFigures:
    """Figures of one tenant's revenue, by days of *timezone*."""

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine = engine
        self.timezone = timezone

    async def extent(self, tenant: str) -> Extent:
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            [row] = await self._rows(connection, "extent", tenant=tenant, timezone=self.timezone)
        latest = max(row.today, row.latest or row.today)
        return Extent(row.as_of, row.today, latest, row.since, tuple(row.currencies), tuple(row.plans))

    async def standing(self, tenant: str, plan: str = "", status: str = "") -> list[Standing]:
        """What there is now, by currency; of all plans or one, in any status or one."""
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            rows = await self._rows(connection, "standing", tenant=tenant, plan=plan, status=status)
        return [Standing(**row._mapping) for row in rows]  # noqa: SLF001 - its documented name

    async def periods(self, tenant: str, wanted: Range) -> list[Period]:
        """What moved in each period, oldest first."""
        given: dict[str, Any] = {
            "tenant": tenant,
            "timezone": self.timezone,
            "currency": wanted.currency,
            "plan": wanted.plan,
            "interval": wanted.length.value,
            "first": wanted.first,
            "beyond": wanted.beyond,
        }
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            moved = await self._rows(connection, "sums", **given)
            movers = await self._rows(connection, "customers", **given)
        return by_period(
            [Moved(row.period, row.moved, row.end_kind, row.delta, row.payers) for row in moved],
            [Movers(row.period, row.moved, row.end_kind, row.customers) for row in movers],
            wanted.first,
            wanted.beyond,
            wanted.length,
        )

    async def _rows(self, connection: AsyncConnection, name: str, **given: Any) -> Sequence[Row[Any]]:
        return (await connection.execute(sql_text(_FILES / f"{name}.sql"), given)).all()
