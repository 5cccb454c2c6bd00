"""Whether what is recorded of the revenue adds up to what subscriptions are worth, and its correction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.id_ranges import ALL_IDS
from domain.reconciliation.ports import RevenueDifference
from domain.revenue.corrections import Recorded, corrections
from domain.revenue.figures import PeriodLength, following
from domain.revenue.queries import Range
from domain.subscription.state import Subscription
from storage.db.codec import state_from_json
from storage.db.engine import sql_text, transaction
from storage.revenue.facts import movement_row
from storage.revenue.figures import Line, RevenueReader
from storage.schema.revenue_tables import mrr_movements
from storage.schema.tables import customers, journal, subscriptions

DIFFERING = Path(__file__).parent / "sql" / "differing.sql"
MONTH_ENDS = DIFFERING.with_name("month_ends.sql")
OUTCOMES = DIFFERING.with_name("differing_outcomes.sql")
MAX_LISTED = 1000
AT_ONCE = 5000
"""Subscriptions that one statement compares."""


class RevenueCheck:
    """Compares movements with subscriptions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def differences(
        self, first: str = ALL_IDS[0], last: str = ALL_IDS[1], *, limit: int = MAX_LISTED
    ) -> Sequence[RevenueDifference]:
        """The first subscriptions between two ids whose movements do not add up to what they are worth.

        A step writes both in one transaction, so that one that is under way is not found here.
        """
        found: list[RevenueDifference] = []
        begin: UUID | None = UUID(first)
        while begin is not None and len(found) < limit:
            async with transaction(self._engine) as connection:
                following: UUID | None = await connection.scalar(_after(begin, UUID(last)))
                end = UUID(last) if following is None else UUID(int=following.int - 1)
                given = {"first": begin, "last": end, "limit": limit - len(found)}
                rows = await connection.execute(sql_text(DIFFERING), given)
                found += [
                    RevenueDifference(str(row.subscription), row.tenant, row.currency, row.recorded, row.worth)
                    for row in rows
                ]
            begin = following
        return found

    async def correct(self, subscription: str) -> None:
        """Adds the movements that are missing; does nothing if it adds up by now."""
        async with transaction(self._engine) as connection:
            it = await _locked(connection, UUID(subscription))
            if it is None:
                return
            found = corrections(await _recorded(connection, it), it)
            if not found:
                return
            place = await _place(connection, it)
            rows = [movement_row(it, it, place.at, place.position + number, each) for number, each in enumerate(found)]
            await connection.execute(insert(mrr_movements).values(rows))


def _after(first: UUID, last: UUID) -> Select[Any]:
    """The id that follows the subscriptions from *first* on that are compared at once."""
    ids = subscriptions.c.id
    return select(ids).where(ids.between(first, last)).order_by(ids).offset(AT_ONCE).limit(1)


async def _locked(connection: AsyncConnection, id_: UUID) -> Subscription | None:
    """The subscription as it stands; its steps wait until the transaction ends."""
    stored = (
        select(subscriptions.c.state)
        .join_from(customers, subscriptions, subscriptions.c.customer == customers.c.id)
        .where(subscriptions.c.id == id_)
        .with_for_update(key_share=True, of=[customers, subscriptions])
    )
    state = (await connection.execute(stored)).scalar()
    return None if state is None else state_from_json(state)


async def _recorded(connection: AsyncConnection, it: Subscription) -> Recorded:
    moved = mrr_movements.c
    paused = func.sum(-moved.delta).filter(moved.kind.in_(["pause", "resume"]))
    sums = select(func.coalesce(func.sum(moved.delta), 0), func.coalesce(paused, 0)).where(
        moved.subscription == UUID(it.id), moved.currency == it.currency
    )
    worth, held = (await connection.execute(sums)).one()
    return Recorded(int(worth), int(held))


@dataclass(frozen=True)
class _Place:
    """Where a correction goes: after everything that is there."""

    at: datetime
    position: int


async def _place(connection: AsyncConnection, it: Subscription) -> _Place:
    moved, lines = mrr_movements.c, journal.c
    latest = select(func.max(lines.at)).where(lines.subscription == UUID(it.id)).scalar_subquery()
    last = (
        select(func.max(moved.position))
        .where(moved.subscription == UUID(it.id), moved.sequence == it.sequence)
        .scalar_subquery()
    )
    row = (await connection.execute(select(func.coalesce(latest, it.created_at), func.coalesce(last, -1)))).one()
    return _Place(row[0], row[1] + 1)


@dataclass(frozen=True)
class MonthDifference:
    """A month whose figures are not what the movements add up to; amounts are annual, in minor units."""

    tenant: str
    currency: str
    month: date
    start: int
    moved: int
    end: int
    movements: int
    """What there was at its end, by the movements."""


@dataclass(frozen=True)
class OutcomeDifference:
    """A day of which other trials, recoveries or cancellations were counted than there are."""

    tenant: str
    fact: str
    """`trial`, `recovery` or `cancellation`."""
    day: date


async def outcome_differences(engine: AsyncEngine, timezone: str) -> list[OutcomeDifference]:
    """Compares what was counted by day with what there is; none if nothing was counted by days of that zone yet."""
    async with transaction(engine) as connection:
        rows = await connection.execute(sql_text(OUTCOMES), {"timezone": timezone})
        return [OutcomeDifference(*row) for row in rows]


async def month_differences(engine: AsyncEngine, timezone: str) -> list[MonthDifference]:
    """Compares the figures of all months with the movements: they read sums by day, where there are some.

    What a month starts with and what moved in it must be what it ends with, and that what the movements add up to.
    All is read as of one moment: what moves meanwhile is no difference.
    """
    async with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
        rows = (await connection.execute(sql_text(MONTH_ENDS), {"timezone": timezone})).all()
        ends: dict[tuple[str, str], dict[date, int]] = {}
        for row in rows:
            ends.setdefault((row.tenant, row.currency), {})[row.month] = row.annual
        found: list[MonthDifference] = []
        for (tenant, currency), known in ends.items():
            reader = await RevenueReader.of(connection, tenant, timezone)
            found += await _of(reader, tenant, currency, known)
    return found


async def _of(reader: RevenueReader, tenant: str, currency: str, known: Mapping[date, int]) -> list[MonthDifference]:
    months = Range(currency, min(known), following(max(known), PeriodLength.MONTH))
    found, by_movements = [], 0
    periods = (await reader.periods(months))[Line(currency)]
    for period in periods:
        by_movements = known.get(period.first_day, by_movements)
        moved = sum(figure.annual for figure in period.moved.values())
        if not period.start + moved == period.end == by_movements:
            found.append(
                MonthDifference(tenant, currency, period.first_day, period.start, moved, period.end, by_movements)
            )
    return found
