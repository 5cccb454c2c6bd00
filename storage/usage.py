"""Counting use, and telling where a customer stands: one round trip each."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements import Basis, Standing
from domain.names import DEFAULT_TENANT
from domain.plans import Interval
from domain.usage import Counted, Counter, Outcome, Tally, Use
from storage.engine import Deadlock, fetch

TRIES = 3
"""Of what was rolled back because another waited for it as it waited for that. Counters are taken in one order, but
keys that are sent for several customers crosswise are in none."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USE = "SELECT * FROM tenure_use($1, $6, $7, $8, $9, $10, $11, $12, $13, $2, $3, $4, $5)"
# One after the other by customer and meter, so that two batches never wait for each other.
_USE_ALL = (
    "SELECT number, (counted).* FROM ("
    " SELECT e.number, tenure_use($1, e.customer, e.meter, e.action, e.quantity, e.key, e.at, e.reason, e.actor,"
    " $2, $3, $4, $5) AS counted"
    " FROM (SELECT * FROM unnest($6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::timestamptz[],"
    " $12::text[], $13::text[])"
    " WITH ORDINALITY AS given (customer, meter, action, quantity, key, at, reason, actor, number)"
    " ORDER BY customer, meter, number) e"
    ") each"
)
_STANDING = (
    "SELECT s.*, c.* FROM tenure_standing($1, $6, $2, $3, $4, $5) s CROSS JOIN LATERAL ("
    " SELECT array_agg(u.feature) AS features, array_agg(u.used) AS used, array_agg(u.period_start) AS starts,"
    " array_agg(u.period_end) AS ends, array_agg(u.over_since) AS over_since"
    " FROM plan_limits p JOIN usage u ON u.tenant = $1 AND u.customer = $6 AND u.feature = p.feature"
    " AND u.period_start = CASE WHEN p.per = 'billing_period' AND s.period_start IS NOT NULL THEN s.period_start"
    " ELSE (tenure_period(p.per, s.moment, NULL, NULL, NULL)).starts END"
    " WHERE p.catalog = s.counted_by_catalog AND p.plan = s.counted_by_plan) c"
)


@dataclass(frozen=True)
class Ground:
    """What entitlements are worked out on: the catalog of today, and what the policy says of limited access."""

    catalog: str
    free_plan: str
    """Its code; empty: there is none."""
    limited: Basis = Basis.NO_NEW_USE
    """What limited access entitles to."""
    suspended: Basis = Basis.NOTHING
    """What a suspended or paused subscription entitles to."""


class Usage:
    """Counts use in PostgreSQL, whose clock it goes by; neither Temporal nor the provider is asked."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def use(self, use: Use, ground: Ground, *, tenant: str = DEFAULT_TENANT) -> Counted:
        """Count one use, or say why it is not; atomic, and once per key."""
        return _counted(await self._rows(_USE, *_given(ground, tenant), *_told(use)))

    async def use_all(
        self, uses: Sequence[Use], ground: Ground, *, tenant: str = DEFAULT_TENANT
    ) -> tuple[Counted, ...]:
        """Count many uses in one transaction, each for itself: what came of each, in their order."""
        if not uses:
            return ()
        by_number: dict[int, list[asyncpg.Record]] = {}
        parts = zip(*map(_told, uses), strict=True)
        for row in await self._rows(_USE_ALL, *_given(ground, tenant), *map(list, parts)):
            by_number.setdefault(row["number"], []).append(row)
        return tuple(_counted(by_number[number]) for number in sorted(by_number))

    async def standing(
        self, customer: str, ground: Ground, *, tenant: str = DEFAULT_TENANT
    ) -> tuple[Standing, tuple[Tally, ...]]:
        """Where a customer stands, and what they have used in the periods that go on."""
        [row] = await fetch(self._engine, _STANDING, *_given(ground, tenant), customer)
        return _standing(row), _tallies(row)

    async def _rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        for _ in range(TRIES - 1):
            with suppress(Deadlock):
                return await fetch(self._engine, query, *values)
        return await fetch(self._engine, query, *values)


def _given(ground: Ground, tenant: str) -> tuple[str, ...]:
    return tenant, ground.catalog, ground.free_plan, ground.limited.value, ground.suspended.value


def _told(use: Use) -> tuple[object, ...]:
    return use.customer, use.meter, use.action.value, use.quantity, use.key, use.at, use.reason, use.actor


def _counted(rows: Sequence[asyncpg.Record]) -> Counted:
    first = rows[0]
    counters = tuple(
        Counter(
            feature=row["feature"],
            included=row["included"],
            ceiling=row["ceiling"],
            used=row["used"],
            before=row["before"],
            starts=None if row["starts"] == _EPOCH else row["starts"],
            ends=row["ends"],
            over_since=row["over_since"],
        )
        for row in rows
        if row["feature"] is not None
    )
    return Counted(Outcome(first["outcome"]), _standing(first), counters, first["noticed"])


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(
        moment=row["moment"],
        basis=Basis(row["basis"]),
        customer_id=_text(row["customer_id"]),
        subscription=_text(row["subscription"]),
        status=row["status"],
        access=row["access"],
        own_plan=row["own_plan"],
        plan=row["plan"],
        catalog=row["catalog"],
        revision=row["revision"],
        add_ons=row["add_ons"],
        quantity=row["quantity"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        is_billed=row["is_billed"],
        billed_every=None if row["billed_every"] is None else Interval(row["billed_every"]),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _tallies(row: asyncpg.Record) -> tuple[Tally, ...]:
    if row["features"] is None:
        return ()
    found = zip(row["features"], row["used"], row["starts"], row["ends"], row["over_since"], strict=True)
    return tuple(Tally(*each) for each in found)
