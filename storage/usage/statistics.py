"""Statistics of usage by plan and feature, summed up page by page: what is done stays done if a process ends."""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Row, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.entitlements.ports import Advance, StatisticsProgress
from domain.entitlements.usage_figures import nearest_rank
from storage.catalog.current import in_force
from storage.catalog.policies import newest_policy
from storage.db.engine import sql_text, transaction
from storage.schema.usage_tables import usage_statistics, usage_statistics_pages

NEAR_LIMIT: Final = 80
"""In percent of the limit."""
ADVISORY_LOCK: Final = 7_314_420_191
"""The advisory lock for writing statistics."""
PAGES_KEPT: Final = timedelta(hours=6)
"""Longer than a run may take; a repeat of its last page and of its end comes to the same."""
CURRENT_USAGE: Final = Path(__file__).parent / "sql" / "current_usage.sql"

_Group = tuple[str, str, str]
"""Tenant, plan, feature."""
_IT, _PAGES = usage_statistics.c, usage_statistics_pages.c


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

    def add_page(self, page: Row[Any]) -> None:
        self.uses.extend(page.uses)
        self.limited += page.limited
        self.near_limit += page.near_limit
        self.at_90 += page.at_90
        self.at_limit += page.at_limit

    def counts(self) -> dict[str, int]:
        return {
            "limited": self.limited,
            "near_limit": self.near_limit,
            "at_90": self.at_90,
            "at_limit": self.at_limit,
        }

    def columns(self) -> dict[str, int]:
        ordered = sorted(self.uses)
        return self.counts() | {
            "customers": len(ordered),
            "active": sum(used > 0 for used in ordered),
            "used": sum(ordered),
            "median": nearest_rank(ordered, 50),
            "p90": nearest_rank(ordered, 90),
            "highest": ordered[-1],
        }


class UsageStatisticsRecords:
    """Computes and stores statistics, by the database's clock."""

    def __init__(self, engine: AsyncEngine, *, page: int) -> None:
        self._engine = engine
        self._page = page

    async def compute(self, *, alive: Advance, begun: StatisticsProgress | None) -> int:
        """See `domain.entitlements.ports.UsageRollUp`."""
        progress = await self._begin() if begun is None else await self._resume(begun)
        while progress.after is not None:
            progress = await self._add_page(progress)
            alive(progress)
        groups = await self._groups(progress)
        rows = []
        for group in groups:
            rows.append(await self._sum(progress, group))
            alive(progress)
        await self._keep(rows)
        return len(rows)

    async def _begin(self) -> StatisticsProgress:
        async with transaction(self._engine) as connection:
            # One for all pages: if a day ends meanwhile, no customer counts for both.
            moment: datetime = (await connection.execute(select(func.now()))).scalar_one()
            await connection.execute(delete(usage_statistics_pages).where(_PAGES.moment < moment - PAGES_KEPT))
            policy = await newest_policy(connection)
            return StatisticsProgress(
                moment.isoformat(),
                *await _today(connection),
                limited=policy.limited.value,
                suspended=policy.suspended.value,
            )

    async def _resume(self, progress: StatisticsProgress) -> StatisticsProgress:
        """Remove a page that was added after *progress* was noted."""
        late = (_PAGES.moment == _moment(progress), _PAGES.page >= progress.pages)
        async with transaction(self._engine) as connection:
            await connection.execute(delete(usage_statistics_pages).where(*late))
        return progress

    async def _add_page(self, progress: StatisticsProgress) -> StatisticsProgress:
        assert progress.after is not None  # noqa: S101 - there is another page
        tenant, customer, feature = progress.after
        given = {
            "tenant": tenant,
            "customer": customer,
            "feature": feature,
            "page": self._page,
            "catalog": progress.catalog,
            "free_plan": progress.free_plan,
            "limited": progress.limited,
            "suspended": progress.suspended,
            "moment": _moment(progress),
        }
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(sql_text(CURRENT_USAGE), given)).all()
            if found := _page_rows(rows, progress):
                await connection.execute(usage_statistics_pages.insert(), found)
        last = rows[-1] if len(rows) == self._page else None
        after = None if last is None else (last.tenant, last.customer, last.feature)
        return replace(progress, pages=progress.pages + 1, after=after)

    async def _groups(self, progress: StatisticsProgress) -> Sequence[_Group]:
        wanted = select(_PAGES.tenant, _PAGES.plan, _PAGES.feature).where(_PAGES.moment == _moment(progress)).distinct()
        async with transaction(self._engine) as connection:
            return [(row.tenant, row.plan, row.feature) for row in await connection.execute(wanted)]

    async def _sum(self, progress: StatisticsProgress, group: _Group) -> dict[str, Any]:
        tenant, plan, feature = group
        wanted = select(usage_statistics_pages).where(
            _PAGES.moment == _moment(progress), _PAGES.tenant == tenant, _PAGES.plan == plan, _PAGES.feature == feature
        )
        total = _Sum()
        async with transaction(self._engine) as connection, connection.stream(wanted) as pages:
            async for page in pages:
                total.add_page(page)
        return {"tenant": tenant, "plan": plan, "feature": feature, **total.columns()}

    async def _keep(self, rows: Sequence[dict[str, Any]]) -> None:
        """Statistics of these six hours, replacing earlier ones of the same hours."""
        hours = func.date_bin(timedelta(hours=6), func.now(), func.to_timestamp(0))
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            await connection.execute(delete(usage_statistics).where(_IT.taken_at >= hours))
            if rows:
                await connection.execute(usage_statistics.insert().values(taken_at=func.now()), rows)


def _moment(progress: StatisticsProgress) -> datetime:
    return datetime.fromisoformat(progress.moment)


def _page_rows(rows: Sequence[Row[Any]], progress: StatisticsProgress) -> list[dict[str, Any]]:
    sums: dict[_Group, _Sum] = defaultdict(_Sum)
    for row in (each for each in rows if each.used is not None):
        sums[row.tenant, row.plan, row.feature].add(row.used, row.has)
    of_page = {"moment": _moment(progress), "page": progress.pages}
    return [
        of_page | {"tenant": tenant, "plan": plan, "feature": feature, "uses": list(each.uses)} | each.counts()
        for (tenant, plan, feature), each in sums.items()
    ]


async def _today(connection: AsyncConnection) -> tuple[str, str]:
    """The API's current catalog, and its free plan; empty if there is none."""
    catalog = await in_force(connection)
    if catalog is None:
        return "", ""
    free = catalog.free_plan
    return catalog.name, free.plan if free is not None else ""
