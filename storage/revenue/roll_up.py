"""Sums up movements by day and counts customers by day, month and year, so that figures over years read few rows."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.db.engine import sql_text, transaction
from storage.schema.revenue_tables import mrr_daily, mrr_movers, mrr_roll_up

ADVISORY_LOCK = 7_314_420_192
"""The advisory lock for writing sums."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything was recorded."""
_FILES = Path(__file__).parent / "sql"


class RevenueRollUpRecords:
    """Implements `domain.revenue.ports.RevenueRollUp`.

    A movement may come late, for a day that was summed up: such a day is summed up again. What is recorded after the
    sums were made, figures read from the movements themselves.
    """

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine = engine
        self._timezone = timezone

    async def roll_up(self) -> None:
        """Brings the sums up to date; starts over if the zone of days has changed. Safe to repeat."""
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            since = await self._summed_until(connection)
            until = (await connection.execute(sql_text(_FILES / "recorded_until.sql"))).scalar_one()
            if until <= since:
                return
            given = {"timezone": self._timezone, "since": since, "until": until}
            for name in ("forget_days", "sum_days", "forget_customers", "count_customers"):
                await connection.execute(sql_text(_FILES / f"{name}.sql"), given)
            await connection.execute(delete(mrr_roll_up))
            await connection.execute(mrr_roll_up.insert().values(timezone=self._timezone, recorded_until=until))

    async def _summed_until(self, connection: AsyncConnection) -> datetime:
        of_this_zone = select(mrr_roll_up.c.recorded_until).where(mrr_roll_up.c.timezone == self._timezone)
        until: datetime | None = (await connection.execute(of_this_zone)).scalar()
        if until is None:
            await connection.execute(delete(mrr_daily))
            await connection.execute(delete(mrr_movers))
        return until or EVER
