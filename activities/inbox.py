"""The webhook inbox: delivers waiting messages and fetches missed ones."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures

TIME_BUDGET = 90.0
"""Seconds; the next run continues with the rest."""
BACKFILL_WINDOW = timedelta(days=3)
"""How long the provider retries its messages; older ones need no fetching."""


@dataclass(frozen=True)
class Fetched:
    """The result of fetching messages."""

    new: int = 0
    """How many had never reached us."""
    is_all: bool = True
    """False: time ran out before everything was checked."""


class Sweeper(Protocol):
    """Delivers the provider's waiting messages to subscriptions."""

    async def sweep(self, seconds: float) -> int:
        """Deliver waiting messages for this many seconds; returns how many were processed.

        Raises:
            GatewayUnavailable: some were not accepted.
        """
        ...


class Fetcher(Protocol):
    """Fetches the provider's messages that did not get through."""

    async def of_last(self, time: timedelta, *, seconds: float) -> Fetched:
        """Store and deliver recent missed messages, for this many seconds.

        Raises:
            GatewayUnavailable: the provider or the database does not respond; messages fetched so far are stored.
        """
        ...


class InboxActivities:
    """The inbox's activities; one per worker."""

    def __init__(self, sweeper: Sweeper, fetcher: Fetcher) -> None:
        self._sweeper = sweeper
        self._fetcher = fetcher

    @activity.defn(name="sweep_webhooks")
    async def sweep(self) -> int:
        """Deliver waiting messages; returns how many. Idempotent: a workflow takes each message once, by event id."""
        with as_temporal_failures():
            return await self._sweeper.sweep(TIME_BUDGET)

    @activity.defn(name="fetch_unheard_webhooks")
    async def fetch_unheard(self) -> Fetched:
        """Fetch messages that had never reached us. Idempotent: each message is stored once."""
        with as_temporal_failures():
            return await self._fetcher.of_last(BACKFILL_WINDOW, seconds=TIME_BUDGET)
