"""Reading subscriptions: one, some, and all of them page by page."""

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
from storage.subscriptions.read_model import Filters, Subscriptions
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_step
from tests.storage.values import TEXTS

ALL = Filters()


async def found(ledger: Ledger, filters: Filters, tenant: str = "default") -> list[str]:
    """The external ids of those that are found, in order."""
    page = await Subscriptions(ledger.engine).find(tenant, filters, cursor=None, limit=100)
    assert page.next_cursor is None
    return [row.external_id for row in page.rows]


async def walk(engine: AsyncEngine, tenant: str, limit: int) -> list[str]:
    """The ids of all subscriptions of a tenant, page by page."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await Subscriptions(engine).find(tenant, ALL, cursor=cursor, limit=limit)
        assert len(page.rows) == limit or page.next_cursor is None
        ids += [row.id for row in page.rows]
        if (cursor := page.next_cursor) is None:
            return ids


def newest_first(subscriptions: list[Subscription]) -> list[str]:
    return [it.id for it in sorted(subscriptions, key=lambda it: (it.created_at, it.id), reverse=True)]


async def test_a_subscription_is_found_by_its_id_within_its_tenant(ledger: Ledger) -> None:
    ada = await ledger.sign_up("ada")
    reader = Subscriptions(ledger.engine)

    row = await reader.get("default", ada.id)
    assert row is not None
    assert (row.id, row.customer_id, row.external_id, row.email) == (ada.id, ada.customer, "ada", "ada@example.com")
    assert (row.timezone, row.locale, row.metadata, row.amount) == ("UTC", "en", {}, 4900)
    assert await reader.get("default", ada.id.upper()) == row

    assert await reader.get("acme", ada.id) is None
    assert await reader.get("default", str(uuid4())) is None


@pytest.mark.parametrize("id_", ["", "ada", "1", "5c1f2f0e-0000-4000-8000-00000000000", "\0", "' or true --", "\ud800"])
async def test_nothing_is_found_when_the_id_is_none(engine: AsyncEngine, id_: str) -> None:
    assert await Subscriptions(engine).get("default", id_) is None


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

    assert await found(ledger, Filters(q="LOVE")) == ["ada"]
    assert await found(ledger, Filters(q="ADA@EXAMPLE")) == ["ada"]
    assert await found(ledger, Filters(q="example.com")) == ["x/y", "grace_50%", "ada"]
    assert await found(ledger, Filters(q="ce hop")) == ["grace_50%"]
    assert await found(ledger, Filters(q="as it was typed", q_address="CE_50%@example")) == ["grace_50%"]
    assert await found(ledger, Filters(q=ids["ada"][:8].upper())) == ["ada"]
    assert await found(ledger, Filters(q=ids["ada"])) == ["ada"]
    assert await found(ledger, Filters(q=ids["ada"][9:])) == []
    assert await found(ledger, Filters(q="")) == ["x/y", "grace_50%", "ada"]
    # Characters with a meaning in patterns stand for themselves.
    assert await found(ledger, Filters(q="_")) == ["grace_50%"]
    assert await found(ledger, Filters(q="%")) == ["grace_50%"]
    assert await found(ledger, Filters(q="/")) == ["x/y"]
    assert await found(ledger, Filters(q="\\")) == []
    assert await found(ledger, Filters(q="' or true --")) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS, TEXTS)
async def test_every_part_of_a_name_finds_it(ledger: Ledger, before: str, part: str, after: str) -> None:
    tenant = str(uuid4())
    await ledger.sign_up("ada", tenant)
    await ledger.customer("ada", tenant, name=before + part + after)
    assert await found(ledger, Filters(q=part), tenant) == ["ada"]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 8), st.integers(1, 9))
async def test_every_row_is_met_once_and_in_order_page_by_page(ledger: Ledger, how_many: int, limit: int) -> None:
    tenant = str(uuid4())
    subscriptions = await ledger.sign_up_many(how_many, tenant)
    assert await walk(ledger.engine, tenant, limit) == newest_first(subscriptions)


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
        page = await Subscriptions(ledger.engine).find(tenant, ALL, cursor=cursor, limit=limit)
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
        await Subscriptions(engine).find("default", ALL, cursor=cursor, limit=10)
    assert caught.value.field == "cursor"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
async def test_a_cursor_of_any_kind_leads_to_no_other_error(engine: AsyncEngine, cursor: str) -> None:
    with pytest.raises(Malformed):
        await Subscriptions(engine).find("default", ALL, cursor=cursor, limit=10)


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_is_malformed_when_it_is_to_hold_no_row(ledger: Ledger, limit: int) -> None:
    await ledger.sign_up()
    with pytest.raises(Malformed) as caught:
        await Subscriptions(ledger.engine).find("default", ALL, cursor=None, limit=limit)
    assert caught.value.field == "limit"


async def test_a_cursor_keeps_microseconds_apart(ledger: Ledger) -> None:
    moments = [datetime(2026, 3, 2, 12, 0, 0, micro, tzinfo=UTC) for micro in (0, 1, 2)]
    subscriptions = [await ledger.sign_up(f"c{n}", created_at=moment) for n, moment in enumerate(moments)]
    assert await walk(ledger.engine, "default", 1) == newest_first(subscriptions)


async def test_the_live_ones_of_all_tenants_come_page_by_page_each_once(ledger: Ledger) -> None:
    made = [*await ledger.sign_up_many(4), *await ledger.sign_up_many(3, "acme")]
    over = await ledger.sign_up("over", status=Status.CANCELED)
    dear = await ledger.sign_up("dear", plan="professional")
    reader = Subscriptions(ledger.engine)
    seen: list[str] = []
    while page := await reader.live(plan=None, subscription=None, after=seen[-1] if seen else None, limit=3):
        assert len(page) <= 3
        seen += [row.id for row in page]

    assert seen == sorted(it.id for it in [*made, dear])
    assert over.id not in seen
    of_plan = await reader.live(plan="professional", subscription=None, after=None, limit=3)
    assert [(row.id, row.plan, row.status) for row in of_plan] == [(dear.id, "professional", "trialing")]
    assert [row.id for row in await reader.live(plan=None, subscription=dear.id.upper(), after=None, limit=3)] == [
        dear.id
    ]
