"""However a list is filtered and sorted, a page reads no more than 10,000 rows of two tenants with 100,000 each."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events.deliveries import DeliveryState
from domain.notifications.undelivered import MailState
from domain.webhooks.inbox import EventState
from gateways.encryption import AesGcmEncryption
from storage.db.cursors import PageRequest, Sort
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from storage.db.walks import WALK
from storage.events.delivery_list import DeliveryList
from storage.events.endpoints import WebhookEndpoints
from storage.events.feed import MOST_READ, EventFeed, FeedRequest
from storage.reconciliation import Reconciliations
from storage.subscriptions.customer_list import CustomerList
from storage.subscriptions.invoice_list import InvoiceList
from storage.subscriptions.mail_list import MailFilter, MailList
from storage.subscriptions.search import Search
from storage.subscriptions.subscription_list import Filters, SubscriptionList
from storage.subscriptions.timeline import Timeline
from storage.usage.notices import UsageNotices
from storage.webhooks.inbox_list import InboxFilter, InboxList
from tests.harness.postgres import Databases
from tests.storage.lists.many_rows import A_TENANT, TENANTS, fill
from tests.storage.lists.plans import Reads, Watch, explain_all

MOST = 10_000
NO_SECRETS = AesGcmEncryption(["a-secret-of-32-characters-012345"])
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
RANGES = [(None, None), (BEGAN + timedelta(minutes=30_000), BEGAN + timedelta(minutes=60_000))]
SEARCHES = [
    pytest.param("person4711@", id="one"),
    pytest.param("home.example", id="half-of-all"),
    pytest.param("legacy", id="the-older-half"),
    pytest.param("nobody at all", id="none"),
    pytest.param("om", id="two-letters"),
    pytest.param("%", id="wildcard"),
    pytest.param("sub_acme", id="all-of-one-tenant-by-id"),
    pytest.param("Zoë Ünlü 🎉", id="no-ascii"),
]


@dataclass(frozen=True)
class Filled:
    """The database, and what is read of it by the role of the API."""

    engine: AsyncEngine
    watch: Watch
    url: str


@pytest_asyncio.fixture(scope="module")
async def filled(databases: Databases) -> AsyncIterator[Filled]:
    url = await databases.migrated()
    superuser_url = databases.by_superuser(url)
    await fill(superuser_url)
    await explain_all(superuser_url)
    engine = create_engine_from_url(url, role=DatabaseRole.APPLICATION)
    yield Filled(engine, Watch(engine), url)
    await engine.dispose()
    await databases.drop(url)


def pages() -> list[PageRequest]:
    """Every order and range, at the most rows that a page may hold."""
    return [PageRequest(100, None, sort, *moments) for sort, moments in product(Sort, RANGES)]


def check(reads: Reads, *asked: object) -> None:
    assert reads.plans, "nothing was explained"
    assert reads.rows <= MOST, (asked, reads.rows, reads.plans)
    assert reads.whole == set(), asked


async def test_subscriptions_by_every_filter_are_read_within_the_bound(filled: Filled) -> None:
    subscriptions = SubscriptionList(filled.engine)
    statuses, plans = (None, "canceled", "active", "paused"), (None, "starter", "rare", "old")
    for tenant, status, plan, blocked, customer in product(
        TENANTS, statuses, plans, (None, True, False), (None, "user-4711")
    ):
        filters = Filters(status, plan, customer, None, blocked)
        for page in pages():
            with filled.watch.reading() as reads:
                await subscriptions.find(tenant, filters, page)
            check(reads, tenant, filters, page)


@pytest.mark.parametrize("text", SEARCHES)
async def test_subscriptions_by_a_search_and_every_filter_are_read_within_the_bound(filled: Filled, text: str) -> None:
    subscriptions = SubscriptionList(filled.engine)
    for tenant, status, plan, blocked in product(TENANTS, (None, "canceled"), (None, "rare"), (None, True, False)):
        filters = Filters(status, plan, None, Search(text), blocked)
        for page in pages():
            with filled.watch.reading() as reads:
                await subscriptions.find(tenant, filters, page)
            check(reads, tenant, filters, page)


@pytest.mark.parametrize("text", [pytest.param(None, id="all"), *SEARCHES])
async def test_customers_are_read_within_the_bound(filled: Filled, text: str | None) -> None:
    for tenant, page in product(TENANTS, pages()):
        with filled.watch.reading() as reads:
            await CustomerList(filled.engine).find(tenant, Search(text) if text else None, page)
        check(reads, tenant, page)


async def test_invoices_and_histories_are_read_within_the_bound(filled: Filled) -> None:
    for tenant, page in product(TENANTS, pages()):
        for external_id in (None, "user-4711", "nobody"):
            with filled.watch.reading() as reads:
                await InvoiceList(filled.engine).find(tenant, page, external_id=external_id)
            check(reads, tenant, external_id, page)
        [row] = (await SubscriptionList(filled.engine).find(tenant, Filters(customer="user-4"), PageRequest(1))).rows
        with filled.watch.reading() as reads:
            found = await Timeline(filled.engine).past(tenant, row.id, page)
        assert found.rows or page.created_from
        check(reads, tenant, page)


async def test_webhooks_by_every_filter_are_read_within_the_bound(filled: Filled) -> None:
    inbox = InboxList(filled.engine)
    [held] = (await SubscriptionList(filled.engine).find("acme", Filters(customer="user-4711"), PageRequest(1))).rows
    for tenant, state, kind, subscription in product(
        TENANTS, (None, *EventState), (None, "rare"), (None, held.id, "none of ours")
    ):
        for page in pages():
            with filled.watch.reading() as reads:
                await inbox.find(tenant, InboxFilter(state, kind, subscription), page)
            if subscription != "none of ours":
                check(reads, tenant, state, kind, subscription, page)
    with filled.watch.reading() as reads:
        summary = await inbox.summary("acme")
    assert (summary.waiting, summary.set_aside) == (5000, 4999)
    assert reads.whole == set()
    assert reads.rows <= 3 * MOST


async def test_the_feed_of_events_is_read_within_the_bound_from_any_cursor(filled: Filled) -> None:
    feed = EventFeed(filled.engine)
    [held] = (await SubscriptionList(filled.engine).find("acme", Filters(customer="user-4"), PageRequest(1))).rows
    for tenant, types, subscription in product(TENANTS, ((), ("rare",)), (None, UUID(held.id))):
        cursor: str | None = None
        for _ in range(5):
            request = FeedRequest(100, cursor, types, subscription)
            with filled.watch.reading() as reads:
                found = await feed.page(tenant, request)
            check(reads, tenant, request)
            assert reads.rows <= 2 * (MOST_READ if types else 101) + 1, "each with its customer"
            cursor = found.next_cursor


async def test_deliveries_by_every_state_are_read_within_the_bound(filled: Filled) -> None:
    deliveries = DeliveryList(filled.engine)
    for tenant, state, page in product(TENANTS, (None, *DeliveryState), pages()):
        [endpoint] = (await WebhookEndpoints(filled.engine, NO_SECRETS).find(tenant, PageRequest())).rows
        with filled.watch.reading() as reads:
            await deliveries.find(tenant, endpoint.id, page, state)
        check(reads, tenant, state, page)


async def test_deliveries_that_failed_are_found_as_pages_go_on(filled: Filled) -> None:
    [endpoint] = (await WebhookEndpoints(filled.engine, NO_SECRETS).find("acme", PageRequest())).rows
    deliveries, found, cursor, pages_read = DeliveryList(filled.engine), 0, None, 0
    while pages_read == 0 or cursor is not None:
        page = await deliveries.find("acme", endpoint.id, PageRequest(100, cursor), DeliveryState.FAILED)
        found, cursor, pages_read = found + len(page.rows), page.next_cursor, pages_read + 1

    assert (found, pages_read) == (5, -(-A_TENANT // WALK))


async def test_mails_that_did_not_go_out_are_read_within_the_bound(filled: Filled) -> None:
    mails = MailList(filled.engine)
    for tenant, state, page in product(TENANTS, (None, MailState.QUEUED, MailState.REFUSED), pages()):
        with filled.watch.reading() as reads:
            await mails.find(tenant, MailFilter(state), page)
        check(reads, tenant, state, page)
    with filled.watch.reading() as reads:
        assert (await mails.summary("acme")).waiting == 5
    check(reads, "summary")


async def test_pages_far_down_a_list_are_read_within_the_bound(filled: Filled) -> None:
    cursor, subscriptions = None, SubscriptionList(filled.engine)
    filters = Filters(plan="rare", status="canceled")
    for _ in range(12):
        with filled.watch.reading() as reads:
            found = await subscriptions.find("acme", filters, PageRequest(100, cursor))
        check(reads, cursor)
        assert reads.rows <= 500, "a page is read from where the last one ended"
        cursor = found.next_cursor
    assert cursor is None


async def test_one_of_100_000_is_found_at_once(filled: Filled) -> None:
    for tenant in TENANTS:
        page = await SubscriptionList(filled.engine).find(tenant, Filters(search=Search("ERSON4711@")), PageRequest())
        assert [row.external_id for row in page.rows] == ["user-4711"]
        assert page.next_cursor is None


async def test_what_is_too_short_to_be_looked_up_is_found_as_pages_go_on(filled: Filled) -> None:
    found: list[str] = []
    cursor, pages_read = None, 0
    while pages_read == 0 or cursor is not None:
        page = await CustomerList(filled.engine).find("acme", Search("n7@"), PageRequest(100, cursor))
        found += [row.external_id for row in page.rows]
        cursor, pages_read = page.next_cursor, pages_read + 1

    assert found == ["user-7"], "the oldest but six"
    assert pages_read == -(-A_TENANT // WALK)


async def test_mails_that_wait_are_found_without_those_that_were_sent(filled: Filled) -> None:
    engine = create_engine_from_url(filled.url, role=DatabaseRole.SYSTEM)
    watch = Watch(engine)
    with watch.reading() as stuck:
        found = await Reconciliations(engine).stuck_mails(None, waiting_for=timedelta(hours=1), limit=100)
    with watch.reading() as unsent:
        await UsageNotices(engine).left_behind(limit=100)
    await engine.dispose()

    assert sum(len(each.mails) for each in found) == 10
    assert max(stuck.rows, unsent.rows) <= 20
    assert stuck.whole == unsent.whole == set()
