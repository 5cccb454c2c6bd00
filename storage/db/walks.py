"""Rows of a table in the order of a list, and pages by conditions that no index can tell."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, CTE, ColumnElement, Select, Uuid, bindparam, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.db.cursors import Cut, Keyset, PageRequest, Position, after, cut

Row = TypeVar("Row")
WALK = 1_200
"""Rows in which a page looks for those that meet its conditions. Beyond them, the next page goes on."""


@dataclass(frozen=True)
class Ordered:
    """Where a page begins and what comes after it, read from an index that has the rows in this order.

    Several branches are merged: of each, an index has the rows in order, while it has them of none together.
    """

    keys: Keyset
    page: PageRequest
    branches: Sequence[Sequence[ColumnElement[bool]]]
    """The conditions of each branch, all of which its index can tell."""

    def ids(self, *, limit: int, until: Position | None = None) -> Select[Any]:
        """The rows as `id` and `created`, no more than *limit* of them, and none beyond *until*."""
        parts = [self._part(conditions, until).limit(limit) for conditions in self.branches]
        if len(parts) == 1:
            return parts[0]
        merged = union_all(*parts).subquery()
        return self._sorted(select(merged.c.id, merged.c.created), merged.c).limit(limit)

    async def end_of_walk(self, connection: AsyncConnection) -> Position | None:
        """The last row that a page looks at; None if the list ends before."""
        walked = self.ids(limit=WALK).subquery()
        last = self._sorted(select(walked.c.id, walked.c.created), walked.c).offset(WALK - 1).limit(1)
        row = (await connection.execute(last)).one_or_none()
        return None if row is None else Position(row.created, str(row.id))

    def _part(self, conditions: Sequence[ColumnElement[bool]], until: Position | None) -> Select[Any]:
        keys = self.keys
        wanted = select(keys.id.label("id"), keys.created.label("created"))
        wanted = wanted.where(*conditions, *keys.conditions(self.page, until))
        return wanted.order_by(*keys.order(self.page.sort))

    def _sorted(self, wanted: Select[Any], columns: Any) -> Select[Any]:
        return wanted.order_by(*Keyset(columns.created, columns.id).order(self.page.sort))


def read_once(ids: Select[Any]) -> CTE:
    """The rows of `Ordered.ids` as the `among` that the rest of a statement joins, read once.

    Of a condition that it takes to be rare the planner would begin with its rows, and read all of these for each.
    """
    return ids.cte("among").prefix_with("MATERIALIZED")


def picked(keys: Keyset, page: PageRequest, ids: Sequence[UUID], *conditions: ColumnElement[bool]) -> Select[Any]:
    """The first of these rows that are on the page, as `Ordered.ids`, one more than it holds."""
    them = bindparam(None, list(ids), type_=ARRAY(Uuid))
    wanted = select(keys.id.label("id"), keys.created.label("created"))
    wanted = wanted.where(keys.id == func.any(them), *conditions, *keys.conditions(page))
    # Read by their ids, and sorted then: an index that has all rows in order would be read for as long as it takes.
    found = wanted.cte("picked").prefix_with("MATERIALIZED")
    order = Keyset(found.c.created, found.c.id).order(page.sort)
    return select(found.c.id, found.c.created).order_by(*order).limit(page.limit + 1)


async def walk(
    connection: AsyncConnection,
    ordered: Ordered,
    matching: Callable[[Select[Any]], Awaitable[list[Row]]],
    position: Callable[[Row], Position],
) -> Cut[Row]:
    """The page of those among the next rows that *matching* returns: in order, one more than the page holds.

    If it is not full by then, it ends where the walk does.
    """
    end = await ordered.end_of_walk(connection)
    # As its end is known, no limit is needed but by the planner; rows that have come meanwhile are within it.
    found = cut(ordered.page, await matching(ordered.ids(limit=2 * WALK, until=end)), position)
    if found.next_cursor is not None or end is None:
        return found
    return Cut(found.rows, after(end, ordered.page.sort), ends_early=True)
