"""Counts usage and reads a customer's state, in one round trip each."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.access import Basis
from domain.catalog.plans import Interval
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.usage import Counted, Counter, GivenBack, Outcome, Tally, UsageChange, UsageVerdict
from domain.entitlements.usage_periods import EPOCH
from domain.names import DEFAULT_TENANT
from storage.db.engine import Deadlock, fetch, sql

_FILES = Path(__file__).parent / "sql"
RECORD_USE = _FILES / "record_use.sql"
_RECORD_USES = _FILES / "record_uses.sql"
_GIVE_BACK = _FILES / "give_back.sql"
_STANDING = _FILES / "standing.sql"

MAX_ATTEMPTS = 3
"""Retries after a deadlock. Counters are locked in one order, but batches whose keys cross several customers are
not."""
MAX_PAUSE = 0.1
"""Seconds between attempts."""


@dataclass(frozen=True)
class EntitlementRules:
    """What entitlements are derived from: the current catalog, and the policy for limited access."""

    catalog: str
    free_plan: str
    """Its code; empty if there is none."""
    limited: Basis = Basis.NO_NEW_USE
    """The entitlements of limited access."""
    suspended: Basis = Basis.NOTHING
    """The entitlements of a suspended or paused subscription."""


class Usage:
    """Counts usage in PostgreSQL, by its clock. Calls neither Temporal nor the provider."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def use(self, use: UsageChange, rules: EntitlementRules, *, tenant: str = DEFAULT_TENANT) -> Counted:
        """Counts one usage event, or returns why it is denied. Atomic, and once per key."""
        return _result(await self._rows(RECORD_USE, *_rule_values(rules, tenant), *_event_values(use)))

    async def use_all(
        self, uses: Sequence[UsageChange], rules: EntitlementRules, *, tenant: str = DEFAULT_TENANT
    ) -> tuple[Counted, ...]:
        """Counts many usage events in one transaction, each by itself. Returns their results in order."""
        if not uses:
            return ()
        by_number: dict[int, list[asyncpg.Record]] = {}
        parts = zip(*map(_event_values, uses), strict=True)
        for row in await self._rows(_RECORD_USES, *_rule_values(rules, tenant), *map(list, parts)):
            by_number.setdefault(row["number"], []).append(row)
        return tuple(_result(by_number[number]) for number in sorted(by_number))

    async def give_back(
        self,
        customer: str,
        meters: Sequence[str],
        key: str,
        quantity: int | None,
        rules: EntitlementRules,
        *,
        tenant: str,
    ) -> GivenBack:
        """Reverts a usage event by its key while its period runs. Atomic, and once.

        *meters* are the names it may have been counted under. *quantity*, if given, must match.
        """
        [row] = await self._rows(_GIVE_BACK, *_rule_values(rules, tenant), customer, list(meters), key, quantity)
        return GivenBack(UsageVerdict(row["outcome"]), row["quantity"] or 0, row["released"] or 0, row["used"] or {})

    async def standing(
        self, customer: str, rules: EntitlementRules, *, tenant: str = DEFAULT_TENANT
    ) -> tuple[EntitlementBasis, tuple[Tally, ...]]:
        """A customer's state, and their usage in the current periods."""
        [row] = await fetch(self._engine, sql(_STANDING), *_rule_values(rules, tenant), customer)
        return _standing(row), _tallies(row)

    async def _rows(self, file: Path, *values: object) -> list[asyncpg.Record]:
        query = sql(file)
        for _ in range(MAX_ATTEMPTS - 1):
            with suppress(Deadlock):
                return await fetch(self._engine, query, *values)
            # Not at the same moment as the other.
            await asyncio.sleep(random.random() * MAX_PAUSE)  # noqa: S311 - not security-sensitive
        return await fetch(self._engine, query, *values)


def _rule_values(rules: EntitlementRules, tenant: str) -> tuple[str, ...]:
    return tenant, rules.catalog, rules.free_plan, rules.limited.value, rules.suspended.value


def _event_values(use: UsageChange) -> tuple[object, ...]:
    return use.customer, use.meter, use.action.value, use.quantity, use.key, use.at, use.reason, use.actor


def _result(rows: Sequence[asyncpg.Record]) -> Counted:
    first = rows[0]
    counters = tuple(
        Counter(
            feature=row["feature"],
            included=row["included"],
            ceiling=row["ceiling"],
            used=row["used"],
            before=row["before"],
            starts=None if row["starts"] == EPOCH else row["starts"],
            ends=row["ends"],
            over_since=row["over_since"],
        )
        for row in rows
        if row["feature"] is not None
    )
    return Counted(Outcome(first["outcome"]), _standing(first), counters, any(row["noticed"] for row in rows))


def _standing(row: asyncpg.Record) -> EntitlementBasis:
    return EntitlementBasis(
        moment=row["moment"],
        basis=Basis(row["basis"]),
        customer_id=row["customer_id"],
        subscription=row["subscription"],
        status=row["status"],
        access=row["access"],
        own_plan=row["own_plan"],
        plan=row["plan"],
        catalog=row["catalog"],
        revision=row["revision"],
        add_ons=row["add_ons"] or {},
        quantity=row["quantity"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        is_billed=row["is_billed"],
        by_use=tuple(row["by_use"] or ()),
        billed_every=None if row["billed_every"] is None else Interval(row["billed_every"]),
    )


def _tallies(row: asyncpg.Record) -> tuple[Tally, ...]:
    if row["features"] is None:
        return ()
    found = zip(row["features"], row["used"], row["starts"], row["over_since"], strict=True)
    return tuple(Tally(*each) for each in found)
