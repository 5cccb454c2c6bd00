"""Hands deliveries over: those that have just been committed at once, and every minute those that were left."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Final

from domain.errors import TenureError
from domain.events.deliveries import QueuedDelivery
from domain.events.ports import EventDispatcher, WaitingDeliveries

BATCH_SIZE: Final = 100
MOST_ANNOUNCED: Final = 5_000
"""Deliveries that are remembered; what is more is left to the sweep."""

_AT_WORK: Final[set[asyncio.Task[None]]] = set()
"""An event loop itself does not keep its tasks."""

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
        """Hand over what was left, and begin again what was lost; returns how many. Implements `EventSweep`.

        It begins nothing more after this many seconds.

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
        while monotonic() < stop_at:
            lost = await self._deliveries.release_lost(limit=BATCH_SIZE)
            if not lost:
                break
            log.warning("deliveries were lost, and begin again", extra={"deliveries": len(lost)})
            await self._dispatcher.dispatch_again(lost)
            done += len(lost)
        return done


class Announcer:
    """Implements `DeliveryAnnouncer`: hands over in the background. If the process dies, the sweep does the rest."""

    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over
        self._announced: deque[QueuedDelivery] = deque(maxlen=MOST_ANNOUNCED)
        self._work: asyncio.Task[None] | None = None

    def announce(self, deliveries: Sequence[QueuedDelivery]) -> None:
        self._announced.extend(deliveries)
        if self._announced and (self._work is None or self._work.done()):
            self._work = asyncio.create_task(self._hand_all_over())
            _AT_WORK.add(self._work)
            self._work.add_done_callback(_AT_WORK.discard)

    async def _hand_all_over(self) -> None:
        while self._announced:
            batch = [self._announced.popleft() for _ in range(min(BATCH_SIZE, len(self._announced)))]
            try:
                await self._hand_over.hand_over(batch)
            except TenureError as error:
                log.warning("events wait for the sweep", extra={"deliveries": len(batch), "why": error.message})
            except Exception:
                log.exception("events wait for the sweep", extra={"deliveries": len(batch)})
