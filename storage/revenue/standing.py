"""Counts what subscriptions are worth once; from then on a trigger adds every change, and these are added up here."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.id_ranges import id_range
from storage.db.engine import session, sql_text, transaction
from storage.schema.revenue_tables import mrr_standing
from storage.schema.tables import installation

COUNTED: Final = "standing_counted"
"""In `installation` once all were counted."""
PARTS: Final = 256
_FILES = Path(__file__).parent / "sql"


async def keep_standing(engine: AsyncEngine, *, alive: Callable[[], None] = lambda: None) -> None:
    """Add up what has changed; before that, if it was never done, count all. Safe to repeat.

    Raises:
        GatewayUnavailable: the database cannot be reached.
    """
    if not await _is_counted(engine):
        await _count(engine, alive)
        return
    async with transaction(engine) as connection:
        await connection.execute(sql_text(_FILES / "add_up_standing.sql"))


async def _is_counted(engine: AsyncEngine) -> bool:
    async with transaction(engine) as connection:
        found = await connection.execute(select(installation.c.name).where(installation.c.name == COUNTED))
        return found.first() is not None


async def _count(engine: AsyncEngine, alive: Callable[[], None]) -> None:
    """Count all as they were at one moment: with a change is seen what it has changed by, or neither of them."""
    async with session(engine) as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            try:
                # First: another that counts at the same time waits here, and does not count again.
                await connection.execute(insert(installation).values(name=COUNTED, value=""))
            except IntegrityError:
                return
            await connection.execute(delete(mrr_standing))
            for part in range(PARTS):
                first, last = id_range(part, PARTS)
                given = {"first": first, "last": last}
                await connection.execute(sql_text(_FILES / "count_standing.sql"), given)
                alive()
