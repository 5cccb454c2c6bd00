"""The roll-up of usage: daily samples of gauges, statistics by plan and feature, and deletion of old rows."""

from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements.ports import Advance, Alive, Sampled, StatisticsProgress
from domain.entitlements.usage import KEYS_KEPT
from domain.retention import DEFAULT, Retention
from storage.db.engine import sql_text, transaction
from storage.usage.statistics import UsageStatisticsRecords

PAGE = 1000
"""Rows read per batch."""
BATCH = 1000
"""Rows deleted per batch."""
MONTHS_AHEAD = 3
"""Partitions of the log of usage that are there before their month begins."""

_FILES = Path(__file__).parent / "sql"
SAMPLE_GAUGES = _FILES / "sample_gauges.sql"
DELETE_OLD = _FILES / "delete_old"
"""A file for each kind in `domain.retention`. It deletes or empties a batch of old rows, oldest first, by ctid."""

_Cursor = tuple[str, str, str]
"""Tenant, customer, feature."""
_BEFORE_ALL: _Cursor = ("", "", "")


class UsageRollUpRecords:
    """Implements `domain.entitlements.ports.UsageRollUp`; uses the database's clock."""

    def __init__(
        self, engine: AsyncEngine, retention: Retention = DEFAULT, *, page: int = PAGE, batch: int = BATCH
    ) -> None:
        self._engine = engine
        self._retention = retention
        self._page = page
        self._batch = batch
        self._statistics = UsageStatisticsRecords(engine, page=page)

    async def sample(self, after: _Cursor | None) -> Sampled:
        async with transaction(self._engine) as connection:
            last = (await connection.execute(sql_text(SAMPLE_GAUGES), self._beyond(after))).one_or_none()
        if last is None:
            return Sampled(0, None)
        return Sampled(last.gauges, _cursor(last) if last.gauges == self._page else None)

    async def compute_statistics(self, *, alive: Advance, begun: StatisticsProgress | None = None) -> int:
        return await self._statistics.compute(alive=alive, begun=begun)

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
        months = await self._drop_months()
        return forgotten | ({"usage_months": months} if months else {})

    async def _drop_months(self) -> int:
        """Makes the partitions of the next months, and drops those whose keys are old. Returns how many are dropped."""
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.tenure_usage_partitions(MONTHS_AHEAD)))
        async with transaction(self._engine) as connection:
            dropped = select(func.tenure_drop_usage_partitions(KEYS_KEPT))
            return int((await connection.execute(dropped)).scalar_one())

    def _beyond(self, cursor: _Cursor | None) -> dict[str, Any]:
        tenant, customer, feature = cursor or _BEFORE_ALL
        return {"tenant": tenant, "customer": customer, "feature": feature, "page": self._page}


def _cursor(row: Row[Any]) -> _Cursor:
    return row.tenant, row.customer, row.feature
