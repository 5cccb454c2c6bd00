"""One time-skipping server for all tests of a process; every life that a test has begun is replayed at its end."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.harness.event_schemas import check, sent
from tests.harness.names import named_after
from tests.harness.workers import patient_workers
from tests.harness.workflow_coverage import MET
from tests.workflows.world.life import Life
from tests.workflows.world.replaying import replays
from tests.workflows.world.server import time_skipping_server
from tests.workflows.world.world import World

Begin = Callable[..., Awaitable[Life]]


@pytest.fixture(scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    with patient_workers():
        async with time_skipping_server() as environment:
            yield environment


@pytest.fixture(scope="session")
async def the_world(environment: WorkflowEnvironment, pytestconfig: pytest.Config) -> AsyncIterator[World]:
    async with World.at_work(environment) as world:
        yield world
        pytestconfig.stash[MET].met |= world.observed.met


@pytest.fixture
async def world(the_world: World) -> AsyncIterator[World]:
    """The world, in which everything works again when a test is over."""
    the_world.lives.clear()
    yield the_world
    the_world.provider.heal()
    the_world.mail_server.is_down = False
    for life in the_world.lives:
        the_world.observed.taken(life.journal)
        await replays(life)
        for event in the_world.records.events.values():
            if event.subscription == life.id:
                check(sent(event))


@pytest.fixture
def begin(world: World, request: pytest.FixtureRequest) -> Begin:
    """Sign a customer up who is named after the test."""

    async def begin(**more: object) -> Life:
        return await world.sign_up(named_after(request), **more)  # type: ignore[arg-type]  # told by name

    return begin
