"""What becomes of deliveries and of their endpoints, and what waits to be handed over."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from domain.errors import GatewayUnavailable, Rejected
from domain.events.deliveries import SCHEDULE, Answer, Attempt, DeliveryState, QueuedDelivery
from domain.events.ports import Recorded
from domain.events.types import EventType
from domain.notifications.mail_types import Occasion
from gateways.encryption import AesGcmEncryption
from services.events.hand_over import HandOver
from storage.access.operator_mails import OperatorMails
from storage.access.operators import OperatorRole, Operators
from storage.db.cursors import PageRequest
from storage.db.engine import transaction
from storage.events.deliveries import DeliveryRecords
from storage.events.delivery_list import DeliveryList
from storage.events.delivery_queue import DeliveryQueue
from storage.events.endpoints import EndpointChange, NewEndpoint, WebhookEndpoints, cancel_deliveries, existing_endpoint
from tests.builders import NOW
from tests.harness.patience import until
from tests.storage.events.rows import an_endpoint, an_event, written
from tests.storage.ledger import Ledger

ENCRYPTION = AesGcmEncryption(["a-secret-of-32-characters-012345"])
AWAY = Answer(None, "no answer within 20 s")
DELIVERED, FAILED, CANCELED = DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.CANCELED


@pytest.fixture
async def endpoint(ledger: Ledger) -> str:
    new = NewEndpoint(uuid4(), "https://product.example/hooks", "", (), "admin k1")
    await WebhookEndpoints(ledger.engine, ENCRYPTION).create("default", new)
    return str(new.id)


@pytest.fixture
async def delivery(ledger: Ledger, endpoint: str) -> QueuedDelivery:
    [begun] = await written(ledger.engine, an_event())
    return begun


async def tried(ledger: Ledger, delivery: QueuedDelivery, answer: Answer) -> Recorded:
    records = DeliveryRecords(ledger.engine, ENCRYPTION)
    sending = await records.claim(delivery, "me")
    assert sending is not None
    return await records.record(sending, Attempt(NOW, timedelta(milliseconds=5), answer))


async def all_but_the_last(ledger: Ledger, delivery: QueuedDelivery) -> None:
    """Tries a delivery until one attempt of its schedule is left."""
    done = (await DeliveryList(ledger.engine).get("default", delivery.id))[0].attempts
    for _ in SCHEDULE[done:-1]:
        assert (await tried(ledger, delivery, AWAY)).verdict.retry_in


async def state_of(ledger: Ledger, delivery: QueuedDelivery) -> DeliveryState:
    return (await DeliveryList(ledger.engine).get("default", delivery.id))[0].state


async def endpoint_row(ledger: Ledger) -> tuple[object, object, bool]:
    [row] = await ledger.rows("select * from webhook_endpoints")
    return row["state"], row["disabled_reason"], row["failing_since"] is not None


async def test_what_is_sent_is_the_event_with_what_the_product_calls_its_customer(ledger: Ledger) -> None:
    it = await ledger.sign_up()
    id_ = uuid4()
    await WebhookEndpoints(ledger.engine, ENCRYPTION).create(
        "default", NewEndpoint(id_, "https://product.example/hooks", "", (EventType.RENEWED.value,), "")
    )
    event = an_event(customer=it.customer, subscription=it.id, sequence=7, payload={"subscription": {"id": it.id}})
    [delivery] = await written(ledger.engine, event)

    sending = await DeliveryRecords(ledger.engine, ENCRYPTION).claim(delivery, "me")

    assert sending is not None
    assert (sending.url, sending.attempts, len(sending.secrets)) == ("https://product.example/hooks", 0, 1)
    body = json.loads(sending.body)
    assert (body["id"], body["type"], body["sequence"]) == (event.id, "subscription.renewed", 7)
    assert body["data"]["customer"]["id"] == it.customer
    assert body["data"]["customer"]["external_id"]


async def test_an_attempt_that_succeeds_delivers_and_is_listed(ledger: Ledger, delivery: QueuedDelivery) -> None:
    await tried(ledger, delivery, AWAY)
    recorded = await tried(ledger, delivery, Answer(204, body="thanks"))

    assert recorded.verdict.state is DELIVERED
    row, attempts = await DeliveryList(ledger.engine).get("default", delivery.id)
    assert (row.state, row.attempts, row.last_status, row.next_attempt_at) == (DELIVERED, 2, 204, None)
    assert [(each.status, each.error, each.answer) for each in attempts] == [
        (204, "", "thanks"),
        (None, "no answer within 20 s", ""),
    ]
    assert await DeliveryRecords(ledger.engine, ENCRYPTION).claim(delivery, "me") is None


async def test_the_schedule_is_counted_by_what_was_recorded_and_its_last_attempt_gives_up(
    ledger: Ledger, delivery: QueuedDelivery
) -> None:
    verdicts = [(await tried(ledger, delivery, AWAY)).verdict for _ in SCHEDULE]

    assert [verdict.retry_in for verdict in verdicts] == [*SCHEDULE[1:], None]
    assert await state_of(ledger, delivery) is FAILED


async def test_an_attempt_that_two_workers_made_counts_once(ledger: Ledger, delivery: QueuedDelivery) -> None:
    records = DeliveryRecords(ledger.engine, ENCRYPTION)
    sending = await records.claim(delivery, "me")
    assert sending is not None

    for answer in (Answer(200), AWAY):
        await records.record(sending, Attempt(NOW, timedelta(), answer))

    row, attempts = await DeliveryList(ledger.engine).get("default", delivery.id)
    assert (row.state, row.attempts, len(attempts)) == (DELIVERED, 1, 1)


async def test_an_endpoint_that_is_gone_is_disabled_with_all_that_is_on_its_way(
    ledger: Ledger, delivery: QueuedDelivery
) -> None:
    [another] = await written(ledger.engine, an_event())

    await tried(ledger, delivery, Answer(410))

    assert await endpoint_row(ledger) == ("disabled", "gone", False)
    assert [await state_of(ledger, each) for each in (delivery, another)] == [CANCELED, CANCELED]


async def test_an_attempt_that_ends_while_its_endpoint_is_disabled_waits_and_blocks_nobody(
    ledger: Ledger, delivery: QueuedDelivery
) -> None:
    records = DeliveryRecords(ledger.engine, ENCRYPTION)
    sending = await records.claim(delivery, "me")
    assert sending is not None
    endpoint = UUID(delivery.endpoint)

    async with transaction(ledger.engine) as connection:
        await existing_endpoint(connection, "default", delivery.endpoint, lock=True)
        recording = asyncio.create_task(records.record(sending, Attempt(NOW, timedelta(), Answer(410))))

        async def waits() -> bool:
            found = await connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(found.scalar_one())

        await until(waits)
        await cancel_deliveries(connection, endpoint)

    assert (await recording).verdict.is_gone
    assert await state_of(ledger, delivery) is CANCELED


async def test_a_step_writes_deliveries_while_an_endpoint_recovers(ledger: Ledger, endpoint: str) -> None:
    async with transaction(ledger.engine) as connection:
        await existing_endpoint(connection, "default", endpoint, lock=True)

        async with asyncio.timeout(10):
            assert len(await written(ledger.engine, an_event())) == 1


async def test_an_endpoint_that_failed_for_five_days_is_disabled_with_one_mail_to_each_who_can_act(
    ledger: Ledger, delivery: QueuedDelivery
) -> None:
    operators = Operators(ledger.engine)
    for name, role in (("ada", OperatorRole.ADMIN), ("bob", OperatorRole.READ_ONLY), ("eve", OperatorRole.OPERATOR)):
        await operators.add(f"{name}@example.com", role, tenant="default")
    assert not (await tried(ledger, delivery, AWAY)).mails
    await all_but_the_last(ledger, delivery)
    [another] = await written(ledger.engine, an_event())
    long_ago = "update webhook_endpoints set failing_since = now() - interval '5 days 1 minute'"
    await ledger.run(long_ago)

    mails = (await tried(ledger, delivery, AWAY)).mails

    assert {mail.occasion for mail in mails} == {Occasion.ENDPOINT_DISABLED}
    assert await endpoint_row(ledger) == ("disabled", "failing", True)
    assert await state_of(ledger, another) is CANCELED
    claimed = [await OperatorMails(ledger.engine).claim(mail.id, "me") for mail in mails]
    assert {mail.contact.email for mail in claimed if mail} == {"ada@example.com", "eve@example.com"}
    assert all(mail and mail.facts["endpoint_url"] == "https://product.example/hooks" for mail in claimed)


async def test_a_quiet_endpoint_that_fails_once_is_tried_again_however_long_ago_something_failed(
    ledger: Ledger, delivery: QueuedDelivery
) -> None:
    await tried(ledger, delivery, AWAY)
    await ledger.run("update webhook_endpoints set failing_since = now() - interval '6 days'")
    [later] = await written(ledger.engine, an_event())

    recorded = await tried(ledger, later, Answer(503))

    assert recorded.verdict.retry_in == SCHEDULE[1]
    assert not recorded.mails
    assert await endpoint_row(ledger) == ("enabled", "", True)
    assert await state_of(ledger, later) is DeliveryState.PENDING


async def test_an_endpoint_with_another_url_has_failed_nowhere_yet(
    ledger: Ledger, endpoint: str, delivery: QueuedDelivery
) -> None:
    await tried(ledger, delivery, AWAY)
    await all_but_the_last(ledger, delivery)
    await ledger.run("update webhook_endpoints set failing_since = now() - interval '6 days'")
    endpoints = WebhookEndpoints(ledger.engine, ENCRYPTION)

    await endpoints.change("default", endpoint, EndpointChange(url="https://product.example/mended"))
    recorded = await tried(ledger, delivery, AWAY)

    assert recorded.verdict.state is FAILED
    assert await endpoint_row(ledger) == ("enabled", "", True)


async def test_mails_about_it_are_dispatched_again_if_nobody_did(ledger: Ledger, delivery: QueuedDelivery) -> None:
    await Operators(ledger.engine).add("ada@example.com", OperatorRole.ADMIN, tenant="default")
    await all_but_the_last(ledger, delivery)
    await ledger.run("update webhook_endpoints set failing_since = now() - interval '6 days'")
    [mail] = (await tried(ledger, delivery, AWAY)).mails
    mails = OperatorMails(ledger.engine)
    assert await mails.left_behind(limit=10) == []

    await ledger.run("update operator_mails set created_at = now() - interval '2 minutes'")

    assert await mails.left_behind(limit=10) == [mail]


async def test_an_endpoint_that_succeeds_is_not_failing_any_more(ledger: Ledger, delivery: QueuedDelivery) -> None:
    await tried(ledger, delivery, AWAY)
    assert await endpoint_row(ledger) == ("enabled", "", True)

    await tried(ledger, delivery, Answer(200))

    assert await endpoint_row(ledger) == ("enabled", "", False)


async def test_what_was_written_while_its_endpoint_was_disabled_is_canceled_when_its_turn_comes(
    ledger: Ledger, delivery: QueuedDelivery
) -> None:
    await ledger.run("update webhook_endpoints set state = 'disabled', disabled_reason = 'operator'")

    assert await DeliveryRecords(ledger.engine, ENCRYPTION).claim(delivery, "me") is None
    assert await state_of(ledger, delivery) is CANCELED


async def test_a_delivery_is_begun_again_whatever_became_of_it_and_by_the_whole_schedule(
    ledger: Ledger, delivery: QueuedDelivery
) -> None:
    await tried(ledger, delivery, Answer(200))

    row, again = await DeliveryList(ledger.engine).resend("default", delivery.id)

    assert (row.state, again.round) == (DeliveryState.PENDING, 1)
    assert (await tried(ledger, again, AWAY)).verdict.retry_in == SCHEDULE[1]
    assert await DeliveryRecords(ledger.engine, ENCRYPTION).claim(delivery, "me") is None  # of the round before


async def test_nothing_is_begun_again_to_a_disabled_endpoint(
    ledger: Ledger, endpoint: str, delivery: QueuedDelivery
) -> None:
    await tried(ledger, delivery, Answer(410))
    deliveries = DeliveryList(ledger.engine)

    for asked in (deliveries.resend("default", delivery.id), deliveries.recover("default", endpoint, NOW)):
        with pytest.raises(Rejected) as refused:
            await asked
        assert refused.value.code == "webhook_endpoint_disabled"


async def test_an_endpoint_gets_what_it_has_missed_and_nothing_twice(ledger: Ledger, endpoint: str) -> None:
    [taken, failed] = await written(ledger.engine, an_event(), an_event())
    await tried(ledger, taken, Answer(200))
    for _ in SCHEDULE:
        await tried(ledger, failed, AWAY)
    await ledger.run("update webhook_endpoints set state = 'disabled', disabled_reason = 'operator'")
    await written(ledger.engine, an_event())
    await ledger.run("update webhook_endpoints set state = 'enabled', disabled_reason = ''")
    [under_way] = await written(ledger.engine, an_event())
    deliveries = DeliveryList(ledger.engine)

    recovery = await deliveries.recover("default", endpoint, NOW - timedelta(days=3650))

    assert (recovery.deliveries, recovery.is_all) == (2, True)
    pending = (await deliveries.find("default", endpoint, PageRequest(), DeliveryState.PENDING)).rows
    assert len(pending) == 3
    assert {taken.id} == {each.id for each in (await deliveries.find("default", endpoint, PageRequest())).rows} - {
        each.id for each in pending
    }
    assert under_way.id in {each.id for each in pending}
    assert (await deliveries.recover("default", endpoint, NOW)).deliveries == 0


async def test_an_endpoint_of_some_types_misses_no_others(ledger: Ledger) -> None:
    await written(ledger.engine, an_event(), an_event(EventType.CANCELED))
    endpoint = await an_endpoint(ledger.engine, EventType.CANCELED)

    recovery = await DeliveryList(ledger.engine).recover("default", endpoint, NOW - timedelta(days=3650))

    assert recovery.deliveries == 1


@pytest.mark.parametrize("delivery", ["", "not-an-id", "00000000-0000-4000-8000-000000000000"])
async def test_what_is_no_delivery_of_the_tenant_is_unknown(ledger: Ledger, delivery: str) -> None:
    with pytest.raises(Rejected) as refused:
        await DeliveryList(ledger.engine).get("default", delivery)
    assert refused.value.code == "unknown_delivery"


class Dispatcher:
    """Takes deliveries; implements `EventDispatcher`."""

    def __init__(self) -> None:
        self.taken: list[QueuedDelivery] = []
        self.is_down = False

    async def dispatch(self, deliveries: Sequence[QueuedDelivery]) -> None:
        if self.is_down:
            raise GatewayUnavailable("Temporal does not respond")
        self.taken += deliveries

    async def dispatch_again(self, deliveries: Sequence[QueuedDelivery]) -> None:
        await self.dispatch(deliveries)


async def test_none_of_a_thousand_committed_deliveries_is_lost_with_the_process_that_wrote_them(
    ledger: Ledger, endpoint: str
) -> None:
    begun = await written(ledger.engine, *(an_event() for _ in range(1000)))
    queue, dispatcher = DeliveryQueue(ledger.engine), Dispatcher()
    assert await HandOver(queue, dispatcher).sweep(60) == 0, "they are left to who wrote them, for a while"
    await ledger.run("update event_deliveries set created_at = now() - interval '31 seconds'")
    dispatcher.is_down = True
    with pytest.raises(GatewayUnavailable):
        await HandOver(queue, dispatcher).sweep(60)

    dispatcher.is_down = False
    handed_over = [await HandOver(queue, dispatcher).sweep(60) for _ in range(2)]

    assert handed_over == [1000, 0]
    assert len(begun) == len(dispatcher.taken) == len(set(dispatcher.taken)) == 1000
    assert set(begun) == set(dispatcher.taken)
    assert {each.endpoint for each in dispatcher.taken} == {str(UUID(endpoint))}
