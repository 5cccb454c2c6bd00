"""Counts what waits, is late, is blocked or differs, and what subscriptions are worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.db.engine import listing, sql_text

_FILES = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Waiting:
    """What waits; numbers above ten thousand are not counted further."""

    number: int
    oldest: float
    """Seconds that the oldest has waited; 0 if nothing waits."""


@dataclass(frozen=True)
class DueActions:
    """Actions of one kind that are due now and not blocked."""

    due: int
    overdue: int
    """For more than a minute."""
    oldest: float
    """Seconds since the earliest was due."""


@dataclass(frozen=True)
class Backlog:
    """What there is to do, of all tenants."""

    actions: Mapping[str, DueActions]
    """By action."""
    blocked: Mapping[str, int]
    """Blocked subscriptions, by the code of the cause."""
    waiting: Mapping[tuple[str, str], Waiting]
    """By what it is and its kind, which is empty where there are none: `inbox`, `mails` by occasion, `usage_notices`,
    `usage_reports` that wait or were refused, `events` that nobody delivers yet, `endpoints` that fail or were given
    up, by state, `renewals` that the provider has not reported since the period's end."""
    discrepancies: Mapping[tuple[str, str], int]
    """Differences that are open, by kind and outcome."""
    reconciled_at: float | None
    """When reconciliation last came to its end, in seconds since the epoch; None: not within 30 days."""


@dataclass(frozen=True)
class Revenue:
    """What subscriptions in one currency are worth."""

    mrr: float
    """In minor units."""
    payers: int


@dataclass(frozen=True)
class Business:
    """How subscriptions of all tenants are."""

    statuses: Mapping[str, int]
    """By status; without those that are active or canceled."""
    revenue: Mapping[str, Revenue]
    """By currency."""


class InstallationFigures:
    """Counts across tenants, on an engine of the system's role.

    Raises:
        GatewayUnavailable: the database cannot be reached, or takes longer than a list may for one of them.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def backlog(self) -> Backlog:
        """Everything that an index finds at once."""
        async with listing(self._engine) as connection:
            return Backlog(
                {
                    row.action or "": DueActions(row.due, row.overdue, max(row.oldest, 0.0))
                    for row in await connection.execute(sql_text(_FILES / "due_actions.sql"))
                },
                {row.code: row.number for row in await connection.execute(sql_text(_FILES / "blocked.sql"))},
                await _waiting(connection),
                {
                    (row.kind, row.outcome): row.number
                    for row in await connection.execute(sql_text(_FILES / "discrepancies.sql"))
                },
                await connection.scalar(sql_text(_FILES / "last_reconciliation.sql")),
            )

    async def business(self) -> Business:
        """What takes longer, the more subscriptions there are."""
        async with listing(self._engine) as connection:
            statuses = await connection.execute(sql_text(_FILES / "statuses.sql"))
            revenue = await connection.execute(sql_text(_FILES / "revenue.sql"))
            return Business(
                {row.status: row.number for row in statuses},
                {row.currency: Revenue(row.mrr, row.payers) for row in revenue},
            )


async def _waiting(connection: AsyncConnection) -> dict[tuple[str, str], Waiting]:
    rows = await connection.execute(sql_text(_FILES / "waiting.sql"))
    return {(row.what, row.kind): Waiting(row.number, max(row.oldest or 0.0, 0.0)) for row in rows}
