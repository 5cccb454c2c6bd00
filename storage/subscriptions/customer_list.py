"""The list of customers, each with their live subscription, or the last one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.subscription.lifecycle import Status
from storage.db import cursors
from storage.db.engine import LISTS_WITHIN, transaction
from storage.schema.tables import customers, subscriptions


@dataclass(frozen=True)
class ListedCustomer:
    id: str
    external_id: str
    email: str
    name: str | None
    timezone: str
    locale: str
    metadata: Mapping[str, str]
    created_at: datetime
    subscription: str | None
    """The id of the live subscription, otherwise the last; None while a first payment is pending."""
    status: str
    plan: str


@dataclass(frozen=True)
class CustomerPage:
    rows: list[ListedCustomer] = field(default_factory=list)
    next_cursor: str | None = None


class CustomerList:
    """Lists customers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(
        self, tenant: str, q: str | None, q_address: str | None, *, cursor: str | None, limit: int
    ) -> CustomerPage:
        """One page of the customers with *q* in their address, name or external id, newest first.

        *q_address* is *q* as part of a stored address, if that differs.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        it = customers.c
        latest = (
            select(subscriptions.c.id.label("subscription"), subscriptions.c.status, subscriptions.c.plan)
            .where(subscriptions.c.customer == it.id)
            .order_by(subscriptions.c.status == Status.CANCELED.value, subscriptions.c.created_at.desc())
            .limit(1)
            .lateral()
        )
        wanted = select(customers, latest).join(latest, true(), isouter=True).where(it.tenant == tenant)
        if q:
            has_part = [column.icontains(q, autoescape=True) for column in (it.external_id, it.email, it.name)]
            if q_address:
                has_part.append(it.email.icontains(q_address, autoescape=True))
            wanted = wanted.where(or_(*has_part))
        if cursor is not None:
            wanted = wanted.where(tuple_(it.created_at, it.id) < tuple_(*cursors.read(cursor)))
        wanted = wanted.order_by(it.created_at.desc(), it.id.desc()).limit(limit + 1)
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            found = [_listed(row) for row in await connection.execute(wanted)]
        shown = found[:limit]
        more = len(found) > limit
        return CustomerPage(shown, cursors.after(shown[-1].created_at, shown[-1].id) if more else None)


def _listed(row: Row[Any]) -> ListedCustomer:
    values = {name: getattr(row, name) for name in ListedCustomer.__dataclass_fields__}
    known = {"id": str(row.id), "status": row.status or "", "plan": row.plan or ""}
    return ListedCustomer(**values | known | {"subscription": str(row.subscription) if row.subscription else None})
