"""A step's events are written with it, once, and so are their deliveries."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events.types import EventType
from domain.provider.payments import Invoice
from domain.subscription.journal import Entry, Step
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.subscriptions.write_model import SubscriptionRecords
from tests.builders import CAUSE, NOW
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.events.rows import Announced, an_endpoint, an_event, written
from tests.storage.ledger import Ledger, a_step, an_invoice, later


def renewal(subscription: Subscription, invoice: Invoice | None = None) -> Step:
    return a_step(subscription, entries=(Entry("renewed", NOW, "Renewed", CAUSE),), invoice=invoice)


async def types(ledger: Ledger) -> list[object]:
    return [row["type"] for row in await ledger.rows("select type from events order by txid, position")]


async def test_a_step_is_written_with_its_events_in_their_order(ledger: Ledger) -> None:
    it = later(await ledger.sign_up(), status=Status.ACTIVE)

    await ledger.save(renewal(it, invoice=an_invoice()))

    assert await types(ledger) == ["subscription.renewed", "subscription.activated", "invoice.paid"]
    [row] = await ledger.rows("select * from events where type = 'subscription.renewed'")
    assert (str(row["subscription"]), str(row["customer"]), row["sequence"]) == (it.id, it.customer, 2)
    assert (row["tenant"], row["at"], row["version"]) == ("default", NOW, 1)
    assert isinstance(row["payload"], dict)
    assert row["payload"]["subscription"]["status"] == "active"


async def test_a_step_that_is_written_twice_makes_each_event_once(ledger: Ledger) -> None:
    step = renewal(later(await ledger.sign_up()), invoice=an_invoice())
    await ledger.save(step)
    before = await ledger.everything()

    await ledger.save(step)

    assert await ledger.everything() == before


async def test_a_step_that_is_written_by_many_at_once_makes_each_event_once(ledger: Ledger) -> None:
    await an_endpoint(ledger.engine)
    step = renewal(later(await ledger.sign_up()))

    await asyncio.gather(*(ledger.save(step) for _ in range(5)))

    assert (await types(ledger), await ledger.count("event_deliveries")) == (["subscription.renewed"], 1)


async def test_there_is_no_event_of_a_step_that_could_not_be_written(ledger: Ledger) -> None:
    it = await ledger.sign_up()

    with pytest.raises(DBAPIError):
        await ledger.save(renewal(later(it), invoice=an_invoice(attempts=2**31)))

    assert await ledger.count("events") == 0


async def test_a_step_that_comes_late_makes_no_event(ledger: Ledger) -> None:
    it = await ledger.sign_up()
    await ledger.save(a_step(replace(it, sequence=5)))

    await ledger.save(renewal(replace(it, sequence=3)))

    assert await ledger.count("events") == 0


async def test_an_invoice_that_two_steps_say_is_paid_is_one_event(ledger: Ledger) -> None:
    it = later(await ledger.sign_up())
    await ledger.save(renewal(it, invoice=an_invoice()))

    await ledger.save(a_step(later(it), invoice=an_invoice()))

    assert (await types(ledger)).count("invoice.paid") == 1


# Deliveries


async def receivers(ledger: Ledger) -> set[tuple[str, str]]:
    found = await ledger.rows("select type, endpoint from event_deliveries d join events e on e.id = d.event")
    return {(str(row["type"]), str(row["endpoint"])) for row in found}


async def test_every_endpoint_that_wants_a_type_gets_a_delivery(ledger: Ledger) -> None:
    everything = await an_endpoint(ledger.engine)
    invoices = await an_endpoint(ledger.engine, EventType.INVOICE_PAID, EventType.REFUNDED)
    await an_endpoint(ledger.engine, EventType.CANCELED)
    await an_endpoint(ledger.engine, tenant="acme")

    await ledger.save(renewal(later(await ledger.sign_up()), invoice=an_invoice()))

    expected = {("subscription.renewed", everything), ("invoice.paid", everything), ("invoice.paid", invoices)}
    assert await receivers(ledger) == expected
    rows = await ledger.rows("select distinct state, round, attempts, handed_over_at from event_deliveries")
    assert rows == [{"state": "pending", "round": 0, "attempts": 0, "handed_over_at": None}]


async def test_an_endpoint_that_is_disabled_or_deleted_gets_nothing(ledger: Ledger) -> None:
    await an_endpoint(ledger.engine, state="disabled", disabled_reason="operator")
    await an_endpoint(ledger.engine, deleted_at=NOW)

    assert await written(ledger.engine, an_event()) == []
    assert await ledger.count("event_deliveries") == 0


async def test_an_event_that_is_written_again_begins_no_delivery(ledger: Ledger) -> None:
    endpoint, event = await an_endpoint(ledger.engine), an_event()
    [begun] = await written(ledger.engine, event)
    assert (begun.event, begun.endpoint, begun.tenant, begun.round) == (event.id, endpoint, "default", 0)

    assert await written(ledger.engine, event, other := an_event()) != []
    assert await ledger.count("event_deliveries") == 2
    assert [each.event for each in await written(ledger.engine, other)] == []


async def test_deliveries_are_announced_once_they_are_committed(ledger: Ledger) -> None:
    announced = Announced()
    records = SubscriptionRecords(ledger.engine, TRIAL_KEY, announced)
    endpoint, it = await an_endpoint(ledger.engine), await ledger.sign_up()

    await records.save(renewal(later(it)))

    [row] = await ledger.rows("select id from event_deliveries")
    assert [(delivery.id, delivery.endpoint) for delivery in announced.deliveries] == [(str(row["id"]), endpoint)]


async def test_nothing_is_announced_of_a_step_that_could_not_be_written(ledger: Ledger) -> None:
    announced = Announced()
    records = SubscriptionRecords(ledger.engine, TRIAL_KEY, announced)
    await an_endpoint(ledger.engine)
    it = await ledger.sign_up()

    with pytest.raises(DBAPIError):
        await records.save(renewal(later(it), invoice=an_invoice(attempts=2**31)))

    assert announced.deliveries == []


# Costs


async def test_a_step_with_events_costs_one_statement_more(ledger: Ledger, asked: list[str]) -> None:
    it = await ledger.sign_up()
    asked.clear()
    await ledger.save(a_step(later(it)))
    without = len(asked)
    asked.clear()

    await ledger.save(renewal(later(later(it)), invoice=an_invoice()))

    invoices = sum("INTO invoices" in statement for statement in asked)
    assert len(asked) - invoices == without + 1


async def test_more_endpoints_and_events_cost_no_more_statements(engine: AsyncEngine, asked: list[str]) -> None:
    for _ in range(10):
        await an_endpoint(engine)
    asked.clear()
    assert len(await written(engine, *(an_event() for _ in range(5)))) == 50
    assert len(asked) == 1
