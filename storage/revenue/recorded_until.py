"""Until when all movements that were recorded can be seen.

A movement is recorded as of the start of its transaction, and is seen once that has been committed, however late. So
nothing is missing before a moment once every transaction that was under way then has ended.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.db.engine import sql_text, transaction
from storage.schema.tables import installation

MARGIN: Final = timedelta(minutes=1)
"""A transaction is not listed yet in the instant in which it begins."""
LOOKS: Final = 20
BETWEEN_LOOKS: Final = 0.1
"""Seconds: steps take less."""
_NOTED_AS: Final = "revenue_recorded_until"
_UNDER_WAY: Final = Path(__file__).parent / "sql" / "under_way.sql"


@dataclass(frozen=True)
class _Mark:
    """A moment, and the transactions that were under way then."""

    at: datetime
    under_way: frozenset[str]

    def to_json(self) -> str:
        return json.dumps({"at": self.at.isoformat(), "under_way": sorted(self.under_way)})

    @classmethod
    def from_json(cls, value: str) -> Self:
        noted = json.loads(value)
        return cls(datetime.fromisoformat(noted["at"]), frozenset(noted["under_way"]))


async def recorded_until(engine: AsyncEngine, *, alive: Callable[[], None] = lambda: None) -> datetime | None:
    """The latest known moment before which every movement that is ever recorded can be seen; None: none is known.

    Waits a little for what is under way. For what takes longer, the moment is noted: it is known the next time.

    Raises:
        GatewayUnavailable: the database cannot be reached.
    """
    mark = await _mark(engine)
    left = mark.under_way
    for _ in range(LOOKS):
        left &= (await _mark(engine)).under_way
        if not left:
            return mark.at
        alive()
        await asyncio.sleep(BETWEEN_LOOKS)
    return await _noted_before(engine, mark)


async def _mark(engine: AsyncEngine) -> _Mark:
    async with transaction(engine) as connection:
        row = (await connection.execute(sql_text(_UNDER_WAY))).one()
        return _Mark(row.at - MARGIN, frozenset(row.under_way))


async def _noted_before(engine: AsyncEngine, mark: _Mark) -> datetime | None:
    """The moment that was noted, if what was under way then has ended; *mark* is noted in its place."""
    async with transaction(engine) as connection:
        noted = await _noted(connection)
        if noted is not None and noted.under_way & mark.under_way:
            return None
        row = insert(installation).values(name=_NOTED_AS, value=mark.to_json())
        await connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": row.excluded.value}))
        return noted.at if noted is not None else None


async def _noted(connection: AsyncConnection) -> _Mark | None:
    it = installation.c
    value = (await connection.execute(select(it.value).where(it.name == _NOTED_AS))).scalar()
    return None if value is None else _Mark.from_json(value)
