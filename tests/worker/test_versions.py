"""Which version of the workers gets the work, and when one takes it by itself: on a real server, with toys."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from configuration.settings import VersionSettings
from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE
from sandbox.stack import Stack
from services.worker_deployments import QUEUES, VersionState, WorkerDeployments
from tenure.cli.doctor_versions import examine_versions
from tests.harness.names import named_after
from tests.harness.patience import until
from tests.workflows.namespaces import elsewhere
from worker import versions
from worker.versions import Turn

NAME = "tenure/eu"


@workflow.defn(name="Toy", sandboxed=False)
class Toy:
    """Does nothing."""

    @workflow.run
    async def run(self) -> None: ...


@activity.defn(name="nothing")
async def nothing() -> None: ...


@pytest.fixture
async def client(stack: Stack, request: pytest.FixtureRequest) -> Client:
    """A client for a namespace without workers."""
    return await elsewhere(stack.client, named_after(request))


@pytest.fixture
def deployment(client: Client) -> WorkerDeployments:
    return WorkerDeployments(client, NAME)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Namespaces whose Schedules are kept."""
    kept: list[str] = []

    async def keep(client: Client) -> None:
        kept.append(client.namespace)

    monkeypatch.setattr(versions, "keep_schedules", keep)
    monkeypatch.setattr(versions, "LOOK_EVERY", versions.LOOK_EVERY / 50)
    return kept


@asynccontextmanager
async def workers(client: Client, build: str | None, queues: Sequence[str] = tuple(QUEUES)) -> AsyncIterator[None]:
    """Workers of a build, or without a version."""
    config = None
    if build is not None:
        config = WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(NAME, build),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.PINNED,
        )
    async with AsyncExitStack() as running:
        for queue in queues:
            toys = {"workflows": [Toy]} if queue == LIFECYCLE_QUEUE else {"activities": [nothing]}
            await running.enter_async_context(
                Worker(client, task_queue=queue, identity=f"{build}", deployment_config=config, **toys)
            )
        yield


def turn(client: Client, build: str) -> Turn:
    return Turn(client, WorkerDeploymentVersion(NAME, build))


async def test_the_first_version_takes_the_work_itself_where_no_other_worker_runs(
    client: Client, deployment: WorkerDeployments, kept: list[str]
) -> None:
    async with workers(client, "A"):
        await turn(client, "A").wait()
        await client.execute_workflow("Toy", id="toy", task_queue=LIFECYCLE_QUEUE)

    assert (await deployment.status()).current == "A"
    assert kept == [client.namespace]


async def test_a_version_leaves_work_and_schedules_to_whoever_has_the_work_until_it_is_made_current(
    client: Client, deployment: WorkerDeployments, kept: list[str]
) -> None:
    async with workers(client, None), workers(client, "A"):
        await until(lambda: is_complete(deployment, "A"))
        await until(lambda: has_unversioned(deployment))
        assert not await turn(client, "A")._has_come()
        assert await examine_versions(client, VersionSettings()) == "without versions"
        assert (await deployment.status()).versions[0].state is VersionState.INACTIVE
        assert kept == []

        await deployment.set_current("A")
        await turn(client, "A").wait()
        with pytest.raises(GatewayUnavailable, match="build A of deployment tenure/eu is current"):
            await until(lambda: says_nothing_wrong_without_versions(client))

        async with workers(client, "B"):
            await until(lambda: is_complete(deployment, "B"))
            assert not await turn(client, "B")._has_come()
            await deployment.ramp("B", 25)
            status = await deployment.status()
            assert (status.current, status.ramping, status.ramping_percentage) == ("A", "B", 25)
            await deployment.ramp("B", 0)
            assert (await deployment.status()).ramping == ""
    assert kept == [client.namespace]


async def test_a_version_whose_workers_are_not_there_cannot_be_made_current(
    client: Client, deployment: WorkerDeployments
) -> None:
    with pytest.raises(
        Rejected, match="no worker of build A polls events, lifecycle, mail, payments, records yet: start"
    ):
        await deployment.set_current("A")
    async with workers(client, "A", [LIFECYCLE_QUEUE]):
        await until(lambda: polls(deployment, LIFECYCLE_QUEUE))
        with pytest.raises(Rejected, match="no worker of build A polls events, mail, payments, records yet"):
            await deployment.set_current("A")

    assert (await deployment.status()).current == ""


async def test_the_doctor_says_when_no_worker_gets_the_work(client: Client, deployment: WorkerDeployments) -> None:
    settings = VersionSettings(deployment=NAME, build_id="A")
    with pytest.raises(GatewayUnavailable, match="no version is current, so nothing runs"):
        await examine_versions(client, settings)
    async with workers(client, "A"):
        await until(lambda: is_complete(deployment, "A"))
        await deployment.set_current("A")
        await until(lambda: runs(deployment, "A"))
        assert await examine_versions(client, settings) == "build A current"
        await deployment.set_current("")
        assert (await deployment.status()).current == ""


async def is_complete(deployment: WorkerDeployments, build: str) -> bool:
    return not await deployment.missing_queues(build)


async def polls(deployment: WorkerDeployments, queue: str) -> bool:
    return queue not in await deployment.missing_queues("A")


async def runs(deployment: WorkerDeployments, build: str) -> bool:
    return build in (await deployment.running()).builds


async def has_unversioned(deployment: WorkerDeployments) -> bool:
    return (await deployment.running()).has_unversioned


async def says_nothing_wrong_without_versions(client: Client) -> bool:
    """False as long as a change of who is current has not got around."""
    await examine_versions(client, VersionSettings())
    return False
