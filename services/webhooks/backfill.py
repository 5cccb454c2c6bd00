"""Making up for an outage of ours: what the provider told and we did not hear is fetched, kept and delivered."""

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol

from activities.inbox import Fetched
from domain.errors import Malformed
from domain.names import DEFAULT_TENANT
from domain.provider.events import KeptEvent, PastEvent, ProviderEvent, ProviderHistory, Routing
from services.webhooks.batch import Delivered

REMEMBERED_FOR = timedelta(days=30)
"""So long the provider knows what it has told."""
SLICE = timedelta(hours=6)
"""The provider tells the newest first; slice by slice what is older comes first."""
HELD = 10
"""So many pages are in memory at a time; a slice with more of them is cut in two."""
SHORTEST = timedelta(seconds=1)
"""The provider's moments are no finer."""
TOGETHER = 100


class Inbox(Protocol):
    """Where the messages of the provider are kept, each once."""

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these messages were kept."""
        ...

    async def receive_past(self, events: Sequence[PastEvent], *, tenant: str) -> list[ProviderEvent]:
        """Keep messages that did not reach us; returns those that were not kept already."""
        ...


class Deliverer(Protocol):
    """What brings the provider's messages to subscriptions."""

    async def deliver(self, messages: Sequence[KeptEvent], *, anew: bool = False) -> Delivered:
        """Bring messages to whom they concern."""
        ...


@dataclass(frozen=True)
class Backfilled:
    """What came of a backfill."""

    found: int = 0
    """Messages that the provider told of."""
    new: int = 0
    """Those of them that had never reached us."""
    delivered: int = 0
    """Those of the new ones that were dealt with; the others are left to the sweeper."""
    is_all: bool = True
    """False: the time was up before all was looked through."""


class Backfill:
    """Fetches what the provider told in vain. Safe to repeat: each message is kept once."""

    def __init__(self, history: ProviderHistory, inbox: Inbox, delivery: Deliverer) -> None:
        self._history = history
        self._inbox = inbox
        self._delivery = delivery

    async def of_last(self, time: timedelta, *, seconds: float) -> Fetched:
        """Make up for what did not get through of late, for so many seconds."""
        done = await self.since(datetime.now(UTC) - time, seconds=seconds)
        return Fetched(done.new, is_all=done.is_all)

    async def since(
        self, moment: datetime, *, every: bool = False, dry_run: bool = False, seconds: float = math.inf
    ) -> Backfilled:
        """Keep and deliver, oldest first, what did not get through since *moment*.

        Args:
            moment: from when on.
            every: also what the provider believes to have got through.
            dry_run: only count.
            seconds: after which no more is begun; what is kept by then is passed by the next time.

        Raises:
            Malformed: field `since`; the provider does not remember so far back, or it is still to come.
            GatewayUnavailable: the provider, or the database, does not answer; what was fetched is kept.
        """
        now = datetime.now(UTC)
        _check(moment, now)
        stop_at = monotonic() + seconds
        done = Backfilled()
        async for events in self._slices(moment, now, undelivered=not every):
            for start in range(0, len(events), TOGETHER):
                together = events[start : start + TOGETHER]
                new, delivered = await self._take(together, dry_run=dry_run)
                done = Backfilled(done.found + len(together), done.new + new, done.delivered + delivered)
                if monotonic() >= stop_at:
                    return replace(done, is_all=False)
            if monotonic() >= stop_at:
                return replace(done, is_all=False)
        return done

    async def _slices(self, since: datetime, now: datetime, *, undelivered: bool) -> AsyncIterator[list[PastEvent]]:
        length = SLICE
        while since < now:
            # The last one has no end: what happens meanwhile belongs to it.
            until = since + length if since + length < now else None
            events = await self._slice(since, until, undelivered=undelivered, at_most=HELD)
            if events is None and length > SHORTEST:
                length = max(min(length, now - since) / 2, SHORTEST)
                continue
            if events is None:
                events = await self._slice(since, until, undelivered=undelivered)
            yield events or []
            since = until or now
            length = min(length * 2, SLICE)

    async def _slice(
        self, since: datetime, until: datetime | None, *, undelivered: bool, at_most: int | None = None
    ) -> list[PastEvent] | None:
        """What the provider told between two moments, oldest first; None: it was more than so many pages."""
        newest_first: list[PastEvent] = []
        cursor: str | None = None
        pages = 0
        while True:
            page = await self._history.events(since, until, cursor, undelivered=undelivered)
            newest_first += page.events
            pages += 1
            if page.next_cursor is None:
                return newest_first[::-1]
            if pages == at_most:
                return None
            cursor = page.next_cursor

    async def _take(self, events: Sequence[PastEvent], *, dry_run: bool) -> tuple[int, int]:
        """How many were new, and how many of these were dealt with."""
        if dry_run:
            return len(events) - len(await self._inbox.known([past.event.id for past in events])), 0
        new = await self._inbox.receive_past(events, tenant=DEFAULT_TENANT)
        told = [KeptEvent(event, datetime.now(UTC)) for event in new if event.news is not None]
        verdicts: Mapping[str, Routing] = (await self._delivery.deliver(told)).verdicts if told else {}
        return len(new), len(new) - len(told) + len(verdicts)


def _check(moment: datetime, now: datetime) -> None:
    if moment > now:
        raise Malformed("this moment is still to come", field="since")
    # Whoever asks for just so long has worked it out a little earlier.
    if moment < now - REMEMBERED_FOR - timedelta(minutes=1):
        days = REMEMBERED_FOR.days
        raise Malformed(
            f"the provider remembers its messages for {days} days only: ask for {days}d or less, and let reconciliation"
            " find what is older",
            field="since",
            code="too_long_ago",
        )
