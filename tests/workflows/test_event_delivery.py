"""One workflow per delivery: by the schedule while the receiver is away, and no slow receiver holds up another."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import Webhook
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.events import AT_ONCE
from domain.events.deliveries import SCHEDULE, Answer, DeliveryState, QueuedDelivery
from domain.names import event_delivery_id
from services.delivery_starter import WorkflowStarter
from services.events.dispatcher import TemporalEventDispatcher
from tests.harness.patience import until
from tests.workflows.world.world import World

AWAY = Answer(None, "no answer")
SKIPS_BY_ITSELF = TimeSkippingConfig(enabled=True)
"""The workflow's clock goes on to the next attempt as soon as nothing else is under way."""


@pytest.fixture
async def endpoint(world: World) -> AsyncIterator[str]:
    """A receiver of this test's own."""
    name = str(uuid4())
    yield name
    world.receivers.hanging.discard(name)
    world.receivers.answers.pop(name, None)
    world.receivers.before.pop(name, None)


def a_delivery(endpoint: str) -> QueuedDelivery:
    return QueuedDelivery(str(uuid4()), "default", str(uuid4()), endpoint)


def handle_of(client: Client, delivery: QueuedDelivery) -> WorkflowHandle[object, str]:
    return client.get_workflow_handle(event_delivery_id(delivery.event, delivery.endpoint, delivery.round))


async def sent(client: Client, *deliveries: QueuedDelivery) -> list[WorkflowHandle[object, str]]:
    await TemporalEventDispatcher(WorkflowStarter(client)).dispatch(deliveries)
    return [handle_of(client, each) for each in deliveries]


async def lasted(handle: WorkflowHandle[object, str]) -> timedelta:
    """How long the workflow ran by its own clock."""
    description = await handle.describe()
    assert description.close_time is not None
    return description.close_time - description.start_time


async def test_an_event_is_sent_once_however_often_it_is_dispatched(world: World, endpoint: str) -> None:
    delivery = a_delivery(endpoint)

    [handle] = await sent(world.client, delivery)
    await sent(world.client, delivery)

    assert await handle.result() == "delivered"
    await sent(world.client, delivery)
    assert await handle.result() == "delivered"
    [(headers, body)] = world.receivers.taken[endpoint]
    assert headers["webhook-id"] == delivery.event
    assert Webhook(world.deliveries.secret).verify(body, dict(headers)) == {"id": delivery.event}


async def test_a_receiver_that_stays_away_is_tried_by_the_schedule_for_76_hours(world: World, endpoint: str) -> None:
    world.receivers.answers[endpoint] = AWAY
    delivery = a_delivery(endpoint)

    [handle] = await sent(TimeSkipper(world.client, config=SKIPS_BY_ITSELF).client, delivery)

    assert await handle.result() == "failed"
    assert len(world.deliveries.attempts[delivery]) == len(SCHEDULE)
    whole = sum(SCHEDULE, timedelta())
    assert whole <= await lasted(handle) < whole + timedelta(minutes=5)


async def test_a_receiver_that_is_back_after_three_days_gets_what_it_has_missed(world: World, endpoint: str) -> None:
    world.receivers.answers[endpoint] = AWAY
    delivery = a_delivery(endpoint)
    back_at = len(SCHEDULE) - 1

    def comes_back() -> None:
        if len(world.deliveries.attempts[delivery]) >= back_at:
            world.receivers.answers[endpoint] = Answer(204)

    world.receivers.before[endpoint] = comes_back
    [handle] = await sent(TimeSkipper(world.client, config=SKIPS_BY_ITSELF).client, delivery)

    assert await handle.result() == "delivered"
    assert len(world.receivers.taken[endpoint]) == 1
    assert await lasted(handle) >= timedelta(days=3)


async def test_a_receiver_that_answers_gone_is_left_alone(world: World, endpoint: str) -> None:
    world.receivers.answers[endpoint] = Answer(410)
    delivery = a_delivery(endpoint)

    [handle] = await sent(world.client, delivery)

    assert await handle.result() == "canceled"
    assert len(world.deliveries.attempts[delivery]) == 1


async def test_a_slow_receiver_holds_up_no_other(world: World, endpoint: str) -> None:
    slow, fast = endpoint, str(uuid4())
    world.receivers.hanging.add(slow)
    waiting = [a_delivery(slow) for _ in range(AT_ONCE + 5)]
    await sent(world.client, *waiting)
    await until(lambda: world.receivers.in_progress[slow] == AT_ONCE)

    [handle] = await sent(world.client, a_delivery(fast))

    assert await handle.result() == "delivered"
    assert world.receivers.most_in_progress[slow] == AT_ONCE
    assert not any(world.deliveries.states.get(each) is DeliveryState.DELIVERED for each in waiting)
    world.receivers.hanging.discard(slow)
    for each in waiting:
        assert await handle_of(world.client, each).result() == "delivered"
