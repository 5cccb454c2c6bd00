"""Lists that operators have kept, each with its filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.access_tables import saved_views

MOST: Final = 50
"""Views of one operator."""


@dataclass(frozen=True)
class SavedView:
    """A list with its filters."""

    id: str
    name: str
    query: str
    """As in the page's address."""


class SavedViews:
    """Keeps them, each operator's own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(self, tenant: str, operator: str, page: str) -> Sequence[SavedView]:
        """Returns an operator's views of a page by name."""
        it = saved_views.c
        wanted = select(it.id, it.name, it.query).where(it.operator == UUID(operator), it.page == page)
        async with transaction(self._engine, tenant) as connection:
            rows = await connection.execute(wanted.order_by(it.name).limit(MOST))
            return [SavedView(str(row.id), row.name, row.query) for row in rows]

    async def keep(self, tenant: str, operator: str, page: str, name: str, query: str) -> None:
        """Keeps a view; one of the same name is replaced.

        Raises:
            Rejected: code `too_many_views`.
        """
        it = saved_views.c
        others = select(func.count()).where(it.operator == UUID(operator), it.page == page, it.name != name)
        row = insert(saved_views).values(
            id=uuid4(), tenant=tenant, operator=UUID(operator), page=page, name=name, query=query
        )
        async with transaction(self._engine, tenant) as connection:
            if (await connection.execute(others)).scalar_one() >= MOST:
                raise Rejected(f"you have {MOST} views: delete one first", code="too_many_views")
            replaced = row.on_conflict_do_update(
                index_elements=["operator", "page", "name"], set_={"query": row.excluded.query}
            )
            await connection.execute(replaced)

    async def delete(self, tenant: str, operator: str, view: str) -> None:
        """Deletes an operator's own view; one that is gone stays so."""
        try:
            id_ = UUID(view)
        except ValueError:
            return
        mine = (saved_views.c.id == id_, saved_views.c.operator == UUID(operator))
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(delete(saved_views).where(*mine))
