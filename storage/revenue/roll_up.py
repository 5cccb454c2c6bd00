"""Sums up movements by day and cohort, and counts customers of periods, so that figures of years read few rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.revenue.figures import PeriodLength, first_day_of, following
from storage.db.engine import sql_text, transaction
from storage.revenue.cohorts import EVER, sum_up_cohorts
from storage.revenue.counting import STANDING, outcomes
from storage.revenue.recorded_until import recorded_until
from storage.schema.revenue_tables import mrr_cohorts, mrr_daily, mrr_movers, mrr_roll_up

ADVISORY_LOCK = 7_314_420_192
"""The advisory lock for writing sums."""
_LOCK = select(func.pg_advisory_xact_lock(ADVISORY_LOCK))
_FILES = Path(__file__).parent / "sql"
# Where the planner takes what is new for a few rows, it would look all others up again for each.
_PLANNING = text("select set_config('work_mem', '64MB', true), set_config('enable_nestloop', 'off', true)")
_PARTS = {
    PeriodLength.DAY: PeriodLength.MONTH,
    PeriodLength.MONTH: PeriodLength.MONTH,
    PeriodLength.YEAR: PeriodLength.YEAR,
}
"""Within what the customers of periods are counted at once."""


AT_ONCE = 250_000
"""Movements that one statement reads to add some up."""


@dataclass(frozen=True)
class _Until:
    """Up to which moment what was recorded is in the sums."""

    days: datetime
    cohorts: datetime


async def start_over(connection: AsyncConnection) -> None:
    """Has the next roll-up make all sums again, for who changes what was recorded before; until then nobody reads them.

    A roll-up that is under way ends first, and another one waits until the transaction has ended.
    """
    await connection.execute(_LOCK)
    await connection.execute(delete(mrr_roll_up))


class RevenueRollUpRecords:
    """Implements `domain.revenue.ports.RevenueRollUp`.

    A movement may come late, for a day that was summed up: such a day is summed up again. What is recorded after the
    sums were made, figures read from the movements themselves.
    """

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine = engine
        self._timezone = timezone

    async def roll_up(self, *, alive: Callable[[], None] = lambda: None) -> None:
        """Brings the sums up to date; starts over if the zone of days has changed. Safe to repeat."""
        for counting in (STANDING, outcomes(self._timezone)):
            await counting.keep(self._engine, alive=alive)
        until = await recorded_until(self._engine, alive=alive)
        if until is None:
            return
        async with transaction(self._engine) as connection:
            await connection.execute(_LOCK)
            known = await self._known(connection)
            until = max(until, known.days, known.cohorts)
            if until == min(known.days, known.cohorts):
                return
            await connection.execute(_PLANNING)
            given = {"timezone": self._timezone, "since": known.days, "until": until}
            await self._sum_days(connection, given, alive)
            await self._count_customers(connection, given, alive)
            of_cohorts = {**given, "since": known.cohorts}
            await sum_up_cohorts(connection, of_cohorts, shares_of=_shares, alive=alive)
            await connection.execute(delete(mrr_roll_up))
            row = {"timezone": self._timezone, "recorded_until": until, "cohorts_until": until}
            await connection.execute(mrr_roll_up.insert().values(row))

    # In shares of the customers, none of which takes as long as a statement may.

    async def _sum_days(self, connection: AsyncConnection, given: Mapping[str, Any], alive: Callable[[], None]) -> None:
        await connection.execute(sql_text(_FILES / "forget_days.sql"), given)
        alive()
        shares = _shares((await connection.execute(sql_text(_FILES / "count_days.sql"), given)).scalar_one())
        alive()
        for share in range(shares):
            await connection.execute(sql_text(_FILES / "sum_days.sql"), {**given, "shares": shares, "share": share})
            alive()

    async def _count_customers(
        self, connection: AsyncConnection, given: Mapping[str, Any], alive: Callable[[], None]
    ) -> None:
        await connection.execute(sql_text(_FILES / "forget_customers.sql"), given)
        alive()
        for length, first in await self._changed(connection, given):
            part = {**given, "length": length.value, "first": first, "beyond": following(first, _PARTS[length])}
            counted = await connection.execute(sql_text(_FILES / "count_movements.sql"), part)
            shares = _shares(counted.scalar_one())
            alive()
            for share in range(shares):
                of_share = {**part, "shares": shares, "share": share}
                await connection.execute(sql_text(_FILES / "count_customers.sql"), of_share)
                alive()

    async def _changed(self, connection: AsyncConnection, given: Mapping[str, Any]) -> list[tuple[PeriodLength, date]]:
        """The parts with periods that have changed: by the length of these, and the first day of the part."""
        months = (await connection.execute(sql_text(_FILES / "changed_months.sql"), given)).scalars().all()
        return [
            (length, first)
            for length, part in _PARTS.items()
            for first in sorted({first_day_of(month, part) for month in months})
        ]

    async def _known(self, connection: AsyncConnection) -> _Until:
        """How far the sums go; those that are of another zone, or not noted, are removed."""
        of_this_zone = select(mrr_roll_up.c.recorded_until, mrr_roll_up.c.cohorts_until).where(
            mrr_roll_up.c.timezone == self._timezone
        )
        row = (await connection.execute(of_this_zone)).one_or_none()
        days, of_cohorts = row if row is not None else (None, None)
        if days is None:
            await connection.execute(delete(mrr_daily))
            await connection.execute(delete(mrr_movers))
        if of_cohorts is None:
            # A process of an earlier release does not note them.
            await connection.execute(delete(mrr_cohorts))
        return _Until(days or EVER, of_cohorts or EVER)


def _shares(movements: int) -> int:
    """In how many shares of the customers so many movements are read."""
    return -(-movements // AT_ONCE) or 1
