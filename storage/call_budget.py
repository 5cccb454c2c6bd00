"""The calls to the provider that all reconciliations of all workers may make, paced through the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.db.engine import transaction

NAME: Final = "reconciliation_calls"
"""In `installation`: the moment at which the next call is free, in seconds since 1970."""
_NEXT = text(
    "INSERT INTO installation AS known (name, value)"
    " VALUES (:name, extract(epoch FROM clock_timestamp())::float8 + :gap)"
    " ON CONFLICT (name) DO UPDATE"
    " SET value = greatest(known.value::float8, extract(epoch FROM clock_timestamp())::float8) + :gap"
    " RETURNING value::float8 - :gap - extract(epoch FROM clock_timestamp())::float8"
)


class FleetCallBudget:
    """Lets *a_second* calls through each second, whichever process makes them. None: as many as are asked for.

    Implements `domain.reconciliation.ports.CallBudget`. A call costs one statement, which is little beside a call to
    the provider, and runs at the same time add up to no more than one of them.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        a_second: float | None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._engine = engine
        self._gap = 1 / a_second if a_second else None
        self._sleep = sleep

    async def take(self) -> None:
        """Return when the next call may be made."""
        if self._gap is None:
            return
        async with transaction(self._engine) as connection:
            wait = (await connection.execute(_NEXT, {"name": NAME, "gap": self._gap})).scalar_one()
        if wait > 0:
            await self._sleep(wait)
