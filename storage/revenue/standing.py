"""Counts what subscriptions are worth once; from then on a trigger adds every change, and these are added up here."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

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
                # First: whoever counts at the same time waits here, and does not count again.
                await connection.execute(insert(installation).values(name=COUNTED, value=""))
            except IntegrityError:
                return
            await connection.execute(delete(mrr_standing))
            for part in range(PARTS):
                given = {"first": _id(part, "0"), "last": _id(part, "f")}
                await connection.execute(sql_text(_FILES / "count_standing.sql"), given)
                alive()


def _id(part: int, rest: str) -> str:
    """The first or the last id that begins with these two digits."""
    digits = f"{part:02x}{rest * 30}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
