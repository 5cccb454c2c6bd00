"""The webhook inbox: delivers waiting events and fetches missed ones."""

from datetime import timedelta

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.webhooks.ports import EventSweep, Fetched, MissedEvents

TIME_BUDGET = 90.0
"""Seconds; the next run continues with the rest."""
BACKFILL_WINDOW = timedelta(days=3)
"""How long the provider resends its events; older ones need not be fetched."""


class InboxActivities:
    """The inbox's activities; one per worker."""

    def __init__(self, sweep: EventSweep, missed: MissedEvents) -> None:
        self._sweep = sweep
        self._missed = missed

    @activity.defn(name="sweep_webhooks")
    async def sweep(self) -> int:
        """Deliver waiting events; return how many. Idempotent: a workflow takes each event once, by its id."""
        with as_temporal_failures():
            return await self._sweep.sweep(TIME_BUDGET)

    @activity.defn(name="fetch_unheard_webhooks")
    async def fetch_unheard(self) -> Fetched:
        """Fetch events that never arrived. Idempotent: each event is stored once."""
        with as_temporal_failures():
            return await self._missed.of_last(BACKFILL_WINDOW, seconds=TIME_BUDGET)
