"""PostgreSQL and Temporal of a sandbox, started while the modules of Tenure are still being imported.

This module imports little: each of both takes a second.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from domain.names import SEARCH_ATTRIBUTE_TYPES
from sandbox.postgres import Postgres
from sandbox.temporal import TemporalDevServer


@dataclass(frozen=True)
class Servers:
    """Both, with their state in one folder."""

    postgres: Postgres
    temporal: TemporalDevServer
    _starting: "asyncio.Future[tuple[None, None]]"

    @classmethod
    @asynccontextmanager
    async def starting(cls, folder: Path, *, durable: bool, ui: bool) -> AsyncIterator[Self]:
        """Begin to start them; they are stopped when the block ends."""
        async with AsyncExitStack() as exits:
            postgres = Postgres(folder, durable=durable)
            temporal = TemporalDevServer(folder, search_attributes=SEARCH_ATTRIBUTE_TYPES, durable=durable, ui=ui)
            exits.push_async_callback(postgres.stop)
            exits.push_async_callback(temporal.stop)
            starting = asyncio.gather(postgres.start(), temporal.start())
            exits.push_async_callback(_ended, starting)
            yield cls(postgres, temporal, starting)

    async def ready(self) -> None:
        """Return once both can be used.

        Raises:
            StartFailed: one of them did not start.
        """
        await self._starting


async def _ended(starting: "asyncio.Future[tuple[None, None]]") -> None:
    """Let nothing start any more."""
    starting.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await starting
