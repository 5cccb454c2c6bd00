"""Customers whose time begins in the past: it stands still, and what they cause is kept until it is taken."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, moment, period_of

BEGINNING = datetime.now(UTC).replace(microsecond=0) - timedelta(days=100)


def kinds(taken: list[tuple[bytes, str]]) -> list[str]:
    return [json.loads(body)["type"] for body, _ in taken]


async def test_a_clock_that_begins_in_the_past_moves_only_when_it_is_moved(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.begin_in_the_past("ada", BEGINNING)
    begun = await shop.subscribe(await shop.customer())
    start, end = (moment(at) for at in period_of(begun))

    assert shop.simulator.now("ada") == start == BEGINNING
    assert shop.simulator.next_boundary("ada") == end
    assert "invoice.paid" in kinds(shop.simulator.take_webhooks("ada"))
    assert shop.simulator.take_webhooks("ada") == []
    await shop.simulator.advance("ada", end + timedelta(hours=1))
    renewed = shop.simulator.take_webhooks("ada")
    assert kinds(renewed)[-1] == "invoice.paid"
    assert moment(json.loads(renewed[-1][0])["created"]) == end + timedelta(hours=1)
    assert inbox.events == []


async def test_it_runs_with_real_time_once_it_may_and_webhooks_are_sent(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.begin_in_the_past("ada", BEGINNING)
    ada = await shop.customer()
    shop.simulator.take_webhooks("ada")
    shop.simulator.let_run("ada")

    assert abs(shop.simulator.now("ada") - datetime.now(UTC)) < timedelta(minutes=1)
    await shop.subscribe(ada)
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert "invoice.paid" in inbox.kinds


async def test_an_open_invoice_can_be_voided_in_the_dashboard(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])
    await shop.renew()

    assert shop.simulator.void_invoice("ada")["status"] == "void"
    assert (await shop.invoices(ada))[-1]["status"] == "void"
    with pytest.raises(ValueError, match="no open invoice"):
        shop.simulator.void_invoice("ada")
