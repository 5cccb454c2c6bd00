"""Every event of the payment provider is kept once, and waits until it was handled."""

import asyncio

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.news import News
from domain.ports import ProviderEvent
from storage.inbox import Inbox
from tests.storage.ledger import Ledger


@pytest_asyncio.fixture
async def inbox(ledger: Ledger) -> Inbox:
    return Inbox(ledger.engine)


def an_event(id_: str = "evt_1", news: News | None = News.BILL_PAID) -> ProviderEvent:
    return ProviderEvent(id_, "invoice.paid", "in_1", "cus_1", news, "ch_1")


async def test_an_event_is_kept_with_its_very_bytes(ledger: Ledger, inbox: Inbox) -> None:
    body = b'{"id": "evt_1", "odd": "\xff\x00"}'
    assert await inbox.receive(an_event(), body, tenant="acme")
    [row] = await ledger.rows("select tenant, body, handled_at, outcome from webhook_inbox")
    assert row == {"tenant": "acme", "body": body, "handled_at": None, "outcome": None}


async def test_an_event_is_kept_once_when_it_comes_many_times_at_once(ledger: Ledger, inbox: Inbox) -> None:
    answers = await asyncio.gather(*(inbox.receive(an_event(), b"%d" % n, tenant="default") for n in range(10)))
    assert sorted(answers) == [False] * 9 + [True]
    assert await ledger.count("webhook_inbox") == 1


async def test_an_event_is_not_new_when_it_was_handled(inbox: Inbox) -> None:
    await inbox.receive(an_event(), b"{}", tenant="default")
    await inbox.mark_handled("evt_1", "signaled")
    assert not await inbox.receive(an_event(), b"{}", tenant="default")
    assert await inbox.waiting() == []


@pytest.mark.parametrize("news", [None, *News])
async def test_a_waiting_event_comes_back_as_it_was_read(inbox: Inbox, news: News | None) -> None:
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
        await inbox.mark_handled(f"evt_{number}", "signaled")

    waiting = [found.event.id for found in await inbox.waiting(limit=limit)]

    assert waiting == [f"evt_{number}" for number in dict.fromkeys(coming) if number not in handled][:limit]


async def test_the_first_outcome_stays_when_an_event_is_handled_twice(ledger: Ledger, inbox: Inbox) -> None:
    await inbox.receive(an_event(), b"{}", tenant="default")
    await inbox.mark_handled("evt_1", "signaled")
    before = await ledger.rows("select outcome, handled_at from webhook_inbox")

    await inbox.mark_handled("evt_1", "nobody to tell")

    assert await ledger.rows("select outcome, handled_at from webhook_inbox") == before
    assert before[0]["outcome"] == "signaled"
