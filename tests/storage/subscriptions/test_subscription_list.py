"""The list of subscriptions: filtered, searched, sorted, page by page."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Malformed
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.db.cursors import PageRequest, Sort
from storage.subscriptions.search import Search
from storage.subscriptions.subscription_list import Filters, SubscriptionList
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_step
from tests.storage.values import TEXTS

ALL = Filters()


async def found(ledger: Ledger, filters: Filters, tenant: str = "default") -> list[str]:
    """The external ids of those that are found, in order."""
    page = await SubscriptionList(ledger.engine).find(tenant, filters, PageRequest(100))
    assert page.next_cursor is None
    return [row.external_id for row in page.rows]


async def walk(
    engine: AsyncEngine, tenant: str, limit: int, sort: Sort = Sort.NEWEST_FIRST, filters: Filters = ALL
) -> list[str]:
    """The ids of all subscriptions of a tenant, page by page."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await SubscriptionList(engine).find(tenant, filters, PageRequest(limit, cursor, sort))
        assert len(page.rows) == limit or page.next_cursor is None
        ids += [row.id for row in page.rows]
        if (cursor := page.next_cursor) is None:
            return ids


def newest_first(subscriptions: list[Subscription]) -> list[str]:
    return [it.id for it in sorted(subscriptions, key=lambda it: (it.created_at, it.id), reverse=True)]


async def test_a_list_is_narrowed_by_status_plan_and_customer_together(ledger: Ledger) -> None:
    await ledger.sign_up("ada", created_at=NOW)
    await ledger.sign_up("grace", created_at=NOW + timedelta(hours=1), status=Status.ACTIVE)
    await ledger.sign_up("edsger", created_at=NOW + timedelta(hours=2), status=Status.ACTIVE, plan="professional")
    await ledger.sign_up("ada", tenant="acme")

    assert await found(ledger, ALL) == ["edsger", "grace", "ada"]
    assert await found(ledger, ALL, "acme") == ["ada"]
    assert await found(ledger, ALL, "umbrella") == []
    assert await found(ledger, Filters(status="active")) == ["edsger", "grace"]
    assert await found(ledger, Filters(plan="starter")) == ["grace", "ada"]
    assert await found(ledger, Filters(customer="ada")) == ["ada"]
    assert await found(ledger, Filters(customer="ad")) == []
    assert await found(ledger, Filters(status="active", plan="starter")) == ["grace"]
    assert await found(ledger, Filters(status="active", customer="ada")) == []
    assert await found(ledger, Filters(status="no such status")) == []


async def test_a_search_finds_parts_of_address_name_and_external_id_and_beginnings_of_ids(ledger: Ledger) -> None:
    ids = {}
    for hour, (external_id, name) in enumerate([("ada", "Ada Lovelace"), ("grace_50%", "Grace Hopper"), ("x/y", None)]):
        ids[external_id] = (await ledger.sign_up(external_id, created_at=NOW + timedelta(hours=hour))).id
        await ledger.customer(external_id, name=name)

    assert await found(ledger, Filters(search=Search("LOVE"))) == ["ada"]
    assert await found(ledger, Filters(search=Search("ADA@EXAMPLE"))) == ["ada"]
    assert await found(ledger, Filters(search=Search("example.com"))) == ["x/y", "grace_50%", "ada"]
    assert await found(ledger, Filters(search=Search("ce hop"))) == ["grace_50%"]
    assert await found(ledger, Filters(search=Search("as it was typed", "CE_50%@example"))) == ["grace_50%"]
    assert await found(ledger, Filters(search=Search(ids["ada"][:8].upper()))) == ["ada"]
    assert await found(ledger, Filters(search=Search(ids["ada"]))) == ["ada"]
    assert await found(ledger, Filters(search=Search(ids["ada"][9:]))) == []
    # Characters with a meaning in patterns stand for themselves.
    assert await found(ledger, Filters(search=Search("_"))) == ["grace_50%"]
    assert await found(ledger, Filters(search=Search("%"))) == ["grace_50%"]
    assert await found(ledger, Filters(search=Search("/"))) == ["x/y"]
    assert await found(ledger, Filters(search=Search("\\"))) == []
    assert await found(ledger, Filters(search=Search("' or true --"))) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS, TEXTS)
async def test_every_part_of_a_name_finds_it(ledger: Ledger, before: str, part: str, after: str) -> None:
    tenant = str(uuid4())
    await ledger.sign_up("ada", tenant)
    await ledger.customer("ada", tenant, name=before + part + after)
    assert await found(ledger, Filters(search=Search(part)), tenant) == ["ada"]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 8), st.integers(1, 9))
async def test_every_row_is_met_once_and_in_order_page_by_page(ledger: Ledger, how_many: int, limit: int) -> None:
    tenant = str(uuid4())
    subscriptions = await ledger.sign_up_many(how_many, tenant)
    assert await walk(ledger.engine, tenant, limit) == newest_first(subscriptions)
    assert await walk(ledger.engine, tenant, limit, Sort.OLDEST_FIRST) == newest_first(subscriptions)[::-1]


FILTERS = [
    pytest.param(Filters(status="active"), id="status"),
    pytest.param(Filters(plan="starter"), id="plan"),
    pytest.param(Filters(status="active", plan="starter"), id="status-plan"),
    pytest.param(Filters(blocked=True), id="blocked"),
    pytest.param(Filters(blocked=False), id="not-blocked"),
    pytest.param(Filters(blocked=False, plan="starter"), id="not-blocked-plan"),
    pytest.param(Filters(blocked=True, status="active", plan="starter"), id="blocked-status-plan"),
    pytest.param(Filters(search=Search("c1")), id="search"),
    pytest.param(Filters(search=Search("c1"), plan="starter", blocked=False), id="search-plan-not-blocked"),
    pytest.param(Filters(customer="c1"), id="customer"),
    pytest.param(Filters(customer="c1", status="active", blocked=False, search=Search("c1")), id="customer-and-all"),
]


def meets(it: Subscription, number: int, filters: Filters) -> bool:
    """The same rules, told without a database."""
    return (
        filters.status in (None, it.status)
        and filters.plan in (None, it.plan)
        and filters.customer in (None, f"c{number}")
        and (filters.search is None or filters.search.text in f"c{number}" or it.id.startswith(filters.search.text))
        and filters.blocked in (None, number % 5 == 4)
    )


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("sort", list(Sort))
async def test_filters_and_sorting_go_together_page_by_page(ledger: Ledger, filters: Filters, sort: Sort) -> None:
    made = []
    for number in range(14):
        at, plan = NOW + timedelta(hours=number // 2), ("starter", "professional")[number % 3 == 2]
        status = (Status.ACTIVE, Status.TRIALING)[number % 4 == 3]
        made.append(await ledger.sign_up(f"c{number}", created_at=at, plan=plan, status=status))
    blocked = ", ".join(f"'{it.id}'" for number, it in enumerate(made) if number % 5 == 4)
    await ledger.run(f"update subscriptions set blocked_since = now() where id in ({blocked})")  # noqa: S608 - our ids

    expected = newest_first([it for number, it in enumerate(made) if meets(it, number, filters)])

    assert expected
    assert await walk(ledger.engine, "default", 2, sort, filters) == (
        expected if sort is Sort.NEWEST_FIRST else expected[::-1]
    )


async def test_a_range_begins_at_a_moment_and_ends_before_another(ledger: Ledger) -> None:
    for hour in range(4):
        await ledger.sign_up(f"c{hour}", created_at=NOW + timedelta(hours=hour))

    async def within(begin: int | None, end: int | None) -> list[str]:
        moments = [None if hour is None else NOW + timedelta(hours=hour) for hour in (begin, end)]
        page = PageRequest(10, created_from=moments[0], created_to=moments[1])
        return [row.external_id for row in (await SubscriptionList(ledger.engine).find("default", ALL, page)).rows]

    assert await within(1, 3) == ["c2", "c1"]
    assert await within(2, None) == ["c3", "c2"]
    assert await within(None, 1) == ["c0"]
    assert await within(9, None) == []


@pytest.mark.parametrize("hours", [0, -1])
def test_a_range_is_malformed_when_it_ends_where_it_begins_or_before(hours: int) -> None:
    with pytest.raises(Malformed, match="after created_from") as caught:
        PageRequest(created_from=NOW, created_to=NOW + timedelta(hours=hours))
    assert caught.value.field == "created_to"


async def test_a_cursor_is_of_one_order(ledger: Ledger) -> None:
    await ledger.sign_up_many(3)
    rows = SubscriptionList(ledger.engine)
    for sort, other in (tuple(Sort), tuple(Sort)[::-1]):
        cursor = (await rows.find("default", ALL, PageRequest(1, sort=sort))).next_cursor
        with pytest.raises(Malformed, match=f"sort={sort}") as caught:
            await rows.find("default", ALL, PageRequest(1, cursor, other))
        assert caught.value.field == "cursor"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 4),
    comings=st.lists(st.lists(st.integers(-2, 9), max_size=3), max_size=4),
    is_changed=st.booleans(),
)
async def test_every_row_is_met_once_when_others_come_and_change_meanwhile(
    ledger: Ledger, limit: int, comings: list[list[int]], is_changed: bool
) -> None:
    tenant = str(uuid4())
    there_before = await ledger.sign_up_many(7, tenant)
    added: list[Subscription] = []
    ids: list[str] = []
    cursor = None
    pages = 0
    while cursor is not None or pages == 0:
        page = await SubscriptionList(ledger.engine).find(tenant, ALL, PageRequest(limit, cursor))
        ids, cursor = ids + [row.id for row in page.rows], page.next_cursor
        coming = comings[pages] if pages < len(comings) else []
        added += [await ledger.sign_up(str(uuid4()), tenant, created_at=NOW + timedelta(hours=h)) for h in coming]
        if is_changed:
            await ledger.save(a_step(replace(there_before[3], sequence=2 + pages, status=Status.ACTIVE)))
        pages += 1

    old = {subscription.id for subscription in there_before}
    assert [id_ for id_ in ids if id_ in old] == newest_first(there_before)
    assert len(ids) == len(set(ids))
    assert set(ids) <= old | {subscription.id for subscription in added}


def a_cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


ID = "5c1f2f0e-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="nothing"),
        pytest.param("§", id="no-base64"),
        pytest.param("AAAA", id="no-json"),
        pytest.param(a_cursor(), id="no-parts"),
        pytest.param(a_cursor(NOW.isoformat()), id="one-part"),
        pytest.param(a_cursor(NOW.isoformat(), ID, 1), id="three-parts"),
        pytest.param(a_cursor("yesterday", ID), id="no-moment"),
        pytest.param(a_cursor(7, ID), id="number-for-a-moment"),
        pytest.param(a_cursor("2026-03-02T12:00:00.000000", ID), id="moment-without-offset"),
        pytest.param(a_cursor("0001-01-01T00:00:00.000000+23:59", ID), id="before-all-time"),
        pytest.param(a_cursor("9999-12-31T23:59:59.000000-23:59", ID), id="after-all-time"),
        pytest.param(a_cursor("2026-03-02T12:00:00.000000+0000", "ada"), id="no-id"),
        pytest.param(a_cursor("2026-03-02T12:00:00.000000+0000", None), id="null-id"),
        pytest.param(base64.urlsafe_b64encode(b"[" * 100_000).decode(), id="very-deep"),
    ],
)
async def test_a_cursor_is_malformed_when_no_list_has_answered_with_it(engine: AsyncEngine, cursor: str) -> None:
    with pytest.raises(Malformed, match="cursor") as caught:
        await SubscriptionList(engine).find("default", ALL, PageRequest(10, cursor))
    assert caught.value.field == "cursor"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
async def test_a_cursor_of_any_kind_leads_to_no_other_error(engine: AsyncEngine, cursor: str) -> None:
    with pytest.raises(Malformed):
        await SubscriptionList(engine).find("default", ALL, PageRequest(10, cursor))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_is_malformed_when_it_is_to_hold_no_row(limit: int) -> None:
    with pytest.raises(Malformed) as caught:
        PageRequest(limit)
    assert caught.value.field == "limit"


async def test_a_cursor_keeps_microseconds_apart(ledger: Ledger) -> None:
    moments = [datetime(2026, 3, 2, 12, 0, 0, micro, tzinfo=UTC) for micro in (0, 1, 2)]
    subscriptions = [await ledger.sign_up(f"c{n}", created_at=moment) for n, moment in enumerate(moments)]
    assert await walk(ledger.engine, "default", 1) == newest_first(subscriptions)
