"""The feed: every event once, in the order in which it was committed, whoever commits late."""

from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Malformed
from domain.events.outbound import OutboundEvent
from domain.events.types import EventType
from storage.db.engine import transaction
from storage.events import feed as feed_module
from storage.events.feed import EventFeed, FeedPage, FeedRequest, begin_anew
from storage.events.other_server import put_first
from storage.events.outbox import write_events
from tests.harness.patience import until
from tests.storage.events.rows import an_event, written
from tests.storage.ledger import Ledger

TENANT = "default"


def ids(*pages: FeedPage) -> list[str]:
    return [event.id for page in pages for event in page.events]


SETTLED = text("select coalesce(max(txid) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint, true) from events")


async def settled(engine: AsyncEngine) -> None:
    """Waits until no transaction of others holds anything back: the server analyzes tables when it pleases."""

    async def is_settled() -> bool:
        async with engine.connect() as connection:
            return bool((await connection.execute(SETTLED)).scalar_one())

    await until(is_settled)


async def all_pages(feed: EventFeed, limit: int = 2, **filters: object) -> list[FeedPage]:
    pages = [await feed.page(TENANT, FeedRequest(limit, **filters))]  # type: ignore[arg-type]
    while pages[-1].has_more:
        pages.append(await feed.page(TENANT, FeedRequest(limit, pages[-1].next_cursor, **filters)))  # type: ignore[arg-type]
    return pages


class SettledFeed(EventFeed):
    """The feed, read when nobody else's transactions are in the way."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self._of = engine

    async def page(self, tenant: str, request: FeedRequest) -> FeedPage:
        await settled(self._of)
        return await super().page(tenant, request)


@pytest.fixture
def feed(engine: AsyncEngine) -> EventFeed:
    return SettledFeed(engine)


@pytest.fixture
def at_once(engine: AsyncEngine) -> EventFeed:
    """The feed as it is while transactions are open."""
    return EventFeed(engine)


async def test_pages_hold_every_event_once_oldest_first(engine: AsyncEngine, feed: EventFeed) -> None:
    events = [an_event() for _ in range(5)]
    for event in events[:3]:
        await written(engine, event)
    await written(engine, *events[3:])

    pages = await all_pages(feed)

    assert [len(page.events) for page in pages] == [2, 2, 1]
    assert ids(*pages) == [event.id for event in events]


async def test_the_last_page_has_a_cursor_from_which_to_read_on(engine: AsyncEngine, feed: EventFeed) -> None:
    await written(engine, first := an_event())
    page = await feed.page(TENANT, FeedRequest())
    again = await feed.page(TENANT, FeedRequest(cursor=page.next_cursor))
    assert (ids(page), ids(again), again.next_cursor) == ([first.id], [], page.next_cursor)

    await written(engine, second := an_event())

    assert ids(await feed.page(TENANT, FeedRequest(cursor=again.next_cursor))) == [second.id]


async def test_a_feed_without_events_has_neither_rows_nor_a_cursor(feed: EventFeed) -> None:
    assert await feed.page(TENANT, FeedRequest()) == FeedPage([], None, has_more=False)


async def test_an_event_that_is_committed_late_is_not_skipped(
    engine: AsyncEngine, feed: EventFeed, at_once: EventFeed
) -> None:
    early, late = an_event(), an_event()
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(transaction(engine))
        await write_events(slow, [late])
        await written(engine, early)

        meanwhile = await at_once.page(TENANT, FeedRequest())
        # The later transaction has committed first: a reader that took its event would never see the other one.
        assert ids(meanwhile) == []

    after = await feed.page(TENANT, FeedRequest(cursor=meanwhile.next_cursor))
    assert ids(after) == [late.id, early.id]


async def test_what_was_committed_before_an_open_transaction_began_does_not_wait_for_it(
    engine: AsyncEngine, at_once: EventFeed
) -> None:
    await written(engine, first := an_event())
    await settled(engine)
    async with transaction(engine) as slow:
        await write_events(slow, [an_event()])

        assert ids(await at_once.page(TENANT, FeedRequest())) == [first.id]


async def test_an_event_that_is_rolled_back_is_never_shown(engine: AsyncEngine, feed: EventFeed) -> None:
    async with engine.connect() as connection, connection.begin() as begun:
        await write_events(connection, [an_event()])
        await begun.rollback()
    await written(engine, kept := an_event())

    assert ids(await feed.page(TENANT, FeedRequest())) == [kept.id]


class Overlapping:
    """Transactions that are open at the same time."""

    def __init__(self, engine: AsyncEngine, tenant: str) -> None:
        self._engine, self._tenant = engine, tenant
        self._open: list[tuple[AsyncExitStack, AsyncConnection]] = []
        self.expected: list[str] = []

    async def begin(self) -> None:
        stack = AsyncExitStack()
        self._open.append((stack, await stack.enter_async_context(transaction(self._engine))))

    async def write(self, which: int) -> None:
        event = an_event(tenant=self._tenant)
        await write_events(self._open[which % len(self._open)][1], [event])
        self.expected.append(event.id)

    async def commit(self, which: int) -> None:
        await self._open.pop(which % len(self._open))[0].aclose()

    async def go_on(self, happening: str, which: int) -> None:
        if happening == "begin" and len(self._open) < 4:
            await self.begin()
        elif happening == "write" and self._open:
            await self.write(which)
        elif happening == "commit" and self._open:
            await self.commit(which)

    async def end(self) -> None:
        while self._open:
            await self.commit(0)


class Reader:
    """Reads on from where it was."""

    def __init__(self, feed: EventFeed, tenant: str) -> None:
        self._feed, self._tenant = feed, tenant
        self._cursor: str | None = None
        self.seen: list[str] = []

    async def read_on(self) -> None:
        has_more = True
        while has_more:
            page = await self._feed.page(self._tenant, FeedRequest(3, self._cursor))
            self.seen += ids(page)
            self._cursor, has_more = page.next_cursor, page.has_more


HAPPENINGS = st.tuples(st.sampled_from(["begin", "write", "commit", "read"]), st.integers(0, 3))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(HAPPENINGS, min_size=5, max_size=25))
async def test_a_reader_sees_each_event_once_whatever_overlaps(
    engine: AsyncEngine, at_once: EventFeed, happenings: list[tuple[str, int]]
) -> None:
    tenant = f"t-{uuid4()}"
    overlapping, reader = Overlapping(engine, tenant), Reader(at_once, tenant)
    try:
        for happening, which in happenings:
            await (reader.read_on() if happening == "read" else overlapping.go_on(happening, which))
    finally:
        await overlapping.end()
    await settled(engine)
    await reader.read_on()

    assert sorted(reader.seen) == sorted(overlapping.expected)


# Filters


async def test_types_and_a_subscription_choose_what_is_shown(engine: AsyncEngine, feed: EventFeed) -> None:
    subscription = uuid4()
    mine = an_event(EventType.PAST_DUE, subscription=str(subscription), sequence=4)
    await written(engine, an_event(), mine, an_event(EventType.PAST_DUE), an_event(tenant="acme"))

    assert ids(*await all_pages(feed, subscription=subscription)) == [mine.id]
    assert len(ids(*await all_pages(feed, types=["subscription.past_due"]))) == 2
    assert ids(*await all_pages(feed, types=["subscription.past_due"], subscription=subscription)) == [mine.id]


async def test_a_reader_of_a_rare_type_gets_on_although_a_page_finds_nothing(
    engine: AsyncEngine, feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MOST_READ", 4)
    await written(engine, *(an_event() for _ in range(9)), rare := an_event(EventType.CANCELED))

    pages = await all_pages(feed, types=["subscription.canceled"])

    assert [len(page.events) for page in pages] == [0, 0, 1]
    assert ids(*pages) == [rare.id]


async def test_an_event_names_the_customer_as_the_product_does_now(ledger: Ledger, feed: EventFeed) -> None:
    customer = await ledger.customer("ada")
    await written(ledger.engine, an_event(customer=customer))

    [event] = (await feed.page(TENANT, FeedRequest())).events

    assert (event.customer, event.external_id) == (customer, "ada")


# Cursors


@pytest.mark.parametrize("cursor", ["", "x", "W10=", "WzEsMl0", "WyIxIiwyXQ==", "Wy0xLDJd", "WzEsMiwzXQ==", "bnVsbA=="])
async def test_what_is_no_cursor_is_refused(feed: EventFeed, cursor: str) -> None:
    with pytest.raises(Malformed, match="without one") as refused:
        await feed.page(TENANT, FeedRequest(cursor=cursor))
    assert refused.value.field == "cursor"


async def test_a_cursor_from_before_a_restore_is_refused_and_skips_nothing(
    engine: AsyncEngine, feed: EventFeed
) -> None:
    await written(engine, an_event())
    # As an older, busier database had given it out.
    ahead = feed_module._cursor(feed_module._Place(2**40, 1))
    with pytest.raises(Malformed, match="from the oldest event"):
        await feed.page(TENANT, FeedRequest(cursor=ahead))


async def test_events_of_a_server_that_was_ahead_are_shown_once_they_count_as_the_oldest(
    ledger: Ledger, feed: EventFeed, at_once: EventFeed
) -> None:
    restored = [an_event(), an_event()]
    for event in restored:
        await written(ledger.engine, event)
    await ledger.run("update events set txid = txid + 1000000000")
    await written(ledger.engine, new := an_event())

    await until(lambda: _is_shown(at_once, new))
    assert ids(await at_once.page(TENANT, FeedRequest())) == [new.id], "what is new is not held up by what was restored"

    await ledger.run("update events set txid = 0 where txid > 1000000000")
    assert ids(await feed.page(TENANT, FeedRequest())) == [*(event.id for event in restored), new.id]


async def test_after_a_restore_the_feed_knows_only_cursors_since(ledger: Ledger, feed: EventFeed) -> None:
    await written(ledger.engine, kept := an_event())
    before = (await feed.page(TENANT, FeedRequest())).next_cursor

    for _ in range(2):
        await begin_anew(ledger.engine)
        with pytest.raises(Malformed, match="from the oldest event"):
            await feed.page(TENANT, FeedRequest(cursor=before))
        begun = await feed.page(TENANT, FeedRequest())
        await written(ledger.engine, new := an_event())
        assert ids(begun)[0] == kept.id
        assert ids(await feed.page(TENANT, FeedRequest(cursor=begun.next_cursor))) == [new.id]
        before = begun.next_cursor


async def _is_shown(feed: EventFeed, event: OutboundEvent) -> bool:
    return event.id in ids(await feed.page(TENANT, FeedRequest()))


async def test_events_of_another_server_come_first_in_their_order(ledger: Ledger) -> None:
    written_here = [an_event(), an_event()]
    for event in written_here:
        await written(ledger.engine, event)
    assert await put_first(ledger.engine) == 0
    await ledger.run("update events set txid = txid + 1000000000")
    feed = EventFeed(ledger.engine)
    assert ids(await feed.page(TENANT, FeedRequest())) == []

    moved = await put_first(ledger.engine)
    later_event = an_event()
    await written(ledger.engine, later_event)

    assert moved == 2
    assert await put_first(ledger.engine) == 0
    assert ids(*await all_pages(SettledFeed(ledger.engine))) == [each.id for each in (*written_here, later_event)]
