"""The list of customers, each with their live subscription, or the last one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.subscription.lifecycle import Status
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing
from storage.db.walks import Ordered, picked, read_once, walk
from storage.schema.tables import customers, subscriptions
from storage.subscriptions.search import Search


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


CustomerPage = Cut[ListedCustomer]

_IT = customers.c
_KEYS = Keyset(_IT.created_at, _IT.id)


class CustomerList:
    """Lists customers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, search: Search | None, page: PageRequest) -> CustomerPage:
        """One page of all customers, or of those that are searched for, which may end early.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        ordered = Ordered(_KEYS, page, [[_IT.tenant == tenant]])
        async with listing(self._engine, tenant) as connection:
            if search is None:
                return cut(page, await _rows(connection, page, ordered.ids(limit=page.limit + 1)), _position)
            wanted = search.of_customers()
            found = await walk(connection, ordered, lambda ids: _rows(connection, page, ids, wanted), _position)
            if found.ends_early and (ids := await search.find_customers(connection, tenant)) is not None:
                among = picked(_KEYS, page, ids, _IT.tenant == tenant)
                return cut(page, await _rows(connection, page, among), _position)
            return found


async def _rows(
    connection: AsyncConnection, page: PageRequest, ids: Select[Any], *rest: ColumnElement[bool]
) -> list[ListedCustomer]:
    """The first of these customers that meet the conditions, one more than the page holds."""
    among = read_once(ids)
    found = select(customers).select_from(among.join(customers, _IT.id == among.c.id)).where(*rest)
    found = found.order_by(*Keyset(among.c.created, among.c.id).order(page.sort)).limit(page.limit + 1)
    shown = found.subquery("shown")
    latest = (
        select(subscriptions.c.id.label("subscription"), subscriptions.c.status, subscriptions.c.plan)
        .where(subscriptions.c.customer == shown.c.id)
        .order_by(subscriptions.c.status == Status.CANCELED.value, subscriptions.c.created_at.desc())
        .limit(1)
        .lateral()
    )
    wanted = select(shown, latest).join(latest, true(), isouter=True)
    wanted = wanted.order_by(*Keyset(shown.c.created_at, shown.c.id).order(page.sort))
    return [_listed(row) for row in await connection.execute(wanted)]


def _position(row: ListedCustomer) -> Position:
    return Position(row.created_at, row.id)


def _listed(row: Row[Any]) -> ListedCustomer:
    values = {name: getattr(row, name) for name in ListedCustomer.__dataclass_fields__}
    known = {"id": str(row.id), "status": row.status or "", "plan": row.plan or ""}
    return ListedCustomer(**values | known | {"subscription": str(row.subscription) if row.subscription else None})
