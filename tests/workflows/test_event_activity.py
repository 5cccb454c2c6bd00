"""Events delivered by an activity alone: once, by the same schedule, and by one way if both have begun."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.events import EventActivities
from domain.events import deliveries
from domain.events.deliveries import SCHEDULE, Answer, DeliveryState, QueuedDelivery
from domain.names import event_delivery_id
from services.delivery_starter import ActivityStarter, WorkflowStarter
from services.events.dispatcher import TemporalEventDispatcher
from tests.contracts.in_memory.records import InMemoryRecords
from tests.harness.patience import until
from tests.workflows.world.mail_server import DirectDispatcher, InMemoryMailServer
from tests.workflows.world.receivers import InMemoryDeliveries, InMemoryReceivers
from tests.workflows.world.world import World
from workflows.event_delivery import EVENT_OPTIONS

AWAY = Answer(None, "no answer")
IN_SECONDS = tuple(timedelta(seconds=each) for each in (0, 0.2, 0.4, 0.2))


@pytest.fixture
async def endpoint(world: World) -> AsyncIterator[str]:
    """A receiver of this test's own."""
    name = str(uuid4())
    yield name
    world.receivers.answers.pop(name, None)
    world.receivers.before.pop(name, None)


def a_delivery(endpoint: str) -> QueuedDelivery:
    return QueuedDelivery(str(uuid4()), "default", str(uuid4()), endpoint)


async def outcome(world: World, delivery: QueuedDelivery) -> str:
    id_ = event_delivery_id(delivery.event, delivery.endpoint, delivery.round)
    return str(await world.client.get_activity_handle(id_, result_type=str).result())


async def test_an_event_is_sent_once_however_often_it_is_dispatched(world: World, endpoint: str) -> None:
    delivery, dispatcher = a_delivery(endpoint), TemporalEventDispatcher(ActivityStarter(world.client))

    await dispatcher.dispatch([delivery, delivery])
    assert await outcome(world, delivery) == "delivered"
    await dispatcher.dispatch([delivery])

    assert await outcome(world, delivery) == "delivered"
    assert len(world.receivers.taken[endpoint]) == 1


async def test_the_delays_that_are_asked_of_temporal_are_those_of_the_schedule() -> None:
    stored, receivers = InMemoryDeliveries(), InMemoryReceivers()
    delivery = a_delivery("away")
    receivers.answers["away"] = AWAY
    activities = EventActivities(stored, receivers, no_mails())
    asked: list[timedelta | None] = []

    for attempt in range(1, len(SCHEDULE)):
        with pytest.raises(ApplicationError) as failure:
            await by_itself(attempt).run(activities.deliver, delivery)
        assert not failure.value.non_retryable
        asked.append(failure.value.next_retry_delay)

    assert asked == list(SCHEDULE[1:])
    assert await by_itself(len(SCHEDULE)).run(activities.deliver, delivery) == "failed"
    assert EVENT_OPTIONS.retry_policy.maximum_attempts == 0
    assert EVENT_OPTIONS.schedule_to_close > timedelta(hours=76) > sum(SCHEDULE, timedelta())


async def test_a_receiver_that_comes_back_gets_the_event(
    world: World, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "SCHEDULE", IN_SECONDS)
    delivery = a_delivery(endpoint)
    world.receivers.answers[endpoint] = AWAY

    def comes_back() -> None:
        if len(world.deliveries.attempts[delivery]) == len(IN_SECONDS) - 1:
            world.receivers.answers[endpoint] = Answer(204)

    world.receivers.before[endpoint] = comes_back
    await TemporalEventDispatcher(ActivityStarter(world.client)).dispatch([delivery])

    assert await outcome(world, delivery) == "delivered"
    assert len(world.deliveries.attempts[delivery]) == len(IN_SECONDS)


async def test_a_receiver_that_stays_away_ends_as_failed(
    world: World, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "SCHEDULE", IN_SECONDS)
    delivery = a_delivery(endpoint)
    world.receivers.answers[endpoint] = AWAY

    await TemporalEventDispatcher(ActivityStarter(world.client)).dispatch([delivery])

    assert await outcome(world, delivery) == "failed"
    assert len(world.deliveries.attempts[delivery]) == len(IN_SECONDS)


@pytest.mark.parametrize("begins", [WorkflowStarter, ActivityStarter])
async def test_a_delivery_under_way_is_sent_by_one_way_when_the_way_is_changed(
    world: World,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    begins: type[WorkflowStarter] | type[ActivityStarter],
) -> None:
    monkeypatch.setattr(deliveries, "SCHEDULE", IN_SECONDS)
    follows = ActivityStarter if begins is WorkflowStarter else WorkflowStarter
    delivery = a_delivery(endpoint)
    world.receivers.answers[endpoint] = AWAY
    await TemporalEventDispatcher(begins(world.client)).dispatch([delivery])
    await until(lambda: world.deliveries.attempts[delivery])

    await TemporalEventDispatcher(follows(world.client)).dispatch([delivery])
    world.receivers.answers[endpoint] = Answer(200)

    id_ = event_delivery_id(delivery.event, delivery.endpoint, delivery.round)
    workflow = await world.client.get_workflow_handle(id_).result()
    assert {str(workflow), await outcome(world, delivery)} == {"delivered", "not needed"}
    assert len(world.receivers.taken[endpoint]) == 1


@pytest.mark.parametrize("starts", [WorkflowStarter, ActivityStarter])
async def test_a_delivery_that_was_lost_is_begun_again(
    world: World, endpoint: str, starts: type[WorkflowStarter] | type[ActivityStarter]
) -> None:
    world.receivers.answers[endpoint] = AWAY
    delivery, dispatcher = a_delivery(endpoint), TemporalEventDispatcher(starts(world.client))
    id_ = event_delivery_id(delivery.event, delivery.endpoint, delivery.round)
    await dispatcher.dispatch([delivery])
    await until(lambda: world.deliveries.attempts[delivery])
    await (
        world.client.get_workflow_handle(id_) if starts is WorkflowStarter else world.client.get_activity_handle(id_)
    ).terminate(reason="lost in an accident")
    world.receivers.answers[endpoint] = Answer(200)
    world.deliveries.claims.pop(delivery)

    await dispatcher.dispatch_again([delivery])

    await until(lambda: world.deliveries.states[delivery] is DeliveryState.DELIVERED)
    assert len(world.receivers.taken[endpoint]) == 1


def by_itself(attempt: int) -> ActivityEnvironment:
    """An attempt without a workflow around it."""
    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info,
        attempt=attempt,
        workflow_id=None,
        workflow_run_id=None,
        workflow_type=None,
        activity_run_id="run 1",
    )
    return environment


def no_mails() -> DirectDispatcher:
    """Nobody is mailed here."""
    return DirectDispatcher(InMemoryRecords(), InMemoryMailServer())
