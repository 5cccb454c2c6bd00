"""Delivers webhooks right after they are acknowledged, and backs off during bursts."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from time import monotonic

import structlog

from domain.errors import GatewayUnavailable
from domain.provider.events import KeptEvent
from domain.webhooks.ports import Delivered

BATCH = 100
"""Events delivered at once."""
MAX_QUEUED = 5000
"""Kept in memory; the sweep delivers any others from the inbox."""
BURST_THRESHOLD = 20
"""This many arrivals during one batch count as a burst."""
BURST_BACKOFF_FACTOR = 4.0
"""In a burst, rest this many times as long as the batch took, so that incoming requests go first."""
MAX_REST = 1.0
SHUTDOWN_TIMEOUT = timedelta(seconds=10)
"""How long the current batch may take at shutdown."""
RETRY_AFTER = (0.2, 0.5, 1.0, 2.0, 1.5, 3.0)
"""Seconds until an event that matches no subscription yet is tried again; after that it is left to the sweep.

The last try but one follows right after `services.webhooks.routing.FIRST_PAYMENT_GRACE`.
"""

log = structlog.get_logger("tenure.courier")

Deliver = Callable[[Sequence[KeptEvent]], Awaitable[Delivered]]


class WebhookDispatcher:
    """One per API process. Anything it drops is still in the inbox, and the sweep delivers it."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._waiting: deque[tuple[KeptEvent, int]] = deque()
        self._is_open = False
        self._wakeup, self._stopping = asyncio.Event(), asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        self._arrivals = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the block runs; on exit, finish the current batch."""
        self._is_open = True
        self._stopping.clear()
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self._is_open = False
            self._stopping.set()
            self._wakeup.set()
            for timer in self._timers:
                timer.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(task, SHUTDOWN_TIMEOUT.total_seconds())

    def submit(self, message: KeptEvent) -> None:
        """Queue a stored event for delivery; never waits."""
        self._arrivals += 1
        self._queue(message, attempts=0)

    def _queue(self, message: KeptEvent, attempts: int) -> None:
        if self._is_open and len(self._waiting) < MAX_QUEUED:
            self._waiting.append((message, attempts))
            self._wakeup.set()

    async def _work(self) -> None:
        while not self._stopping.is_set():
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._waiting and not self._stopping.is_set():
                await self._deliver_batch()

    async def _deliver_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        arrivals_before, started = self._arrivals, monotonic()
        try:
            delivered = await self._deliver([message for message, _ in batch])
        except GatewayUnavailable as error:
            log.warning("webhooks left to the sweep", count=len(batch), why=error.message)
        except Exception:
            log.exception("webhooks left to the sweep", count=len(batch))
        else:
            self._log_failures(delivered)
            self._retry_unmatched(batch, delivered)
        if self._arrivals - arrivals_before >= BURST_THRESHOLD:
            await self._rest(min((monotonic() - started) * BURST_BACKOFF_FACTOR, MAX_REST))

    def _log_failures(self, delivered: Delivered) -> None:
        if delivered.failed:
            why = str(next(iter(delivered.failed.values())))
            log.warning("webhooks left to the sweep", count=len(delivered.failed), why=why)

    def _retry_unmatched(self, batch: Sequence[tuple[KeptEvent, int]], delivered: Delivered) -> None:
        """Queue events that match no subscription yet: its sign-up may be in progress."""
        unmatched = {message.event.id for message in delivered.left} - set(delivered.failed)
        for message, attempts in batch:
            if message.event.id in unmatched and attempts < len(RETRY_AFTER):
                self._schedule(message, attempts)

    def _schedule(self, message: KeptEvent, attempts: int) -> None:
        if len(self._timers) >= MAX_QUEUED:
            return

        def queue() -> None:
            self._timers.discard(timer)
            self._queue(message, attempts + 1)

        timer = asyncio.get_running_loop().call_later(RETRY_AFTER[attempts], queue)
        self._timers.add(timer)

    async def _rest(self, seconds: float) -> None:
        """Wait that long, or until shutdown."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
