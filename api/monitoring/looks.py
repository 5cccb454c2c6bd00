"""Looks at the installation that are shared by all who scrape within some seconds."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.errors import TenureError

T = TypeVar("T")

log = structlog.get_logger("tenure.monitoring")


class Look(Generic[T]):
    """What was found at the latest look, which is repeated when it is too old, by one caller at a time."""

    def __init__(
        self,
        look: Callable[[], Awaitable[T]],
        *,
        fresh_for: float,
        within: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """*fresh_for* and *within*, which is how long a look may take, are in seconds."""
        self._look = look
        self._fresh_for = fresh_for
        self._within = within
        self._clock = clock
        self._lock = asyncio.Lock()
        self._found: T | None = None
        self._looked_at: float | None = None

    async def latest(self) -> T | None:
        """What was found; None: the last look failed or took too long."""
        async with self._lock:
            if self._looked_at is None or self._clock() - self._looked_at >= self._fresh_for:
                self._found = await self._now()
                self._looked_at = self._clock()
            return self._found

    async def _now(self) -> T | None:
        try:
            async with asyncio.timeout(self._within):
                return await self._look()
        except (TimeoutError, TenureError, PoolTimeout):
            return None
        except Exception:
            # A scrape that fails as a whole would hide everything else.
            log.exception("not everything was measured")
            return None
