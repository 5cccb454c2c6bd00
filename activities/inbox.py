"""Sweeping the webhook inbox: the activity on the records queue."""

from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures

WORK_FOR = 90.0
"""Seconds; what is left then is the next sweep's."""


class Sweeper(Protocol):
    """What brings the provider's messages that wait to subscriptions."""

    async def sweep(self, seconds: float) -> int:
        """Deliver what waits, for so long; returns how many messages were dealt with.

        Raises:
            GatewayUnavailable: some were not taken.
        """
        ...


class InboxActivities:
    """The inbox's activity; one per worker."""

    def __init__(self, sweeper: Sweeper) -> None:
        self._sweeper = sweeper

    @activity.defn(name="sweep_webhooks")
    async def sweep(self) -> int:
        """How many waiting messages were delivered. Idempotent: a workflow hears each message once, by its event id."""
        with as_temporal_failures():
            return await self._sweeper.sweep(WORK_FOR)
