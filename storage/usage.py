"""Counting use, and telling where a customer stands: one round trip each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements import Basis, Standing
from domain.names import DEFAULT_TENANT
from domain.plans import Interval
from domain.usage import Counted, Counter, Outcome, Tally, Use
from storage.engine import single, statement

DEADLOCK = "40P01"
"""The SQLSTATE of a transaction that was rolled back because another waited for it as it waited for that. Counters are
taken in one order, but keys that are sent for several customers crosswise are in none."""
TRIES = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USE = text(
    "SELECT * FROM tenure_use(:tenant, :customer, :meter, :action, :quantity, :key, :at, :reason, :actor,"
    " :catalog, :free_plan, :limited, :suspended)"
)
# One after the other by customer and meter, so that two batches never wait for each other.
_USE_ALL = text(
    "SELECT number, (counted).* FROM ("
    " SELECT e.number, tenure_use(:tenant, e.customer, e.meter, e.action, e.quantity, e.key, e.at, e.reason, e.actor,"
    " :catalog, :free_plan, :limited, :suspended) AS counted"
    " FROM (SELECT * FROM unnest("
    "cast(:customers AS text[]), cast(:meters AS text[]), cast(:actions AS text[]), cast(:quantities AS bigint[]),"
    " cast(:keys AS text[]), cast(:ats AS timestamptz[]), cast(:reasons AS text[]), cast(:actors AS text[])"
    ") WITH ORDINALITY AS given (customer, meter, action, quantity, key, at, reason, actor, number)"
    " ORDER BY customer, meter, number) e"
    ") each"
)
_STANDING = text(
    "SELECT s.*, c.* FROM tenure_standing(:tenant, :customer, :catalog, :free_plan, :limited, :suspended) s"
    " CROSS JOIN LATERAL ("
    " SELECT array_agg(u.feature) AS features, array_agg(u.used) AS used, array_agg(u.period_start) AS starts,"
    " array_agg(u.period_end) AS ends, array_agg(u.over_since) AS over_since"
    " FROM plan_limits p JOIN usage u ON u.tenant = :tenant AND u.customer = :customer AND u.feature = p.feature"
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
        self._engine = single(engine)

    async def use(self, use: Use, ground: Ground, *, tenant: str = DEFAULT_TENANT) -> Counted:
        """Count one use, or say why it is not; atomic, and once per key."""
        values = _given(ground, tenant) | {
            "customer": use.customer,
            "meter": use.meter,
            "action": use.action.value,
            "quantity": use.quantity,
            "key": use.key,
            "at": use.at,
            "reason": use.reason,
            "actor": use.actor,
        }
        return _counted(await self._rows(_USE, values))

    async def use_all(
        self, uses: Sequence[Use], ground: Ground, *, tenant: str = DEFAULT_TENANT
    ) -> tuple[Counted, ...]:
        """Count many uses in one transaction, each for itself: what came of each, in their order."""
        values = _given(ground, tenant) | {
            "customers": [use.customer for use in uses],
            "meters": [use.meter for use in uses],
            "actions": [use.action.value for use in uses],
            "quantities": [use.quantity for use in uses],
            "keys": [use.key for use in uses],
            "ats": [use.at for use in uses],
            "reasons": [use.reason for use in uses],
            "actors": [use.actor for use in uses],
        }
        by_number: dict[int, list[Row[Any]]] = {}
        for row in await self._rows(_USE_ALL, values):
            by_number.setdefault(row.number, []).append(row)
        return tuple(_counted(by_number[number]) for number in sorted(by_number))

    async def standing(
        self, customer: str, ground: Ground, *, tenant: str = DEFAULT_TENANT
    ) -> tuple[Standing, tuple[Tally, ...]]:
        """Where a customer stands, and what they have used in the periods that go on."""
        values = _given(ground, tenant) | {"customer": customer}
        async with statement(self._engine) as connection:
            row = (await connection.execute(_STANDING, values)).one()
        return _standing(row), _tallies(row)

    async def _rows(self, query: TextClause, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        async with statement(self._engine) as connection:
            for _ in range(TRIES - 1):
                try:
                    return (await connection.execute(query, values)).all()
                except DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) != DEADLOCK:
                        raise
            return (await connection.execute(query, values)).all()


def _given(ground: Ground, tenant: str) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "catalog": ground.catalog,
        "free_plan": ground.free_plan,
        "limited": ground.limited.value,
        "suspended": ground.suspended.value,
    }


def _counted(rows: Sequence[Row[Any]]) -> Counted:
    first = rows[0]
    counters = tuple(
        Counter(
            feature=row.feature,
            included=row.included,
            ceiling=row.ceiling,
            used=row.used,
            before=row.before,
            starts=None if row.starts == _EPOCH else row.starts,
            ends=row.ends,
            over_since=row.over_since,
        )
        for row in rows
        if row.feature is not None
    )
    return Counted(Outcome(first.outcome), _standing(first), counters, first.noticed)


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        moment=row.moment,
        basis=Basis(row.basis),
        customer_id=_text(row.customer_id),
        subscription=_text(row.subscription),
        status=row.status,
        access=row.access,
        own_plan=row.own_plan,
        plan=row.plan,
        catalog=row.catalog,
        revision=row.revision,
        add_ons=_add_ons(row.add_ons),
        quantity=row.quantity,
        period_start=row.period_start,
        period_end=row.period_end,
        is_billed=row.is_billed,
        billed_every=None if row.billed_every is None else Interval(row.billed_every),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _add_ons(given: Mapping[str, int] | str | None) -> dict[str, int]:
    return dict(given) if isinstance(given, Mapping) else {}


def _tallies(row: Row[Any]) -> tuple[Tally, ...]:
    if row.features is None:
        return ()
    found = zip(row.features, row.used, row.starts, row.ends, row.over_since, strict=True)
    return tuple(Tally(*each) for each in found)
