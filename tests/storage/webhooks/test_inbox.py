"""Every event of the payment provider is stored once, and waits until it is handled."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.provider.events import NOTHING_NEW, Disposition, PastEvent, ProviderEvent, Routing
from domain.provider.hints import EventKind
from storage.webhooks.inbox import Chosen, Inbox
from tests.storage.ledger import Ledger

SIGNALED = Routing(Disposition.DELIVERED, "signaled")


@pytest_asyncio.fixture
async def inbox(ledger: Ledger) -> Inbox:
    return Inbox(ledger.engine)


def an_event(id_: str = "evt_1", news: EventKind | None = EventKind.INVOICE_PAID) -> ProviderEvent:
    return ProviderEvent(id_, "invoice.paid", "in_1", "cus_1", news, "ch_1", "sub_1")


async def test_an_event_is_kept_with_its_very_bytes(ledger: Ledger, inbox: Inbox) -> None:
    body = b'{"id": "evt_1", "odd": "\xff\x00"}'
    assert await inbox.receive(an_event(), body, tenant="acme")
    [row] = await ledger.rows("select tenant, body, handled_at, outcome from webhook_inbox")
    assert row == {"tenant": "acme", "body": body, "handled_at": None, "outcome": None}


async def test_an_event_without_news_is_stored_as_handled(ledger: Ledger, inbox: Inbox) -> None:
    assert await inbox.receive(an_event(news=None), b"{}", tenant="default")

    [row] = await ledger.rows("select disposition, outcome, handled_at = received_at as at_once from webhook_inbox")
    assert row == {"disposition": "passed_over", "outcome": NOTHING_NEW.words, "at_once": True}


@pytest.mark.parametrize(
    ("disposition", "kept"),
    [(Disposition.DELIVERED, b""), (Disposition.PASSED_OVER, b""), (Disposition.SET_ASIDE, b"{}")],
)
async def test_the_bytes_go_once_an_event_is_handled_unless_nobody_knows_whose_it_is(
    ledger: Ledger, inbox: Inbox, disposition: Disposition, kept: bytes
) -> None:
    await inbox.receive(an_event(), b"{}", tenant="default")
    await inbox.receive(an_event("evt_2", news=None), b"{}", tenant="default")

    await inbox.mark_handled({"evt_1": Routing(disposition, "so it is")})

    rows = await ledger.rows("select body from webhook_inbox order by event_id")
    assert [row["body"] for row in rows] == [kept, b""]
    [past, _] = await inbox.kept(Chosen(), limit=2)
    assert past.event == an_event(), "it can be delivered again"


async def test_an_event_is_kept_once_when_it_comes_many_times_at_once(ledger: Ledger, inbox: Inbox) -> None:
    answers = await asyncio.gather(*(inbox.receive(an_event(), b"%d" % n, tenant="default") for n in range(10)))
    assert sorted(answers) == [False] * 9 + [True]
    assert await ledger.count("webhook_inbox") == 1


async def test_an_event_is_not_new_when_it_was_handled(inbox: Inbox) -> None:
    await inbox.receive(an_event(), b"{}", tenant="default")
    await inbox.mark_handled({"evt_1": SIGNALED})
    assert not await inbox.receive(an_event(), b"{}", tenant="default")
    assert await inbox.waiting() == []


@pytest.mark.parametrize("news", EventKind)
async def test_a_waiting_event_comes_back_as_it_was_read(inbox: Inbox, news: EventKind | None) -> None:
    await inbox.receive(an_event(news=news), b"{}", tenant="default")
    [waiting] = await inbox.waiting()
    assert waiting.event == an_event(news=news)
    assert waiting.received_at.tzinfo is not None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), max_size=8), st.sets(st.integers(0, 5)), st.integers(1, 7))
async def test_those_wait_that_came_and_were_not_handled_oldest_first(
    ledger: Ledger, inbox: Inbox, coming: list[int], handled: set[int], limit: int
) -> None:
    await ledger.run("delete from webhook_inbox")
    for number in coming:
        await inbox.receive(an_event(f"evt_{number}"), b"{}", tenant="default")
    for number in handled:
        await inbox.mark_handled({f"evt_{number}": SIGNALED})

    waiting = [found.event.id for found in await inbox.waiting(limit=limit)]

    assert waiting == [f"evt_{number}" for number in dict.fromkeys(coming) if number not in handled][:limit]


async def test_an_event_is_left_for_a_while_to_the_process_that_stored_it(ledger: Ledger) -> None:
    inbox = Inbox(ledger.engine, waits=timedelta(seconds=30))
    for number in range(2):
        await inbox.receive(an_event(f"evt_{number}"), b"{}", tenant="default")
    await ledger.run("update webhook_inbox set received_at = now() - interval '31 seconds' where event_id = 'evt_1'")

    assert [found.event.id for found in await inbox.waiting()] == ["evt_1"]


async def test_the_first_outcome_stays_when_an_event_is_handled_twice(ledger: Ledger, inbox: Inbox) -> None:
    await inbox.receive(an_event(), b"{}", tenant="default")
    await inbox.mark_handled({"evt_1": SIGNALED})
    before = await ledger.rows("select outcome, handled_at from webhook_inbox")

    await inbox.mark_handled({"evt_1": Routing(Disposition.SET_ASIDE, "nobody to tell"), "evt_2": SIGNALED})

    assert await ledger.rows("select outcome, handled_at from webhook_inbox") == before
    assert before[0]["outcome"] == "signaled"


async def test_the_result_of_an_event_is_recorded_again_after_redelivery(ledger: Ledger, inbox: Inbox) -> None:
    await inbox.receive(an_event(), b"{}", tenant="default")
    await inbox.mark_handled({"evt_1": Routing(Disposition.SET_ASIDE, "nobody to tell")})

    await inbox.mark_handled({"evt_1": SIGNALED}, redelivered=True)

    assert await ledger.rows("select disposition, outcome from webhook_inbox") == [
        {"disposition": "delivered", "outcome": "signaled"}
    ]


async def test_an_event_belongs_to_the_tenant_it_was_delivered_to(ledger: Ledger, inbox: Inbox) -> None:
    for id_ in ("evt_1", "evt_2"):
        await inbox.receive(an_event(id_), b"{}")
    await inbox.mark_handled({"evt_1": replace(SIGNALED, tenant="acme"), "evt_2": SIGNALED})
    rows = await ledger.rows("select event_id, tenant from webhook_inbox order by event_id")
    assert [(row["event_id"], row["tenant"]) for row in rows] == [("evt_1", "acme"), ("evt_2", "default")]


async def test_selected_events_are_listed_newest_first_and_delivered_oldest_first(inbox: Inbox) -> None:
    for number in (1, 2, 3):
        await inbox.receive(an_event(f"evt_{number}"), b"{}", tenant="default")
    await inbox.mark_handled({"evt_1": Routing(Disposition.SET_ASIDE, "nobody to tell"), "evt_2": SIGNALED})

    async def listed(chosen: Chosen, limit: int = 10) -> list[str]:
        return [row.event_id for row in await inbox.newest(chosen, limit=limit)]

    assert await listed(Chosen()) == ["evt_3", "evt_2", "evt_1"]
    assert await listed(Chosen(), limit=1) == ["evt_3"]
    assert await listed(Chosen(set_aside=True)) == ["evt_1"]
    assert await listed(Chosen(waiting=True)) == ["evt_3"]
    assert await listed(Chosen(type="invoice.voided")) == []
    [first, *others] = await inbox.kept(Chosen(), limit=10)
    assert [first.event.id, *(each.event.id for each in others)] == ["evt_1", "evt_2", "evt_3"]
    assert await inbox.kept(Chosen(), limit=10, after=first) == others
    assert await inbox.kept(Chosen(since=others[0].received_at, until=others[1].received_at), limit=9) == others[:1]


async def test_past_events_are_stored_in_order_and_known_ones_stay_unchanged(inbox: Inbox) -> None:
    await inbox.receive(an_event("evt_2"), b"{}", tenant="default")
    await inbox.mark_handled({"evt_2": SIGNALED})
    past = [PastEvent(an_event(f"evt_{number}"), b"{}") for number in (3, 2, 1)]
    assert await inbox.known(["evt_1", "evt_2"]) == {"evt_2"}

    new = await inbox.receive_past(past, tenant="default")

    assert [event.id for event in new] == ["evt_3", "evt_1"]
    assert [each.event.id for each in await inbox.waiting()] == ["evt_3", "evt_1"]
