"""Events that were restored on another server than that on which they were written."""

from typing import Final

from sqlalchemy import BigInteger, cast, exists, func, update
from sqlalchemy.dialects.postgresql import TEXT
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.db.engine import transaction
from storage.schema.event_tables import events

FIRST: Final = 0
"""Before every transaction of any server."""
# The number of the next transaction of this server.
_NEXT = cast(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), TEXT), BigInteger)


async def put_first(engine: AsyncEngine) -> int:
    """Put all events first, in the order of their positions, if some are of transactions that this server lacks.

    The feed would not show those until it has had as many transactions itself, and then in between others. Returns how
    many that are; 0: they were written on this server.
    """
    of_another = exists().where(events.alias("other").c.txid >= _NEXT)
    async with transaction(engine) as connection:
        moved = update(events).where(of_another).values(txid=FIRST)
        return (await connection.execute(moved)).rowcount
