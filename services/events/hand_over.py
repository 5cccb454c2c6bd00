"""Hands deliveries over: those that have just been committed at once, and every minute those that were left."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from time import monotonic
from typing import Final

from domain.errors import TenureError
from domain.events.deliveries import QueuedDelivery
from domain.events.ports import EventDispatcher, WaitingDeliveries

BATCH_SIZE: Final = 100
MOST_ANNOUNCED: Final = 5_000
"""Deliveries that a process holds; what is more is left to the sweep."""
SHUTDOWN_TIMEOUT: Final = timedelta(seconds=5)

log = logging.getLogger("tenure.events")


class HandOver:
    """Dispatches deliveries, and notes which were."""

    def __init__(self, deliveries: WaitingDeliveries, dispatcher: EventDispatcher) -> None:
        self._deliveries = deliveries
        self._dispatcher = dispatcher

    async def hand_over(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Dispatch deliveries that are committed. Safe to repeat.

        Raises:
            GatewayUnavailable: some are left to the sweep.
        """
        if deliveries:
            await self._dispatcher.dispatch(deliveries)
            await self._deliveries.mark_handed_over(deliveries)

    async def sweep(self, seconds: float) -> int:
        """Hand over what was left for this many seconds; returns how many. Implements `EventSweep`.

        Raises:
            GatewayUnavailable: some were not taken.
        """
        stop_at, done = monotonic() + seconds, 0
        while monotonic() < stop_at:
            waiting = await self._deliveries.waiting(limit=BATCH_SIZE)
            if not waiting:
                break
            await self.hand_over(waiting)
            done += len(waiting)
        return done


class Announcer:
    """Implements `DeliveryAnnouncer`: hands over in the background what the process has committed."""

    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over
        self._announced: asyncio.Queue[QueuedDelivery] = asyncio.Queue(MOST_ANNOUNCED)

    def announce(self, deliveries: Sequence[QueuedDelivery]) -> None:
        with suppress(asyncio.QueueFull):
            for delivery in deliveries:
                self._announced.put_nowait(delivery)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hand over inside the block, and at its end what was announced by then, for a while."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._announced.join(), SHUTDOWN_TIMEOUT.total_seconds())
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        while True:
            batch = [await self._announced.get()]
            while len(batch) < BATCH_SIZE and not self._announced.empty():
                batch.append(self._announced.get_nowait())
            try:
                await self._hand_over.hand_over(batch)
            except TenureError as error:
                log.warning("events wait for the sweep", extra={"deliveries": len(batch), "why": error.message})
            except Exception:
                log.exception("events wait for the sweep", extra={"deliveries": len(batch)})
            finally:
                for _ in batch:
                    self._announced.task_done()
