"""Notifies customers who have just crossed a usage threshold, outside of requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog

from domain.errors import GatewayUnavailable

SHUTDOWN_TIMEOUT = timedelta(seconds=10)
"""How long the current round may take at shutdown."""

log = structlog.get_logger("tenure.teller")

Notify = Callable[[], Awaitable[int]]


class UsageNoticeDispatcher:
    """One per API process. Unsent notices are stored, and the next sweep sends them."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._wakeup = asyncio.Event()
        self._is_open, self._is_pending = False, False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Notify while the block runs, starting with what earlier processes left; on exit, send what is pending."""
        self._is_open = True
        self.nudge()
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self._is_open = False
            self._wakeup.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(task, SHUTDOWN_TIMEOUT.total_seconds())

    def nudge(self) -> None:
        """Request a round for new notices; never waits."""
        self._is_pending = True
        self._wakeup.set()

    async def _work(self) -> None:
        while self._is_open or self._is_pending:
            await self._wakeup.wait()
            self._wakeup.clear()
            if self._is_pending:
                self._is_pending = False
                await self._run_round()

    async def _run_round(self) -> None:
        try:
            await self._notify()
        except GatewayUnavailable as error:
            log.warning("usage mails wait for the next sweep", why=error.message)
        except Exception:
            log.exception("usage mails wait for the next sweep")
