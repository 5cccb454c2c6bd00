"""Claims of deliveries: a worker claims the row of a mail or an event before it sends it.

So no two runs send one at once, whichever way they were started.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Table, Update, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import GatewayBusy, Haste

CLAIMED_FOR: Final = timedelta(seconds=90)
"""Longer than one attempt to send may take. After that, the worker that claimed it is dead."""
OVERDUE_AFTER: Final = timedelta(hours=1)
"""A run that has not come back to its delivery so long after it was due is lost: another may have it."""


async def claim(
    connection: AsyncConnection, table: Table, row_id: str, claimant: str, *still: ColumnElement[bool]
) -> None:
    """Claim a row that is *still* to be sent; *claimant* may claim again what it has claimed.

    Raises:
        GatewayBusy: code `being_sent`; another has claimed it, or it has just been sent.
    """
    taken = await connection.execute(claiming(table, row_id, claimant, *still))
    if not taken.rowcount:
        raise await being_sent(connection, table, row_id)


def claiming(table: Table, row_id: str, claimant: str, *still: ColumnElement[bool]) -> Update:
    """The statement that claims a row; it changes nothing if another has claimed it."""
    it = table.c
    is_free = or_(it.claimed_by.is_(None), it.claimed_by == claimant, it.claimed_until < func.now())
    return (
        update(table)
        .where(it.id == UUID(row_id), is_free, *still)
        .values(claimed_by=claimant, claimed_until=func.now() + literal(CLAIMED_FOR))
    )


async def being_sent(connection: AsyncConnection, table: Table, row_id: str) -> GatewayBusy:
    """The error for a worker that finds a row claimed by another: it says when that claim ends."""
    ends = select(table.c.claimed_until - func.now()).where(table.c.id == UUID(row_id))
    left = (await connection.execute(ends)).scalar() or CLAIMED_FOR
    return GatewayBusy(
        "another run is sending it", haste=Haste.LOCK, retry_after=max(left.total_seconds(), 1.0), code="being_sent"
    )


def released(table: Table, row_id: str, claimant: str) -> Update:
    """The statement that lets others claim a row at once; it changes nothing if another has claimed it."""
    it = table.c
    mine = it.id == UUID(row_id), it.claimed_by == claimant
    return update(table).where(*mine).values(claimed_by=None, claimed_until=None)
