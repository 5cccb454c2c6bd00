"""Delivers what has just come in, after it was answered: promptly when there is little, out of the way in a burst."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic

import structlog

from domain.errors import GatewayUnavailable
from domain.provider.events import KeptEvent
from services.webhooks.batch import Delivered

BATCH = 100
"""Messages delivered together."""
MAX_QUEUED = 5000
"""In memory; what comes beyond is left to the sweeper, from the inbox."""
BURST_THRESHOLD = 20
"""So many messages that come in while a batch is delivered are a burst."""
BURST_BACKOFF_FACTOR = 4.0
"""In a burst, rest so many times as long as the batch took: what comes in must be answered first."""
LONGEST_REST = 1.0
SHUTDOWN_TIMEOUT = 10.0
"""Seconds that the batch at hand gets when we are to stop."""
RETRY_AFTER = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds until a message that is not for anybody yet is tried again; then it is left to the sweeper."""

log = structlog.get_logger("tenure.courier")

Deliver = Callable[[Sequence[KeptEvent]], Awaitable[Delivered]]


class WebhookDispatcher:
    """One in each API process. Whatever it drops is still in the inbox, and the sweeper takes care of it."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._waiting: deque[tuple[KeptEvent, int]] = deque()
        self._is_open = False
        self._news, self._stopping = asyncio.Event(), asyncio.Event()
        self._later: set[asyncio.TimerHandle] = set()
        self._came_in = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the block runs; on the way out the batch at hand is finished."""
        self._is_open = True
        self._stopping.clear()
        working = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self._is_open = False
            self._stopping.set()
            self._news.set()
            for timer in self._later:
                timer.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(working, SHUTDOWN_TIMEOUT)

    def hand_over(self, message: KeptEvent) -> None:
        """Have a kept message delivered; never waits."""
        self._came_in += 1
        self._queue(message, tries=0)

    def _queue(self, message: KeptEvent, tries: int) -> None:
        if self._is_open and len(self._waiting) < MAX_QUEUED:
            self._waiting.append((message, tries))
            self._news.set()

    async def _work(self) -> None:
        while not self._stopping.is_set():
            await self._news.wait()
            self._news.clear()
            while self._waiting and not self._stopping.is_set():
                await self._deliver_batch()

    async def _deliver_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        came_before, began = self._came_in, monotonic()
        try:
            delivered = await self._deliver([message for message, _ in batch])
        except GatewayUnavailable as error:
            log.warning("webhooks wait for the sweeper", count=len(batch), why=error.message)
        except Exception:
            log.exception("webhooks wait for the sweeper", count=len(batch))
        else:
            self._tell_failures(delivered)
            self._try_again(batch, delivered)
        if self._came_in - came_before >= BURST_THRESHOLD:
            await self._rest(min((monotonic() - began) * BURST_BACKOFF_FACTOR, LONGEST_REST))

    def _tell_failures(self, delivered: Delivered) -> None:
        if delivered.failures:
            why = str(delivered.failures[0])
            log.warning("webhooks wait for the sweeper", count=len(delivered.failures), why=why)

    def _try_again(self, batch: Sequence[tuple[KeptEvent, int]], delivered: Delivered) -> None:
        """What has no address yet may have one soon: a sign-up is just being written down."""
        unaddressed = {message.event.id for message in delivered.left} - set(delivered.failed)
        for message, tries in batch:
            if message.event.id in unaddressed and tries < len(RETRY_AFTER):
                self._queue_later(message, tries)

    def _queue_later(self, message: KeptEvent, tries: int) -> None:
        if len(self._later) >= MAX_QUEUED:
            return

        def queue() -> None:
            self._later.discard(timer)
            self._queue(message, tries + 1)

        timer = asyncio.get_running_loop().call_later(RETRY_AFTER[tries], queue)
        self._later.add(timer)

    async def _rest(self, seconds: float) -> None:
        """For so long, or until we are to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
