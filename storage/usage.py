"""Counting use, and telling where a customer stands: one round trip each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements import Basis, Standing
from domain.names import DEFAULT_TENANT
from domain.plans import Interval
from domain.usage import Counted, Counter, Outcome, Tally, Use
from storage.engine import single, statement

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USE = text(
    "SELECT * FROM tenure_use(:tenant, :customer, :meter, :action, :quantity, :key, :at, :catalog, :free_plan,"
    " :limited, :suspended)"
)
_STANDING = text(
    "SELECT s.*, coalesce((SELECT jsonb_agg(jsonb_build_array(u.feature, u.used, extract(epoch from u.period_start),"
    " extract(epoch from u.period_end), extract(epoch from u.over_since))) FROM usage u"
    " WHERE u.tenant = :tenant AND u.customer = :customer"
    " AND (u.period_end IS NULL OR u.period_end > s.moment OR u.period_start = s.period_start)), '[]') AS counters"
    " FROM tenure_standing(:tenant, :customer, :catalog, :free_plan, :limited, :suspended) s"
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
        values = _given(ground, tenant, use.customer) | {
            "meter": use.meter,
            "action": use.action.value,
            "quantity": use.quantity,
            "key": use.key,
            "at": use.at,
        }
        async with statement(self._engine) as connection:
            return _counted((await connection.execute(_USE, values)).all())

    async def standing(
        self, customer: str, ground: Ground, *, tenant: str = DEFAULT_TENANT
    ) -> tuple[Standing, tuple[Tally, ...]]:
        """Where a customer stands, and what they have used in the periods that go on."""
        async with statement(self._engine) as connection:
            row = (await connection.execute(_STANDING, _given(ground, tenant, customer))).one()
        return _standing(row), tuple(_tally(*each) for each in row.counters)


def _given(ground: Ground, tenant: str, customer: str) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "customer": customer,
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


def _tally(feature: str, used: int, starts: float, ends: float | None, over_since: float | None) -> Tally:
    return Tally(feature, used, _moment(starts), _maybe(ends), _maybe(over_since))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _maybe(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
