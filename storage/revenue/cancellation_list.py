"""The list of cancellations, with what customers said."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing
from storage.schema.revenue_tables import cancellations
from storage.schema.tables import customers, subscriptions

_KEYS = Keyset(cancellations.c.asked_at, cancellations.c.subscription)


@dataclass(frozen=True)
class CancellationRow:
    """A cancellation that was asked for, and what became of it."""

    subscription: str
    customer: str
    """The product's own id."""
    asked_at: datetime
    by: str
    """`customer` or `operator`."""
    plan: str
    status: str
    """Held at the time, as is `plan`; empty: not known."""
    reason_code: str
    comment: str
    retained_by: str | None
    """What was taken instead, if it was undone."""
    ended_at: datetime | None


class CancellationList:
    """Reads cancellations."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, page: PageRequest) -> Cut[CancellationRow]:
        """One page of the cancellations that were asked for, by when; its range is of that, too.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        it = cancellations.c
        among = (
            select(cancellations)
            .where(it.tenant == tenant, *_KEYS.conditions(page))
            .order_by(*_KEYS.order(page.sort))
            .limit(page.limit + 1)
            .subquery("among")
        )
        wanted = (
            select(
                among.c.subscription,
                customers.c.external_id,
                *(among.c[name] for name in ("asked_at", "by", "plan", "status", "reason_code", "comment")),
                among.c.retained_by,
                among.c.ended_at,
            )
            .join_from(among, subscriptions, subscriptions.c.id == among.c.subscription)
            .join(customers, customers.c.id == subscriptions.c.customer)
            .order_by(*Keyset(among.c.asked_at, among.c.subscription).order(page.sort))
        )
        async with listing(self._engine, tenant) as connection:
            rows = (await connection.execute(wanted)).all()
        return cut(page, [CancellationRow(str(row[0]), *tuple(row)[1:]) for row in rows], _position)


def _position(row: CancellationRow) -> Position:
    return Position(row.asked_at, row.subscription)
