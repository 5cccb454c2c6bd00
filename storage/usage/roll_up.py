"""The roll-up of usage: daily samples of gauges, statistics by plan and feature, and deletion of old rows."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.entitlements.ports import Alive, Sampled
from domain.entitlements.usage import KEYS_KEPT
from storage.catalog.current import in_force
from storage.db.engine import transaction
from storage.schema.usage_tables import usage_statistics

PAGE = 2000
"""Rows read per batch."""
BATCH = 5000
"""Rows deleted per batch."""
RETENTION = timedelta(days=400)
"""How long samples, statistics, and counters of days and weeks are kept: a year and a month."""
NOTICE_RETENTION = timedelta(days=800)
"""Longer than the longest period, within which nobody is notified twice."""
SIGN_UP_RETENTION = timedelta(days=1)
NEAR_LIMIT = 80
"""In percent of the limit."""
ADVISORY_LOCK = 7_314_420_191
"""The advisory lock for writing statistics."""

# `period_end IS NULL` is the condition of the index for gauges.
_SAMPLE = text(
    "WITH page AS ("
    " SELECT tenant, customer, feature, used FROM usage"
    " WHERE period_end IS NULL AND (tenant, customer, feature) > (:tenant, :customer, :feature)"
    " ORDER BY tenant, customer, feature LIMIT :page"
    "), put AS ("
    " INSERT INTO usage_samples AS s (tenant, customer, feature, day, lowest, highest, latest)"
    " SELECT tenant, customer, feature, (now() AT TIME ZONE 'UTC')::date, used, used, used FROM page"
    " ON CONFLICT (tenant, customer, feature, day) DO UPDATE SET lowest = least(s.lowest, excluded.lowest),"
    " highest = greatest(s.highest, excluded.highest), latest = excluded.latest"
    ") SELECT tenant, customer, feature, count(*) OVER () AS gauges FROM page"
    " ORDER BY tenant DESC, customer DESC, feature DESC LIMIT 1"
)
# Skips from one customer's feature to the next, not row by row: each has hundreds of past periods. The current period
# is found as in `tenure_use`: a period that was cut short, as by a conversion or an end, coexists with it until its own
# end. If no plan says how a feature is counted, the latest running period counts. Customers without a live subscription
# have the free plan.
_STANDING = text(
    "WITH RECURSIVE page AS ("
    " (SELECT tenant, customer, feature, 1 AS n FROM usage"
    "  WHERE (tenant, customer, feature) > (:tenant, :customer, :feature)"
    "  ORDER BY tenant, customer, feature LIMIT 1)"
    " UNION ALL"
    " SELECT next.tenant, next.customer, next.feature, page.n + 1 FROM page CROSS JOIN LATERAL ("
    "  SELECT u.tenant, u.customer, u.feature FROM usage u"
    "  WHERE (u.tenant, u.customer, u.feature) > (page.tenant, page.customer, page.feature)"
    "  ORDER BY u.tenant, u.customer, u.feature LIMIT 1) next WHERE page.n < :page"
    "), standing AS ("
    " SELECT p.tenant, p.customer, p.feature, coalesce(s.plan, :free_plan) AS plan, l.per, l.included, l.per_unit,"
    "  l.adds, s.quantity, s.add_ons, s.interval, CASE WHEN s.amount > 0 THEN coalesce(s.period_start, s.created_at)"
    "  END AS began, coalesce(s.period_end, s.trial_ends_at) AS ends"
    " FROM page p"
    " LEFT JOIN customers c ON c.tenant = p.tenant AND c.external_id = p.customer"
    " LEFT JOIN subscriptions s ON s.tenant = p.tenant AND s.customer = c.id AND s.status <> 'canceled'"
    " LEFT JOIN catalog_versions v ON v.name = s.catalog"
    " LEFT JOIN plan_limits l ON l.catalog = coalesce(v.name, :catalog) AND l.plan = coalesce(s.plan, :free_plan)"
    "  AND l.feature = p.feature"
    ") SELECT p.tenant, p.customer, p.feature, p.plan, u.used,"
    " p.included * CASE WHEN p.per_unit THEN coalesce(p.quantity, 1) ELSE 1 END + coalesce(("
    "  SELECT sum(o.value::bigint * (p.adds ->> o.key)::bigint)"
    "  FROM jsonb_each_text(p.add_ons) o WHERE p.adds ? o.key), 0) AS has"
    " FROM standing p"
    " LEFT JOIN LATERAL tenure_period(p.per, :moment, p.began, p.ends, p.interval) its ON p.per IS NOT NULL"
    " LEFT JOIN LATERAL ("
    "  SELECT u.used FROM usage u WHERE u.tenant = p.tenant AND u.customer = p.customer AND u.feature = p.feature"
    "  AND u.period_start >= coalesce(its.starts, 'epoch') AND u.period_start <= coalesce(its.starts, :moment)"
    "  AND (p.per IS NOT NULL OR u.period_end IS NULL OR u.period_end > :moment)"
    "  ORDER BY u.period_start DESC LIMIT 1) u ON true"
    " ORDER BY p.tenant, p.customer, p.feature"
)


def _delete_old(table: str, by: str, where: str) -> TextClause:
    """Deletes a batch of old rows, oldest first; found once, by ctid."""
    oldest = f"SELECT ctid FROM {table} WHERE {where} ORDER BY {by} LIMIT :batch"  # noqa: S608 - text of our own
    return text(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({oldest}))")  # noqa: S608


_OLD = "now() - CAST(:age AS interval)"
_CLEANUP = {
    "events": _delete_old(
        "usage_events", "recorded_at", f"recorded_at < {_OLD} AND (overage = 0 OR reported_at IS NOT NULL)"
    ),
    # There are many of days and weeks; months and billing periods stay.
    "counters": _delete_old("usage", "period_end", f"period_end - period_start <= '7 days' AND period_end < {_OLD}"),
    "samples": _delete_old("usage_samples", "day", f"day < ({_OLD})::date"),
    "statistics": _delete_old("usage_statistics", "taken_at", f"taken_at < {_OLD}"),
    "notices": _delete_old("usage_notices", "at", f"told_at IS NOT NULL AND at < {_OLD}"),
    # Sign-ups without an answer; one that waits for its first payment stays.
    "sign_ups": _delete_old(
        "sign_up_contacts",
        "created_at",
        f"created_at < {_OLD} AND NOT EXISTS"
        " (SELECT FROM subscriptions s WHERE s.id = sign_up_contacts.subscription AND s.status <> 'canceled')",
    ),
}
_AGES = {
    "events": KEYS_KEPT,
    "counters": RETENTION,
    "samples": RETENTION,
    "statistics": RETENTION,
    "notices": NOTICE_RETENTION,
    "sign_ups": SIGN_UP_RETENTION,
}

_Cursor = tuple[str, str, str]
"""Tenant, customer, feature; or tenant, plan, feature."""
_BEFORE_ALL: _Cursor = ("", "", "")


@dataclass
class _Sum:
    """How customers of one plan use one feature."""

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
            self.near_limit += used * 100 >= has * NEAR_LIMIT
            self.at_limit += used >= has


class PostgresUsageRollUp:
    """Implements `domain.entitlements.ports.UsageBook`; uses the database's clock."""

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

    async def compute_statistics(self, *, alive: Alive) -> int:
        sums: dict[_Cursor, _Sum] = defaultdict(_Sum)
        async for rows in self._standing():
            for row in (each for each in rows if each.used is not None):
                sums[row.tenant, row.plan, row.feature].add(row.used, row.has)
            alive()
        await self._keep(sums)
        return len(sums)

    async def _standing(self) -> AsyncIterator[Sequence[Row[Any]]]:
        """Each customer's usage per feature in the current period, page by page; None if there is none."""
        async with transaction(self._engine) as connection:
            today = await _today(connection)
            # One for all pages: if a day ends meanwhile, no customer counts for both.
            moment = (await connection.execute(select(func.now()))).scalar_one()
        cursor: _Cursor | None = _BEFORE_ALL
        while cursor is not None:
            async with transaction(self._engine) as connection:
                rows = (await connection.execute(_STANDING, self._beyond(cursor) | today | {"moment": moment})).all()
            yield rows
            cursor = _cursor(rows[-1]) if len(rows) == self._page else None

    async def _keep(self, sums: dict[_Cursor, _Sum]) -> None:
        """Statistics of these six hours, replacing earlier ones of the same hours."""
        rows = [
            {"tenant": tenant, "plan": plan, "feature": feature, **asdict(each)}
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
        for kind, statement in _CLEANUP.items():
            removed, count = self._batch, 0
            while removed == self._batch:
                async with transaction(self._engine) as connection:
                    given = {"age": _AGES[kind], "batch": self._batch}
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
