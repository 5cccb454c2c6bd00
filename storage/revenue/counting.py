"""Sums that are counted once, and from then on kept by triggers; what these have noted is added up here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.id_ranges import id_range
from storage.db.engine import session, sql_text, transaction
from storage.schema.revenue_tables import mrr_standing, outcome_changes, outcome_daily
from storage.schema.tables import installation

PARTS: Final = 256
FILES: Final = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Counting:
    """One of these sums."""

    noted_as: str
    """In `installation` once all were counted."""
    tables: Sequence[Table]
    count: str
    """The statement that counts those with some ids."""
    add_up: str
    """The statement that adds up what has changed since."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The parameters of both."""
    version: str = ""
    """Noted with it: what was counted as another one is counted again."""

    async def keep(self, engine: AsyncEngine, *, alive: Callable[[], None] = lambda: None) -> None:
        """Add up what has changed; before that, if it was never done, count all. Safe to repeat.

        Raises:
            GatewayUnavailable: the database cannot be reached.
        """
        if not await self._is_counted(engine):
            await self._count(engine, alive)
            return
        async with transaction(engine) as connection:
            await connection.execute(sql_text(FILES / self.add_up), self.given)

    async def _is_counted(self, engine: AsyncEngine) -> bool:
        it = installation.c
        noted = select(it.name).where(it.name == self.noted_as, it.value == self.version)
        async with transaction(engine) as connection:
            if (await connection.execute(noted)).first() is not None:
                return True
            await connection.execute(delete(installation).where(it.name == self.noted_as))
            return False

    async def _count(self, engine: AsyncEngine, alive: Callable[[], None]) -> None:
        """Count all as they were at one moment: with a change is seen what it has changed by, or neither of them."""
        async with session(engine) as plain:
            connection = await plain.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                try:
                    # First: another that counts at the same time waits here, and does not count again.
                    await connection.execute(insert(installation).values(name=self.noted_as, value=self.version))
                except IntegrityError:
                    return
                for table in self.tables:
                    await connection.execute(delete(table))
                for part in range(PARTS):
                    first, last = id_range(part, PARTS)
                    given = {"first": first, "last": last, **self.given}
                    await connection.execute(sql_text(FILES / self.count), given)
                    alive()


STANDING: Final = Counting("standing_counted", [mrr_standing], "count_standing.sql", "add_up_standing.sql")
"""What subscriptions are worth."""


def outcomes(timezone: str) -> Counting:
    """How trials, recoveries and cancellations come out, by days of a zone."""
    return Counting(
        "outcomes_counted",
        [outcome_changes, outcome_daily],
        "count_outcomes.sql",
        "add_up_outcomes.sql",
        {"timezone": timezone},
        timezone,
    )
