"""The log of usage for tests: months that are over, and moments at the border of two."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from storage.db.migrations import MIGRATIONS
from storage.usage.roll_up import UsageRollUpRecords
from tests.storage.ledger import Ledger

_BORDER = MIGRATIONS / "functions" / "0058_tenure_usage_border.sql"
_AT_BORDER = """
create or replace function tenure_usage_border(p_at timestamptz) returns timestamptz language sql stable as $$
    select {border}::timestamptz
$$
"""
MONTH = "date_trunc('month', now() at time zone 'UTC') - interval '{ago} months'"
_PARTITION = """
do $$ declare
    v_month timestamp := {month};
    v_name text := 'usage_log_' || to_char(v_month, 'YYYY_MM');
begin
    execute format('create table %I partition of usage_log for values from (%L) to (%L)', v_name,
        v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
    execute format('create unique index %I on %I (tenant, key)', v_name || '_key', v_name);
end $$
"""


class Log:
    """Moves what is logged into the past, and has partitions there."""

    def __init__(self, ledger: Ledger, of_worker: AsyncEngine | None = None) -> None:
        self._ledger = ledger
        self._roll_up = UsageRollUpRecords(of_worker or ledger.engine)

    async def has_months(self, count: int) -> None:
        """Partitions of so many months before this one, as if they had been made in time."""
        for ago in range(1, count + 1):
            await self._ledger.run(_PARTITION.format(month=MONTH.format(ago=ago)))

    async def ages(self, interval: str) -> None:
        await self._ledger.run(f"update usage_log set recorded_at = recorded_at - interval '{interval}'")  # noqa: S608

    async def is_at_border(self, border: datetime | None) -> None:
        """From here on every moment is near this border, or none is."""
        found = "null" if border is None else f"'{border.isoformat()}'"
        await self._ledger.run(_AT_BORDER.format(border=found))

    async def months(self) -> list[str]:
        """The partitions, oldest first."""
        rows = await self._ledger.rows(
            "select inhrelid::regclass::text as name from pg_inherits"
            " where inhparent = 'usage_log'::regclass order by 1"
        )
        return [str(row["name"]).removeprefix("usage_log_") for row in rows]

    async def restore(self) -> None:
        """As a test finds it."""
        await self._ledger.run("delete from usage_log")
        for month in await self.months():
            if month != "others":
                await self._ledger.run(f"drop table usage_log_{month}")
        await self._ledger.run("select tenure_usage_partitions(3)")
        await self._ledger.run(_BORDER.read_text())

    async def forget(self) -> dict[str, int]:
        return await self._roll_up.forget(alive=lambda: None)

    async def where(self) -> dict[str, str]:
        """The partition of each key."""
        rows = await self._ledger.rows("select key, tableoid::regclass::text as name from usage_log")
        return {str(row["key"]): str(row["name"]).removeprefix("usage_log_") for row in rows}
