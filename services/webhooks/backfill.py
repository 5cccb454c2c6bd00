"""Recovers from our own outages: fetches, stores and delivers provider events that did not reach us."""

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from domain.errors import Malformed
from domain.names import DEFAULT_TENANT
from domain.provider.event_ports import EventHistory
from domain.provider.events import KeptEvent, PastEvent, Routing
from domain.webhooks.ports import EventDelivery, Fetched, ReceivedEvents

PROVIDER_RETENTION = timedelta(days=30)
"""How long the provider keeps its events."""
SLICE = timedelta(hours=6)
"""The provider lists the newest first; fetching in slices delivers older events first."""
MAX_HELD_PAGES = 10
"""The number of pages kept in memory; a slice with more is halved."""
SHORTEST_SLICE = timedelta(seconds=1)
"""The resolution of the provider's timestamps."""
BATCH = 100


@dataclass(frozen=True)
class Backfilled:
    """The result of a backfill."""

    found: int = 0
    """Events that the provider listed."""
    new: int = 0
    """Those that had never reached us."""
    delivered: int = 0
    """New events that were handled; the others are left to the sweep."""
    is_all: bool = True
    """False: time ran out before all events were fetched."""


class Backfill:
    """Fetches provider events that never reached us. Safe to repeat: each event is stored once."""

    def __init__(self, history: EventHistory, inbox: ReceivedEvents, delivery: EventDelivery) -> None:
        self._history = history
        self._inbox = inbox
        self._delivery = delivery

    async def of_last(self, time: timedelta, *, seconds: float) -> Fetched:
        """Backfill the last *time*, for at most *seconds*."""
        done = await self.since(datetime.now(UTC) - time, seconds=seconds)
        return Fetched(done.new, is_all=done.is_all)

    async def since(
        self, moment: datetime, *, every: bool = False, dry_run: bool = False, seconds: float = math.inf
    ) -> Backfilled:
        """Store and deliver, oldest first, the events since *moment* that did not reach us.

        Args:
            moment: the start.
            every: include events that the provider counts as delivered.
            dry_run: only count.
            seconds: start no more work after this time; events stored by then are skipped next time.

        Raises:
            Malformed: field `since`; beyond the provider's retention, or in the future.
            GatewayUnavailable: the provider or the database does not respond; what was fetched is stored.
        """
        now = datetime.now(UTC)
        _check(moment, now)
        stop_at = monotonic() + seconds
        done = Backfilled()
        async for events in self._slices(moment, now, undelivered=not every):
            for start in range(0, len(events), BATCH):
                batch = events[start : start + BATCH]
                new, delivered = await self._receive(batch, dry_run=dry_run)
                done = Backfilled(done.found + len(batch), done.new + new, done.delivered + delivered)
                if monotonic() >= stop_at:
                    return replace(done, is_all=False)
            if monotonic() >= stop_at:
                return replace(done, is_all=False)
        return done

    async def _slices(self, since: datetime, now: datetime, *, undelivered: bool) -> AsyncIterator[list[PastEvent]]:
        length = SLICE
        while since < now:
            # The last slice is open-ended: it includes what happens meanwhile.
            until = since + length if since + length < now else None
            events = await self._slice(since, until, undelivered=undelivered, max_pages=MAX_HELD_PAGES)
            if events is None and length > SHORTEST_SLICE:
                length = max(min(length, now - since) / 2, SHORTEST_SLICE)
                continue
            if events is None:
                events = await self._slice(since, until, undelivered=undelivered)
            yield events or []
            since = until or now
            length = min(length * 2, SLICE)

    async def _slice(
        self, since: datetime, until: datetime | None, *, undelivered: bool, max_pages: int | None = None
    ) -> list[PastEvent] | None:
        """The provider's events between two moments, oldest first; None: more than *max_pages*."""
        newest_first: list[PastEvent] = []
        cursor: str | None = None
        pages = 0
        while True:
            page = await self._history.events(since, until, cursor, undelivered=undelivered)
            newest_first += page.events
            pages += 1
            if page.next_cursor is None:
                return newest_first[::-1]
            if pages == max_pages:
                return None
            cursor = page.next_cursor

    async def _receive(self, events: Sequence[PastEvent], *, dry_run: bool) -> tuple[int, int]:
        """Store and deliver events; returns how many were new, and how many of those were handled."""
        if dry_run:
            return len(events) - len(await self._inbox.known([past.event.id for past in events])), 0
        new = await self._inbox.receive_past(events, tenant=DEFAULT_TENANT)
        relevant = [KeptEvent(event, datetime.now(UTC)) for event in new if event.news is not None]
        verdicts: Mapping[str, Routing] = (await self._delivery.deliver(relevant)).verdicts if relevant else {}
        return len(new), len(new) - len(relevant) + len(verdicts)


def _check(moment: datetime, now: datetime) -> None:
    if moment > now:
        raise Malformed("this time is still to come", field="since")
    # Tolerance: callers that ask for the whole retention computed the start a moment ago.
    if moment < now - PROVIDER_RETENTION - timedelta(minutes=1):
        days = PROVIDER_RETENTION.days
        raise Malformed(
            f"the provider keeps its events for {days} days only: ask for {days}d or less, and let reconciliation"
            " find what is older",
            field="since",
            code="too_long_ago",
        )
