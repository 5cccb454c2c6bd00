"""Sweeping the webhook inbox: the activity on the records queue."""

from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures

BATCH = 200
"""Messages read at a time."""


class Deliverer(Protocol):
    """What brings the provider's messages to subscriptions."""

    async def deliver_waiting(self, limit: int) -> int:
        """Deliver the oldest messages that wait; returns how many were dealt with."""
        ...


class InboxActivities:
    """The inbox's activity; one per worker."""

    def __init__(self, deliverer: Deliverer) -> None:
        self._deliverer = deliverer

    @activity.defn(name="sweep_webhooks")
    async def sweep(self) -> int:
        """How many waiting messages were delivered. Idempotent: a workflow hears each message once, by its event id."""
        with as_temporal_failures():
            total = 0
            while delivered := await self._deliverer.deliver_waiting(BATCH):
                total += delivered
            return total
