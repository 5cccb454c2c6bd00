"""The webhook inbox: delivers waiting messages and fetches missed ones."""

from datetime import timedelta

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.webhooks.ports import EventSweep, Fetched, MissedEvents

TIME_BUDGET = 90.0
"""Seconds; the next run continues with the rest."""
BACKFILL_WINDOW = timedelta(days=3)
"""How long the provider retries its messages; older ones need no fetching."""


class InboxActivities:
    """The inbox's activities; one per worker."""

    def __init__(self, sweep: EventSweep, missed: MissedEvents) -> None:
        self._sweep = sweep
        self._missed = missed

    @activity.defn(name="sweep_webhooks")
    async def sweep(self) -> int:
        """Deliver waiting messages; returns how many. Idempotent: a workflow takes each message once, by event id."""
        with as_temporal_failures():
            return await self._sweep.sweep(TIME_BUDGET)

    @activity.defn(name="fetch_unheard_webhooks")
    async def fetch_unheard(self) -> Fetched:
        """Fetch messages that had never reached us. Idempotent: each message is stored once."""
        with as_temporal_failures():
            return await self._missed.of_last(BACKFILL_WINDOW, seconds=TIME_BUDGET)
