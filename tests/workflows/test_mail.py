"""One delivery per mail, by a workflow or by itself: sent once, and again and again while the mail server is down."""

from collections.abc import AsyncIterator

import pytest

from domain.names import mail_workflow_id
from domain.notifications.ports import QueuedMail
from services.delivery_starter import (
    DeliveryStatus,
    check_standalone_activities,
    delivery_starter,
    delivery_status,
)
from services.mail_dispatcher import TemporalMailDispatcher
from tests.contracts.database import InMemoryDatabase, signed_up
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.storage.ledger import a_mail, a_step, later
from tests.workflows.world.world import World


@pytest.fixture
async def queued(world: World) -> AsyncIterator[QueuedMail]:
    """A mail that is stored and not sent."""
    yield await a_queued_mail(world)
    world.mail_server.is_down = False


async def a_queued_mail(world: World) -> QueuedMail:
    it = await signed_up(InMemoryDatabase(world.records), a_name("mailed"))
    [mail] = await world.records.save(a_step(later(it), a_mail()))
    return mail


@pytest.fixture(params=[False, True], ids=["by a workflow", "by itself"])
def standalone(request: pytest.FixtureRequest) -> bool:
    """The way in which mails are delivered."""
    return bool(request.param)


@pytest.fixture
def dispatcher(world: World, standalone: bool) -> TemporalMailDispatcher:
    return a_dispatcher(world, standalone=standalone)


def a_dispatcher(world: World, *, standalone: bool) -> TemporalMailDispatcher:
    return TemporalMailDispatcher(world.client, delivery_starter(world.client, standalone=standalone))


async def outcome(world: World, mail: QueuedMail, *, standalone: bool) -> str:
    """How the delivery ends."""
    id_ = mail_workflow_id(mail.id)
    if standalone:
        return str(await world.client.get_activity_handle(id_, result_type=str).result())
    return str(await world.client.get_workflow_handle(id_).result())


def copies(world: World, mail: QueuedMail) -> int:
    """How often it was sent."""
    return sum(each.id == mail.id for each in world.mail_server.sent)


async def test_a_mail_that_is_dispatched_twice_is_sent_once(
    world: World, dispatcher: TemporalMailDispatcher, queued: QueuedMail, standalone: bool
) -> None:
    for _ in range(2):
        await dispatcher.dispatch([queued])

    assert await outcome(world, queued, standalone=standalone) == "sent"
    await dispatcher.dispatch([queued])
    assert copies(world, queued) == 1
    assert await delivery_status(world.client, mail_workflow_id(queued.id)) is DeliveryStatus.ENDED


async def test_a_mail_begins_at_once_on_the_worker_that_has_written_it_unless_temporal_is_to_choose_one(
    world: World,
) -> None:
    for eager in (True, False):
        mail = await a_queued_mail(world)
        starter = delivery_starter(world.client, standalone=False, eager=eager)
        await TemporalMailDispatcher(world.client, starter).dispatch([mail])
        assert await outcome(world, mail, standalone=False) == "sent"

        delivery = world.client.get_workflow_handle(mail_workflow_id(mail.id))
        started = await anext(aiter(delivery.fetch_history_events()))
        assert started.workflow_execution_started_event_attributes.eager_execution_accepted is eager


async def test_a_mail_that_found_the_server_down_is_sent_when_it_is_back(
    world: World, dispatcher: TemporalMailDispatcher, queued: QueuedMail, standalone: bool
) -> None:
    world.mail_server.is_down = True
    await dispatcher.dispatch([queued])
    await until(lambda: queued.id in {mail.id for mail in world.mail_server.refused})
    assert world.records.mails[queued.id].status == "queued"
    assert await delivery_status(world.client, mail_workflow_id(queued.id)) is DeliveryStatus.RUNNING

    world.mail_server.is_down = False

    assert await outcome(world, queued, standalone=standalone) == "sent"
    assert world.records.mails[queued.id].status == "sent"


async def test_a_mail_that_was_given_up_is_sent_when_it_is_asked_for_again(
    world: World, dispatcher: TemporalMailDispatcher, queued: QueuedMail, standalone: bool
) -> None:
    await world.records.mark_refused(queued.id, "no such address")
    await dispatcher.dispatch([queued])
    assert await outcome(world, queued, standalone=standalone) == "not needed"
    world.records.queue_again(queued.id)

    await dispatcher.dispatch([queued])
    assert copies(world, queued) == 0
    await dispatcher.dispatch_again(queued)

    assert await outcome(world, queued, standalone=standalone) == "sent"


async def test_a_mail_under_way_is_sent_once_when_the_way_of_delivery_is_changed(
    world: World, dispatcher: TemporalMailDispatcher, queued: QueuedMail, standalone: bool
) -> None:
    world.mail_server.is_down = True
    await dispatcher.dispatch([queued])
    await until(lambda: queued.id in {mail.id for mail in world.mail_server.refused})

    await a_dispatcher(world, standalone=not standalone).dispatch([queued])
    world.mail_server.is_down = False

    outcomes = {await outcome(world, queued, standalone=way) for way in (True, False)}
    assert outcomes == {"sent", "not needed"}
    assert copies(world, queued) == 1


async def test_nothing_delivers_a_mail_that_was_never_dispatched(world: World, queued: QueuedMail) -> None:
    assert await delivery_status(world.client, mail_workflow_id(queued.id)) is DeliveryStatus.LOST


async def test_the_server_of_the_sandbox_runs_activities_by_themselves(world: World) -> None:
    await check_standalone_activities(world.client)
