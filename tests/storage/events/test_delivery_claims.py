"""A delivery belongs to the run that claims it, in all its attempts, until that is overdue."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, update

from domain.errors import GatewayBusy
from domain.events.deliveries import SCHEDULE, Answer, Attempt, QueuedDelivery
from gateways.encryption import AesGcmEncryption
from storage.claims import OVERDUE_AFTER
from storage.db.engine import transaction
from storage.events.deliveries import DeliveryRecords
from storage.events.delivery_list import DeliveryList
from storage.events.delivery_queue import DeliveryQueue
from storage.schema.event_tables import event_deliveries
from tests.builders import NOW
from tests.storage.events.rows import an_endpoint, an_event, written
from tests.storage.ledger import Ledger

AWAY = Attempt(NOW, timedelta(seconds=1), Answer(None, "no answer"))


@pytest.fixture
async def records(ledger: Ledger) -> DeliveryRecords:
    return DeliveryRecords(ledger.engine, AesGcmEncryption(["secret" * 8]))


@pytest.fixture
async def delivery(ledger: Ledger) -> QueuedDelivery:
    """An event that waits to be sent."""
    it = await ledger.sign_up()
    await an_endpoint(ledger.engine)
    [waiting] = await written(ledger.engine, an_event(customer=it.customer))
    return waiting


async def test_of_runs_that_ask_at_once_one_gets_the_delivery(
    records: DeliveryRecords, delivery: QueuedDelivery
) -> None:
    asked = (records.claim(delivery, f"run {number}") for number in range(5))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(isinstance(each, GatewayBusy) for each in answers) == [False, True, True, True, True]


async def test_a_run_keeps_its_delivery_until_its_next_attempt_is_overdue(
    ledger: Ledger, records: DeliveryRecords, delivery: QueuedDelivery
) -> None:
    sending = await records.claim(delivery, "a run")
    assert sending is not None
    await records.record(sending, AWAY)

    with pytest.raises(GatewayBusy) as busy:
        await records.claim(delivery, "another run")
    again = await records.claim(delivery, "a run")

    left = (SCHEDULE[1] + OVERDUE_AFTER).total_seconds()
    assert left - 60 < busy.value.retry_after <= left
    assert again is not None
    assert again.attempts == 1


async def test_a_run_that_does_not_come_back_loses_its_delivery(
    ledger: Ledger, records: DeliveryRecords, delivery: QueuedDelivery
) -> None:
    await records.claim(delivery, "a run")
    async with transaction(ledger.engine) as connection:
        await connection.execute(update(event_deliveries).values(claimed_until=func.now()))

    assert await records.claim(delivery, "another run") is not None
    with pytest.raises(GatewayBusy):
        await records.claim(delivery, "a run")


async def test_a_delivery_that_nobody_came_back_to_is_begun_again_once_an_hour(
    ledger: Ledger, records: DeliveryRecords, delivery: QueuedDelivery
) -> None:
    queue = DeliveryQueue(ledger.engine)
    await queue.mark_handed_over([delivery])
    assert await queue.release_lost(limit=10) == []

    for lost_by in ("Temporal", "the run that had claimed it"):
        if lost_by != "Temporal":
            await records.claim(delivery, "a run")
        async with transaction(ledger.engine) as connection:
            await connection.execute(update(event_deliveries).values(claimed_until=func.now()))
        assert await queue.release_lost(limit=10) == [delivery], lost_by
        assert await queue.release_lost(limit=10) == [], lost_by

    assert await records.claim(delivery, "the run that follows") is not None


async def test_a_hand_over_that_is_noted_late_takes_the_delivery_from_nobody(
    ledger: Ledger, records: DeliveryRecords, delivery: QueuedDelivery
) -> None:
    await records.claim(delivery, "a run")
    await DeliveryQueue(ledger.engine).mark_handed_over([delivery])
    with pytest.raises(GatewayBusy):
        await records.claim(delivery, "another run")


async def test_what_was_delivered_is_never_lost(
    ledger: Ledger, records: DeliveryRecords, delivery: QueuedDelivery
) -> None:
    sending = await records.claim(delivery, "a run")
    assert sending is not None
    await records.record(sending, replace(AWAY, answer=Answer(200)))
    async with transaction(ledger.engine) as connection:
        await connection.execute(update(event_deliveries).values(claimed_until=func.now()))
    assert await DeliveryQueue(ledger.engine).release_lost(limit=10) == []


async def test_what_is_sent_again_is_nobodys_yet(
    ledger: Ledger, records: DeliveryRecords, delivery: QueuedDelivery
) -> None:
    await records.claim(delivery, "a run")
    _, waiting = await DeliveryList(ledger.engine).resend(delivery.tenant, delivery.id)

    assert await records.claim(waiting, "the run of the next round") is not None
    assert await records.claim(delivery, "a run") is None
