"""Making up for an outage of ours: what the provider told and we did not hear is fetched, kept and delivered."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from domain.errors import Malformed
from domain.messages import KeptEvent, PastEvent, ProviderEvent, ProviderHistory, Verdict
from domain.names import DEFAULT_TENANT
from workflows.batches import Delivered

REMEMBERED_FOR = timedelta(days=30)
"""So long the provider knows what it has told."""
SLICE = timedelta(hours=6)
"""The provider tells the newest first; slice by slice what is older comes first, and few are in memory at a time."""
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


class Backfill:
    """Fetches what the provider told in vain. Safe to repeat: each message is kept once."""

    def __init__(self, history: ProviderHistory, inbox: Inbox, delivery: Deliverer) -> None:
        self._history = history
        self._inbox = inbox
        self._delivery = delivery

    async def of_last(self, time: timedelta) -> int:
        """Make up for what did not get through of late; `since` tells more, this only how many were new."""
        return (await self.since(datetime.now(UTC) - time)).new

    async def since(self, moment: datetime, *, every: bool = False, dry_run: bool = False) -> Backfilled:
        """Keep and deliver, oldest first, what did not get through since *moment*.

        Args:
            moment: from when on.
            every: also what the provider believes to have got through.
            dry_run: only count.

        Raises:
            Malformed: field `since`; the provider does not remember so far back, or it is still to come.
            GatewayUnavailable: the provider, or the database, does not answer; what was fetched is kept.
        """
        now = datetime.now(UTC)
        _check(moment, now)
        done = Backfilled()
        async for events in self._slices(moment, now, undelivered=not every):
            for start in range(0, len(events), TOGETHER):
                new, delivered = await self._take(events[start : start + TOGETHER], dry_run=dry_run)
                done = Backfilled(done.found, done.new + new, done.delivered + delivered)
            done = Backfilled(done.found + len(events), done.new, done.delivered)
        return done

    async def _slices(self, since: datetime, now: datetime, *, undelivered: bool) -> AsyncIterator[list[PastEvent]]:
        while since < now:
            # The last one has no end: what happens meanwhile belongs to it.
            until = since + SLICE if since + SLICE < now else None
            yield await self._slice(since, until, undelivered=undelivered)
            since = until or now

    async def _slice(self, since: datetime, until: datetime | None, *, undelivered: bool) -> list[PastEvent]:
        newest_first: list[PastEvent] = []
        cursor: str | None = None
        while True:
            page = await self._history.events(since, until, cursor, undelivered=undelivered)
            newest_first += page.events
            if page.next_cursor is None:
                return newest_first[::-1]
            cursor = page.next_cursor

    async def _take(self, events: Sequence[PastEvent], *, dry_run: bool) -> tuple[int, int]:
        """How many were new, and how many of these were dealt with."""
        if dry_run:
            return len(events) - len(await self._inbox.known([past.event.id for past in events])), 0
        new = await self._inbox.receive_past(events, tenant=DEFAULT_TENANT)
        told = [KeptEvent(event, datetime.now(UTC)) for event in new if event.news is not None]
        verdicts: Mapping[str, Verdict] = (await self._delivery.deliver(told)).verdicts if told else {}
        return len(new), len(new) - len(told) + len(verdicts)


def _check(moment: datetime, now: datetime) -> None:
    if moment > now:
        raise Malformed("this moment is still to come", field="since")
    if moment < now - REMEMBERED_FOR:
        days = REMEMBERED_FOR.days
        raise Malformed(
            f"the provider remembers its messages for {days} days only: ask for {days}d or less, and let reconciliation"
            " find what is older",
            field="since",
            code="too_long_ago",
        )
