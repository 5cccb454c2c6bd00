"""The webhook inbox: what waits there is delivered, what never came is fetched."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures

WORK_FOR = 90.0
"""Seconds; what is left then is the next one's."""
MADE_UP_FOR = timedelta(days=3)
"""So long the provider tries to tell; what got through by then is of no matter here."""


@dataclass(frozen=True)
class Fetched:
    """What came of fetching messages."""

    new: int = 0
    """So many had never reached us."""
    is_all: bool = True
    """False: the time was up before all was looked through."""


class Sweeper(Protocol):
    """What brings the provider's messages that wait to subscriptions."""

    async def sweep(self, seconds: float) -> int:
        """Deliver what waits, for so long; returns how many messages were dealt with.

        Raises:
            GatewayUnavailable: some were not taken.
        """
        ...


class Fetcher(Protocol):
    """What fetches the provider's messages that did not get through."""

    async def of_last(self, time: timedelta, *, seconds: float) -> Fetched:
        """Keep and deliver those of late, for so many seconds.

        Raises:
            GatewayUnavailable: the provider, or the database, does not answer; what was fetched is kept.
        """
        ...


class InboxActivities:
    """The inbox's activities; one per worker."""

    def __init__(self, sweeper: Sweeper, fetcher: Fetcher) -> None:
        self._sweeper = sweeper
        self._fetcher = fetcher

    @activity.defn(name="sweep_webhooks")
    async def sweep(self) -> int:
        """How many waiting messages were delivered. Idempotent: a workflow hears each message once, by its event id."""
        with as_temporal_failures():
            return await self._sweeper.sweep(WORK_FOR)

    @activity.defn(name="fetch_unheard_webhooks")
    async def fetch_unheard(self) -> Fetched:
        """How many messages of the provider had never reached us. Idempotent: each message is kept once."""
        with as_temporal_failures():
            return await self._fetcher.of_last(MADE_UP_FOR, seconds=WORK_FOR)
