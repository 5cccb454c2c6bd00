"""Delivers each event to each endpoint once in its round."""

import asyncio
from collections.abc import Sequence
from typing import Final

from activities.events import EventActivities
from domain.events.deliveries import QueuedDelivery
from domain.names import event_delivery_id
from services.delivery_starter import DeliveryCall, DeliveryStarter
from workflows.event_delivery import EVENT_OPTIONS, EventDeliveryWorkflow
from workflows.priorities import delivery_priority

AT_ONCE: Final = 10
"""Deliveries that are started at the same time."""


class TemporalEventDispatcher:
    """Implements `EventDispatcher`; a delivery that was started before is not started again."""

    def __init__(self, starter: DeliveryStarter) -> None:
        self._starter = starter

    async def dispatch(self, deliveries: Sequence[QueuedDelivery]) -> None:
        await self._start_all(deliveries, again=False)

    async def dispatch_again(self, deliveries: Sequence[QueuedDelivery]) -> None:
        await self._start_all(deliveries, again=True)

    async def _start_all(self, deliveries: Sequence[QueuedDelivery], *, again: bool) -> None:
        for first in range(0, len(deliveries), AT_ONCE):
            batch = deliveries[first : first + AT_ONCE]
            starts = (self._start(each, again=again) for each in batch)
            results = await asyncio.gather(*starts, return_exceptions=True)
            for failure in results:
                if isinstance(failure, BaseException):
                    raise failure

    async def _start(self, delivery: QueuedDelivery, *, again: bool) -> None:
        await self._starter.start(
            DeliveryCall(
                event_delivery_id(delivery.event, delivery.endpoint, delivery.round),
                delivery,
                EventDeliveryWorkflow.run,
                EventActivities.deliver,
                EVENT_OPTIONS,
                delivery_priority(delivery.endpoint),
                "Event to an endpoint",
                f"Event `{delivery.event}`, endpoint `{delivery.endpoint}`",
            ),
            again=again,
        )
