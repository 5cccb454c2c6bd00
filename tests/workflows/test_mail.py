"""One workflow per mail: sent once, and again and again while the mail server is down."""

from collections.abc import AsyncIterator

import pytest

from domain.names import mail_workflow_id
from domain.notifications.ports import QueuedMail
from services.mail_dispatcher import TemporalMailDispatcher
from tests.contracts.database import InMemoryDatabase, signed_up
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.storage.ledger import a_mail, a_step, later
from tests.workflows.world.world import World


@pytest.fixture
async def queued(world: World) -> QueuedMail:
    """A mail that is stored and not sent."""
    database = InMemoryDatabase(world.records)
    it = await signed_up(database, a_name("mailed"))
    [mail] = await world.records.save(a_step(later(it), a_mail()))
    return mail


@pytest.fixture
async def dispatcher(world: World) -> AsyncIterator[TemporalMailDispatcher]:
    yield TemporalMailDispatcher(world.client)
    world.mail_server.is_down = False


async def test_a_mail_that_is_dispatched_twice_is_sent_once(
    world: World, dispatcher: TemporalMailDispatcher, queued: QueuedMail
) -> None:
    for _ in range(2):
        await dispatcher.dispatch([queued])

    assert await world.client.get_workflow_handle(mail_workflow_id(queued.id)).result() == "sent"
    assert [mail.id for mail in world.mail_server.sent if mail.id == queued.id] == [queued.id]


async def test_a_mail_that_found_the_server_down_is_sent_when_it_is_back(
    world: World, dispatcher: TemporalMailDispatcher, queued: QueuedMail
) -> None:
    world.mail_server.is_down = True
    await dispatcher.dispatch([queued])
    await until(lambda: queued.id in {mail.id for mail in world.mail_server.refused})
    assert world.records.mails[queued.id].status == "queued"

    world.mail_server.is_down = False

    assert await world.client.get_workflow_handle(mail_workflow_id(queued.id)).result() == "sent"
    assert world.records.mails[queued.id].status == "sent"
