"""Rolling use up: samples of gauges by the day, statistics by plan and feature, and forgetting what is too old."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.usage import KEYS_KEPT
from domain.usage_books import Alive, Sampled
from storage.catalog_in_force import in_force
from storage.engine import transaction
from storage.usage_tables import usage_statistics

PAGE = 2000
"""Rows looked at together."""
BATCH = 5000
"""Rows removed together."""
LOOKED_BACK = timedelta(days=400)
"""A year and a month: so long samples and statistics are kept."""
NOTICES_KEPT = timedelta(days=800)
"""Longer than the longest period, within which nobody is told the same twice."""
NEAR = 80
"""In percent of the limit."""
ONE_AT_A_TIME = 7_314_420_191
"""The advisory lock of those that write statistics."""

_SAMPLE = text(
    "WITH page AS ("
    " SELECT tenant, customer, feature, used FROM usage"
    " WHERE period_start = 'epoch' AND (tenant, customer, feature) > (:tenant, :customer, :feature)"
    " ORDER BY tenant, customer, feature LIMIT :page"
    "), put AS ("
    " INSERT INTO usage_samples AS s (tenant, customer, feature, day, lowest, highest, latest)"
    " SELECT tenant, customer, feature, (now() AT TIME ZONE 'UTC')::date, used, used, used FROM page"
    " ON CONFLICT (tenant, customer, feature, day) DO UPDATE SET lowest = least(s.lowest, excluded.lowest),"
    " highest = greatest(s.highest, excluded.highest), latest = excluded.latest"
    ") SELECT tenant, customer, feature, count(*) OVER () AS gauges FROM page"
    " ORDER BY tenant DESC, customer DESC, feature DESC LIMIT 1"
)
# A period that was cut short, as by a conversion, goes on until its end beside the one that took its place: the later
# one is meant. Who has no live subscription has the free plan.
_STANDING = text(
    "WITH page AS ("
    " SELECT DISTINCT ON (u.tenant, u.customer, u.feature) u.tenant, u.customer, u.feature, u.used FROM usage u"
    " WHERE (u.tenant, u.customer, u.feature) > (:tenant, :customer, :feature) AND u.period_start <= now()"
    " AND (u.period_end IS NULL OR u.period_end > now())"
    " ORDER BY u.tenant, u.customer, u.feature, u.period_start DESC LIMIT :page"
    ") SELECT p.tenant, p.customer, p.feature, p.used, coalesce(s.plan, :free_plan) AS plan,"
    " l.included * CASE WHEN l.per_unit THEN coalesce(s.quantity, 1) ELSE 1 END + coalesce(("
    "  SELECT sum(o.value::bigint * (l.adds ->> o.key)::bigint)"
    "  FROM jsonb_each_text(s.add_ons) o WHERE l.adds ? o.key), 0) AS has"
    " FROM page p"
    " LEFT JOIN customers c ON c.tenant = p.tenant AND c.external_id = p.customer"
    " LEFT JOIN subscriptions s ON s.tenant = p.tenant AND s.customer = c.id AND s.status <> 'canceled'"
    " LEFT JOIN catalog_versions v ON v.name = s.catalog"
    " LEFT JOIN plan_limits l ON l.catalog = coalesce(v.name, :catalog) AND l.plan = coalesce(s.plan, :free_plan)"
    " AND l.feature = p.feature"
    " ORDER BY p.tenant, p.customer, p.feature"
)
_FORGET = {
    "events": text(
        "DELETE FROM usage_events WHERE (tenant, key) IN (SELECT tenant, key FROM usage_events"
        " WHERE recorded_at < now() - CAST(:age AS interval) AND (overage = 0 OR reported_at IS NOT NULL)"
        " ORDER BY recorded_at LIMIT :batch)"
    ),
    "samples": text(
        "DELETE FROM usage_samples WHERE (tenant, customer, feature, day) IN (SELECT tenant, customer, feature, day"
        " FROM usage_samples WHERE day < (now() - CAST(:age AS interval))::date LIMIT :batch)"
    ),
    "statistics": text(
        "DELETE FROM usage_statistics WHERE (tenant, taken_at, plan, feature) IN (SELECT tenant, taken_at, plan,"
        " feature FROM usage_statistics WHERE taken_at < now() - CAST(:age AS interval) LIMIT :batch)"
    ),
    "notices": text(
        "DELETE FROM usage_notices WHERE (tenant, customer, feature, period_start, threshold, included) IN ("
        "SELECT tenant, customer, feature, period_start, threshold, included FROM usage_notices"
        " WHERE told_at IS NOT NULL AND at < now() - CAST(:age AS interval) LIMIT :batch)"
    ),
}
_AGES = {"events": KEYS_KEPT, "samples": LOOKED_BACK, "statistics": LOOKED_BACK, "notices": NOTICES_KEPT}

_Cursor = tuple[str, str, str]
"""Tenant, customer, feature; or tenant, plan, feature."""
_BEFORE_ALL: _Cursor = ("", "", "")


@dataclass
class _Sum:
    """What customers of one plan use of one feature."""

    customers: int = 0
    used: int = 0
    highest: int = 0
    near_limit: int = 0
    at_limit: int = 0

    def add(self, used: int, has: int | None) -> None:
        self.customers += 1
        self.used += used
        self.highest = max(self.highest, used)
        if has:
            self.near_limit += used * 100 >= has * NEAR
            self.at_limit += used >= has


class PostgresUsageBook:
    """Implements `domain.usage_books.UsageBook`; its clock is the database's."""

    def __init__(self, engine: AsyncEngine, *, page: int = PAGE, batch: int = BATCH) -> None:
        self._engine = engine
        self._page = page
        self._batch = batch

    async def sample(self, after: _Cursor | None) -> Sampled:
        async with transaction(self._engine) as connection:
            last = (await connection.execute(_SAMPLE, self._beyond(after))).one_or_none()
        if last is None:
            return Sampled(0, None)
        return Sampled(last.gauges, _cursor(last) if last.gauges == self._page else None)

    async def take_statistics(self, *, alive: Alive) -> int:
        sums: dict[_Cursor, _Sum] = defaultdict(_Sum)
        async for rows in self._standing():
            for row in rows:
                sums[row.tenant, row.plan, row.feature].add(row.used, row.has)
            alive()
        await self._keep(sums)
        return len(sums)

    async def _standing(self) -> AsyncIterator[Sequence[Row[Any]]]:
        """How much each customer uses of each feature in the period that runs, page by page."""
        async with transaction(self._engine) as connection:
            today = await _today(connection)
        cursor: _Cursor | None = _BEFORE_ALL
        while cursor is not None:
            async with transaction(self._engine) as connection:
                rows = (await connection.execute(_STANDING, self._beyond(cursor) | today)).all()
            yield rows
            cursor = _cursor(rows[-1]) if len(rows) == self._page else None

    async def _keep(self, sums: dict[_Cursor, _Sum]) -> None:
        """Statistics of these six hours, in place of those that were taken in them before."""
        rows = [
            {"tenant": tenant, "plan": plan, "feature": feature, **asdict(each)}
            for (tenant, plan, feature), each in sums.items()
        ]
        it = usage_statistics
        hours = func.date_bin(timedelta(hours=6), func.now(), func.to_timestamp(0))
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
            await connection.execute(it.delete().where(it.c.taken_at >= hours))
            if rows:
                await connection.execute(it.insert().values(taken_at=func.now()), rows)

    async def forget(self) -> dict[str, int]:
        forgotten = {}
        for kind, statement in _FORGET.items():
            async with transaction(self._engine) as connection:
                removed = await connection.execute(statement, {"age": _AGES[kind], "batch": self._batch})
            if removed.rowcount:
                forgotten[kind] = removed.rowcount
        return forgotten

    def _beyond(self, cursor: _Cursor | None) -> dict[str, Any]:
        tenant, customer, feature = cursor or _BEFORE_ALL
        return {"tenant": tenant, "customer": customer, "feature": feature, "page": self._page}


def _cursor(row: Row[Any]) -> _Cursor:
    return row.tenant, row.customer, row.feature


async def _today(connection: AsyncConnection) -> dict[str, str]:
    """The catalog that the API lives by, and its free plan; empty where there is none."""
    catalog = await in_force(connection)
    if catalog is None:
        return {"catalog": "", "free_plan": ""}
    free = catalog.free_plan
    return {"catalog": catalog.name, "free_plan": free.plan if free is not None else ""}
