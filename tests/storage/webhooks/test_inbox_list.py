"""The inbox as operators read it: in pages, by state, type and subscription, and how far behind it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest_asyncio

from domain.provider.events import Disposition, ProviderEvent, Routing
from domain.provider.hints import EventKind
from domain.webhooks.inbox import EventState
from storage.db.cursors import PageRequest
from storage.webhooks.inbox import Inbox
from storage.webhooks.inbox_list import InboxFilter, InboxList
from tests.storage.ledger import Ledger

DELIVERED = Routing(Disposition.DELIVERED, "delivered to subscription 1")
SET_ASIDE = Routing(Disposition.SET_ASIDE, "set aside: concerns no customer")
PASSED_OVER = Routing(Disposition.PASSED_OVER, "passed over")
ANY = InboxFilter()


@pytest_asyncio.fixture
async def shown(ledger: Ledger) -> InboxList:
    return InboxList(ledger.engine)


async def arrives(ledger: Ledger, id_: str, outcome: Routing | None = None, **changes: Any) -> None:
    """An event of tenant `acme` arrives a second after the one before, and is handled or not."""
    event = ProviderEvent(id_, "invoice.paid", "in_1", "cus_1", EventKind.INVOICE_PAID)
    inbox = Inbox(ledger.engine)
    await inbox.receive(replace(event, **changes), b"{}", tenant="acme")
    if outcome is not None:
        await inbox.mark_handled({id_: outcome})


async def ids(shown: InboxList, wanted: InboxFilter = ANY, tenant: str = "acme") -> list[str]:
    return [row.event_id for row in (await shown.find(tenant, wanted, PageRequest())).rows]


async def test_events_are_found_by_what_has_become_of_them(ledger: Ledger, shown: InboxList) -> None:
    outcomes = {"evt_w": None, "evt_d": DELIVERED, "evt_p": PASSED_OVER, "evt_s": SET_ASIDE}
    for id_, outcome in outcomes.items():
        await arrives(ledger, id_, outcome)

    assert await ids(shown) == ["evt_s", "evt_p", "evt_d", "evt_w"]
    for state, id_ in zip(EventState, ("evt_w", "evt_d", "evt_p", "evt_s"), strict=True):
        [row] = (await shown.find("acme", InboxFilter(state), PageRequest())).rows
        assert (row.event_id, row.state) == (id_, state)
    assert await ids(shown, tenant="umbrella") == []


async def test_pages_follow_one_another_by_time_and_id(ledger: Ledger, shown: InboxList) -> None:
    for number in range(5):
        await arrives(ledger, f"evt_{number}")
    await ledger.run("update webhook_inbox set received_at = date_trunc('day', now())")
    found, cursor = [], None
    while True:
        page = await shown.find("acme", InboxFilter(), PageRequest(2, cursor))
        found += [row.event_id for row in page.rows]
        if (cursor := page.next_cursor) is None:
            break
    assert found == [f"evt_{number}" for number in (4, 3, 2, 1, 0)]


async def test_events_are_found_by_type_and_by_the_subscription_that_they_are_about(
    ledger: Ledger, shown: InboxList
) -> None:
    ada = await ledger.sign_up("ada", "acme", customer_ref="cus_ada", agreement_ref="sub_new")
    await ledger.run("update customers set customer_ref = 'cus_ada' where tenant = 'acme'")
    named: dict[str, dict[str, Any]] = {
        "evt_hers": {"customer_ref": "cus_ada"},
        "evt_new": {"customer_ref": "cus_ada", "agreement_ref": "sub_new", "type": "invoice.voided"},
        "evt_former": {"customer_ref": "cus_ada", "agreement_ref": "sub_former"},
        "evt_others": {"customer_ref": "cus_bob"},
    }
    for id_, changes in named.items():
        await arrives(ledger, id_, **changes)

    assert await ids(shown, InboxFilter(subscription=ada.id)) == ["evt_new", "evt_hers"]
    assert await ids(shown, InboxFilter(type="invoice.voided")) == ["evt_new"]
    assert await ids(shown, InboxFilter(EventState.SET_ASIDE, subscription=ada.id)) == []
    assert await ids(shown, InboxFilter(subscription=ada.id), tenant="umbrella") == []
    assert await ids(shown, InboxFilter(subscription="no id")) == []


async def test_the_summary_says_what_waits_since_when_and_how_long_deliveries_took(
    ledger: Ledger, shown: InboxList
) -> None:
    for number in range(20):
        await arrives(ledger, f"evt_{number}", DELIVERED)
    for id_, outcome in {"evt_a": None, "evt_b": None, "evt_s": SET_ASIDE, "evt_p": PASSED_OVER}.items():
        await arrives(ledger, id_, outcome)
    await ledger.run(
        "update webhook_inbox set handled_at = received_at + make_interval(secs => substr(event_id, 5)::int)"
        " where disposition = 'delivered'"
    )
    await ledger.run("update webhook_inbox set received_at = now() - interval '2 hours' where event_id = 'evt_a'")

    found = await shown.summary("acme")

    assert (found.waiting, found.set_aside, found.received, found.delivered) == (2, 1, 23, 20)
    assert found.median_delay == timedelta(seconds=9.5)
    assert found.slow_delay == timedelta(seconds=18.05)
    assert found.oldest_waiting is not None
    assert await ledger.rows("select received_at from webhook_inbox where event_id = 'evt_a'") == [
        {"received_at": found.oldest_waiting}
    ]


async def test_the_summary_of_an_empty_inbox_says_nothing_of_delays(shown: InboxList) -> None:
    found = await shown.summary("acme")
    assert (found.waiting, found.oldest_waiting, found.delivered, found.median_delay) == (0, None, 0, None)


async def test_one_event_is_found_by_its_tenant_alone(ledger: Ledger, shown: InboxList) -> None:
    await arrives(ledger, "evt_1", SET_ASIDE)
    found = await shown.event("acme", "evt_1")
    assert found is not None
    assert (found[0].event.news, found[1].state) == (EventKind.INVOICE_PAID, EventState.SET_ASIDE)
    assert await shown.event("umbrella", "evt_1") is None
    assert await shown.event("acme", "evt_\0") is None
