"""Overage: usage beyond the plans' limits, which of it is unreported, and the outcome of reporting it."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from domain.provider.overage_usage import BilledUsage, ClaimedUsage, ReportProblem, UnreportedUsage, event_name
from storage.db.engine import single, sql_text, statement, transaction
from storage.schema.usage_tables import usage_events

OVERDUE_SHARE = 10
"""One in this many of a claim is reserved for reports interrupted more than an hour ago: however much is new, they must
be repeated within the day, and repeated failures must not hold up others."""

CLAIM = Path(__file__).parent / "sql" / "claim_overage.sql"
_NOTHING_BEGUN = {"report_began_at": None, "report_trouble": None, "report_why": ""}


class UsageReports:
    """Stores usage to report to the provider. It waits until its customer exists there."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._at_once = single(engine)

    async def waits(self, customer: str, *, tenant: str = DEFAULT_TENANT) -> bool:
        """True if any usage of a customer is unreported and not left to an operator."""
        it = usage_events.c
        its = (it.tenant == tenant, it.customer == customer)
        wanted = select(it.key).where(*its, it.overage > 0, it.reported_at.is_(None), it.report_trouble.is_(None))
        async with transaction(self._engine, tenant) as connection:
            return (await connection.execute(wanted.limit(1))).first() is not None

    async def claim(self, limit: int) -> list[ClaimedUsage]:
        """Claims the next usage to report, never-attempted first, and skips what another process is claiming."""
        async with transaction(self._engine) as connection:
            given = {"limit": limit, "overdue": limit // OVERDUE_SHARE}
            rows = (await connection.execute(sql_text(CLAIM), given)).all()
        return [_claimed(row) for row in sorted(rows, key=lambda row: (row.began_before is not None, row.recorded_at))]

    async def release(self, uses: Sequence[BilledUsage]) -> None:
        """Releases claimed usage that was not reported after all."""
        it, named = usage_events.c, [(use.tenant, use.key) for use in uses]
        if not named:
            return
        unmarked = update(usage_events).values(report_began_at=None)
        async with statement(self._at_once) as connection:
            await connection.execute(unmarked.where(tuple_(it.tenant, it.key).in_(named), it.reported_at.is_(None)))

    async def mark_reported(self, use: BilledUsage) -> None:
        await self._write(use.key, {"reported_at": func.now(), "report_trouble": None, "report_why": ""}, use.tenant)

    async def set_aside(self, use: BilledUsage, trouble: ReportProblem, why: str) -> None:
        """Leaves it to an operator."""
        await self._write(use.key, {"report_trouble": trouble.value, "report_why": why}, use.tenant)

    async def _write(self, key: str, values: dict[str, Any], tenant: str) -> bool:
        it = usage_events.c
        wanted = update(usage_events).where(it.tenant == tenant, it.key == key, it.reported_at.is_(None))
        async with statement(self._at_once) as connection:
            return (await connection.execute(wanted.values(values))).rowcount > 0

    async def unreported(self, *, limit: int, tenant: str = DEFAULT_TENANT) -> list[UnreportedUsage]:
        """What waits for an operator, oldest first."""
        it = usage_events.c
        wanted = (
            select(usage_events)
            .where(it.tenant == tenant, it.overage > 0, it.reported_at.is_(None), it.report_trouble.is_not(None))
            .order_by(it.recorded_at, it.key)
            .limit(limit)
        )
        async with transaction(self._engine, tenant) as connection:
            return [_troubled(row) for row in await connection.execute(wanted)]

    async def try_refused_again(self, *, tenant: str = DEFAULT_TENANT) -> int:
        """Reports everything again that the provider has refused. Returns how many there are."""
        it = usage_events.c
        waits = (it.tenant == tenant, it.overage > 0, it.reported_at.is_(None))
        refused = (*waits, it.report_trouble == ReportProblem.REFUSED.value)
        async with statement(self._at_once) as connection:
            return (await connection.execute(update(usage_events).where(*refused).values(_NOTHING_BEGUN))).rowcount

    async def may_have_been_reported(self) -> int:
        """Marks all that waits as begun when it was recorded. Returns how much that is.

        As with a report that was interrupted, the same identifier keeps it from being billed twice for a day, and then
        an operator decides.
        """
        it = usage_events.c
        waits = (it.overage > 0, it.reported_at.is_(None), it.report_trouble.is_(None), it.report_began_at.is_(None))
        async with transaction(self._engine) as connection:
            begun = update(usage_events).where(*waits).values(report_began_at=it.recorded_at)
            return (await connection.execute(begun)).rowcount

    async def resolve(self, key: str, *, is_billed: bool, tenant: str = DEFAULT_TENANT) -> bool:
        """An operator's decision: the provider has this usage, or it must be reported again.

        False if it was not waiting.
        """
        it = usage_events.c
        values: dict[str, Any] = {"reported_at": func.now()} if is_billed else _NOTHING_BEGUN
        waits = (it.tenant == tenant, it.key == key, it.reported_at.is_(None), it.report_trouble.is_not(None))
        async with transaction(self._engine, tenant) as connection:
            return (await connection.execute(update(usage_events).where(*waits).values(values))).rowcount > 0


def _claimed(row: Row[Any]) -> ClaimedUsage:
    product = row.catalog.rpartition("_v")[0]
    use = BilledUsage(row.tenant, row.key, row.customer_ref, event_name(product, row.overage_of), row.overage, row.at)
    before: timedelta | None = row.began_before
    return ClaimedUsage(use, before, row.began)


def _troubled(row: Row[Any]) -> UnreportedUsage:
    return UnreportedUsage(
        row.tenant,
        row.key,
        row.customer,
        row.overage_of,
        row.overage,
        row.at,
        ReportProblem(row.report_trouble),
        row.report_why,
    )
