"""Backfill fetches missed events oldest first, in pages, within a time limit."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from domain.provider.events import KeptEvent, PastEvent, PastEvents, ProviderEvent, Routing
from domain.provider.hints import EventKind
from domain.webhooks.ports import Delivered
from services.webhooks.backfill import MAX_HELD_PAGES, PROVIDER_RETENTION, Backfill

PAGE = 100
NOW = datetime.now(UTC)


class History:
    """One message per second, for this many past seconds."""

    def __init__(self, messages: int) -> None:
        self._told = [NOW - timedelta(seconds=each + 1) for each in range(messages)]
        self.largest = 0
        """The number of pages requested of one period."""
        self._pages = 0

    async def events(
        self, since: datetime, until: datetime | None, cursor: str | None, *, undelivered: bool
    ) -> PastEvents:
        assert undelivered
        start = int(cursor or 0)
        self._pages = 1 if cursor is None else self._pages + 1
        self.largest = max(self.largest, self._pages)
        of_then = [each for each in self._told if each >= since and (until is None or each < until)]
        page = tuple(PastEvent(_event(each), b"{}") for each in of_then[start : start + PAGE])
        return PastEvents(page, str(start + PAGE) if start + PAGE < len(of_then) else None)


def _event(at: datetime) -> ProviderEvent:
    return ProviderEvent(at.isoformat(), "invoice.paid", "in_1", "cus_1", EventKind.INVOICE_PAID)


class Inbox:
    def __init__(self) -> None:
        self.kept: list[str] = []

    async def known(self, ids: Sequence[str]) -> set[str]:
        return set(ids) & set(self.kept)

    async def receive_past(self, events: Sequence[PastEvent], *, tenant: str) -> list[ProviderEvent]:
        assert tenant
        new = [each.event for each in events if each.event.id not in self.kept]
        self.kept += [each.id for each in new]
        return new


class Nobody:
    """Delivers nothing."""

    async def deliver(self, messages: Sequence[KeptEvent], *, redelivered: bool = False) -> Delivered:
        assert not redelivered
        verdicts: Mapping[str, Routing] = {}
        return Delivered(verdicts, messages, {}, messages[-1])


async def test_a_busy_period_is_fetched_oldest_first_in_pages() -> None:
    inbox, history = Inbox(), History(5 * MAX_HELD_PAGES * PAGE)

    done = await Backfill(history, inbox, Nobody()).since(NOW - timedelta(days=1))

    assert (done.found, done.new, done.is_all) == (5 * MAX_HELD_PAGES * PAGE, 5 * MAX_HELD_PAGES * PAGE, True)
    assert inbox.kept == sorted(inbox.kept)
    assert history.largest <= MAX_HELD_PAGES


async def test_it_stops_at_its_time_limit_and_says_so() -> None:
    inbox = Inbox()

    done = await Backfill(History(3 * PAGE), inbox, Nobody()).of_last(timedelta(days=1), seconds=0)

    assert (done.new, done.is_all) == (0, False)

    recent = await Backfill(History(3 * PAGE), inbox, Nobody()).since(NOW - timedelta(minutes=30), seconds=0)

    assert (recent.new, recent.is_all, len(inbox.kept)) == (PAGE, False, PAGE)


async def test_everything_the_provider_remembers_can_be_fetched() -> None:
    done = await Backfill(History(0), Inbox(), Nobody()).since(datetime.now(UTC) - PROVIDER_RETENTION)

    assert done.found == 0
