"""Tells customers of thresholds that were just crossed, after the answer and out of the way of requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from domain.errors import GatewayUnavailable

SHUTDOWN_TIMEOUT = 10.0
"""Seconds that what is under way gets when we are to stop."""

log = structlog.get_logger("tenure.teller")

Tell = Callable[[], Awaitable[int]]


class UsageNoticeDispatcher:
    """One in each API process. Whatever it leaves undone is written down, and the next sweep takes care of it."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._news = asyncio.Event()
        self._is_open, self._is_wanted = False, False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell while the block runs, first what earlier processes left; on the way out what is known is told."""
        self._is_open = True
        self.nudge()
        working = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self._is_open = False
            self._news.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(working, SHUTDOWN_TIMEOUT)

    def nudge(self) -> None:
        """Have told what was just noticed; never waits."""
        self._is_wanted = True
        self._news.set()

    async def _work(self) -> None:
        while self._is_open or self._is_wanted:
            await self._news.wait()
            self._news.clear()
            if self._is_wanted:
                self._is_wanted = False
                await self._tell_once()

    async def _tell_once(self) -> None:
        try:
            await self._tell()
        except GatewayUnavailable as error:
            log.warning("usage mails wait for the next sweep", why=error.message)
        except Exception:
            log.exception("usage mails wait for the next sweep")
