"""The roll-up of usage: daily samples of gauges, statistics by plan and feature, and deletion of old rows."""

from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.entitlements.ports import Alive, Sampled
from domain.entitlements.usage_figures import nearest_rank
from domain.retention import DEFAULT, Retention
from storage.catalog.current import in_force
from storage.db.engine import sql_text, transaction
from storage.schema.usage_tables import usage_statistics

PAGE = 2000
"""Rows read per batch."""
BATCH = 5000
"""Rows deleted per batch."""
NEAR_LIMIT = 80
"""In percent of the limit."""
ADVISORY_LOCK = 7_314_420_191
"""The advisory lock for writing statistics."""

_FILES = Path(__file__).parent / "sql"
SAMPLE_GAUGES = _FILES / "sample_gauges.sql"
CURRENT_USAGE = _FILES / "current_usage.sql"
DELETE_OLD = _FILES / "delete_old"
"""A file for each kind in `domain.retention`. It deletes or empties a batch of old rows, oldest first, by ctid."""

_Cursor = tuple[str, str, str]
"""Tenant, customer, feature; or tenant, plan, feature."""
_BEFORE_ALL: _Cursor = ("", "", "")


@dataclass
class _Sum:
    """How customers of one plan use one feature."""

    uses: "array[int]" = field(default_factory=lambda: array("q"))
    """What each customer has used: eight bytes for each."""
    limited: int = 0
    near_limit: int = 0
    at_90: int = 0
    at_limit: int = 0

    def add(self, used: int, has: int | None) -> None:
        self.uses.append(used)
        if has:
            self.limited += 1
            self.near_limit += used * 100 >= has * NEAR_LIMIT
            self.at_90 += used * 100 >= has * 90
            self.at_limit += used >= has

    def columns(self) -> dict[str, int]:
        ordered = sorted(self.uses)
        return {
            "customers": len(ordered),
            "active": sum(used > 0 for used in ordered),
            "used": sum(ordered),
            "median": nearest_rank(ordered, 50),
            "p90": nearest_rank(ordered, 90),
            "highest": ordered[-1],
            "limited": self.limited,
            "near_limit": self.near_limit,
            "at_90": self.at_90,
            "at_limit": self.at_limit,
        }


class UsageRollUpRecords:
    """Implements `domain.entitlements.ports.UsageBook`; uses the database's clock."""

    def __init__(
        self, engine: AsyncEngine, retention: Retention = DEFAULT, *, page: int = PAGE, batch: int = BATCH
    ) -> None:
        self._engine = engine
        self._retention = retention
        self._page = page
        self._batch = batch

    async def sample(self, after: _Cursor | None) -> Sampled:
        async with transaction(self._engine) as connection:
            last = (await connection.execute(sql_text(SAMPLE_GAUGES), self._beyond(after))).one_or_none()
        if last is None:
            return Sampled(0, None)
        return Sampled(last.gauges, _cursor(last) if last.gauges == self._page else None)

    async def compute_statistics(self, *, alive: Alive) -> int:
        sums: dict[_Cursor, _Sum] = defaultdict(_Sum)
        async for rows in self._current_usage():
            for row in (each for each in rows if each.used is not None):
                sums[row.tenant, row.plan, row.feature].add(row.used, row.has)
            alive()
        await self._keep(sums)
        return len(sums)

    async def _current_usage(self) -> AsyncIterator[Sequence[Row[Any]]]:
        """Each customer's usage per feature in the current period, page by page; None if there is none."""
        async with transaction(self._engine) as connection:
            today = await _today(connection)
            # One for all pages: if a day ends meanwhile, no customer counts for both.
            moment = (await connection.execute(select(func.now()))).scalar_one()
        cursor: _Cursor | None = _BEFORE_ALL
        while cursor is not None:
            async with transaction(self._engine) as connection:
                given = self._beyond(cursor) | today | {"moment": moment}
                rows = (await connection.execute(sql_text(CURRENT_USAGE), given)).all()
            yield rows
            cursor = _cursor(rows[-1]) if len(rows) == self._page else None

    async def _keep(self, sums: dict[_Cursor, _Sum]) -> None:
        """Statistics of these six hours, replacing earlier ones of the same hours."""
        rows = [
            {"tenant": tenant, "plan": plan, "feature": feature, **each.columns()}
            for (tenant, plan, feature), each in sums.items()
        ]
        it = usage_statistics
        hours = func.date_bin(timedelta(hours=6), func.now(), func.to_timestamp(0))
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            await connection.execute(it.delete().where(it.c.taken_at >= hours))
            if rows:
                await connection.execute(it.insert().values(taken_at=func.now()), rows)

    async def forget(self, *, alive: Alive) -> dict[str, int]:
        forgotten = {}
        for kind, age in self._retention.by_kind().items():
            statement = sql_text(DELETE_OLD / f"{kind}.sql")
            removed, count = self._batch, 0
            while removed == self._batch:
                async with transaction(self._engine) as connection:
                    given = {"age": age, "batch": self._batch}
                    removed = (await connection.execute(statement, given)).rowcount
                count += removed
                alive()
            if count:
                forgotten[kind] = count
        return forgotten

    def _beyond(self, cursor: _Cursor | None) -> dict[str, Any]:
        tenant, customer, feature = cursor or _BEFORE_ALL
        return {"tenant": tenant, "customer": customer, "feature": feature, "page": self._page}


def _cursor(row: Row[Any]) -> _Cursor:
    return row.tenant, row.customer, row.feature


async def _today(connection: AsyncConnection) -> dict[str, str]:
    """The API's current catalog, and its free plan; empty if there is none."""
    catalog = await in_force(connection)
    if catalog is None:
        return {"catalog": "", "free_plan": ""}
    free = catalog.free_plan
    return {"catalog": catalog.name, "free_plan": free.plan if free is not None else ""}
