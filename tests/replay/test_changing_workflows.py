"""Each way of changing a workflow's code while workflows run, and what fails without it.

docs/decisions/0012-three-ways-to-change-a-workflow.md says when to use which.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, Worker, WorkerDeploymentConfig

from sandbox.temporal import NAMESPACE, TemporalDevServer
from services.payload_codec import converter_with
from tests.harness.patience import PATIENT, until
from tests.replay import changing
from tests.replay.changing import (
    Careless,
    First,
    GatedByData,
    NewerOrder,
    OldOrder,
    Order,
    PatchDeprecated,
    Patched,
    Served,
)

QUEUE = "changing"


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with TemporalDevServer(None, ui=False) as server:
        yield await Client.connect(server.address)


async def _history(client: Client, code: type, order: object) -> WorkflowHistory:
    """The history of *code*, run to its end."""
    async with Worker(client, task_queue=QUEUE, workflows=[code]):
        handle = await client.start_workflow("Toy", order, id=str(uuid4()), task_queue=QUEUE)
        await handle.result()
    return await handle.fetch_history()


async def _replay(history: WorkflowHistory, code: type) -> None:
    await Replayer(workflows=[code]).replay_workflow(history)


async def test_a_step_added_without_versioning_breaks_running_workflows(client: Client) -> None:
    begun_before = await _history(client, First, OldOrder("ada"))

    with pytest.raises(workflow.NondeterminismError):
        await _replay(begun_before, Careless)


async def test_with_a_new_input_field_earlier_workflows_have_its_default(client: Client) -> None:
    begun_before = await _history(client, First, OldOrder("ada"))
    begun_after = await _history(client, GatedByData, Order("grace", waits_twice=True))

    await _replay(begun_before, GatedByData)
    await _replay(begun_after, GatedByData)
    assert _timers(begun_after) == 2


async def test_an_input_that_older_workers_cannot_read_waits_for_a_newer_one(client: Client) -> None:
    newer = Client(client.service_client, namespace=client.namespace, data_converter=converter_with(()))
    queue = f"{QUEUE}-{uuid4()}"

    async with Worker(client, task_queue=queue, workflows=[GatedByData]):
        order = NewerOrder("ada", waits_twice=True)
        handle = await newer.start_workflow("Toy", order, id=str(uuid4()), task_queue=queue)
        await until(partial(_has_failed_task, handle))
    async with Worker(newer, task_queue=queue, workflows=[GatedByData]):
        await handle.result()

    assert _timers(await handle.fetch_history()) == 2


async def _has_failed_task(handle: WorkflowHandle[Any, Any]) -> bool:
    events = (await handle.fetch_history()).events
    return any(event.HasField("workflow_task_failed_event_attributes") for event in events)


async def test_a_patch_lets_old_and_new_workflows_run_until_the_old_have_ended(client: Client) -> None:
    begun_before = await _history(client, First, OldOrder("ada"))
    begun_after = await _history(client, Patched, OldOrder("grace"))

    await _replay(begun_before, Patched)
    await _replay(begun_after, Patched)
    assert _timers(begun_after) == 2


async def test_a_patch_is_deprecated_once_no_older_workflow_runs(client: Client) -> None:
    begun_before = await _history(client, First, OldOrder("ada"))
    begun_after = await _history(client, Patched, OldOrder("grace"))

    await _replay(begun_after, PatchDeprecated)
    with pytest.raises(workflow.NondeterminismError):
        await _replay(begun_before, PatchDeprecated)


async def test_a_pinned_workflow_stays_on_its_version_and_new_ones_start_on_the_next(client: Client) -> None:
    async with _two_versions(client) as release:
        old = await release.start("Pinned")
        await release.make_current("2.0")
        new = await release.start_on("Pinned", "2.0")

        assert await old.execute_update(Served.served_by) == "1.0"
        assert [await _let_go(one) for one in (old, new)] == ["1.0", "2.0"]


async def test_an_upgrading_workflow_is_served_by_the_current_version(client: Client) -> None:
    async with _two_versions(client) as release:
        old = await release.start("Upgrading")
        assert await old.execute_update(Served.served_by) == "1.0"
        await release.make_current("2.0")

        await _until_served_by(old, "2.0")
        assert await _let_go(old) == "2.0"


async def test_a_pinned_workflow_upgrades_when_it_continues_as_new(client: Client) -> None:
    async with _two_versions(client) as release:
        old = await release.start("Moving")
        assert await old.execute_update(Served.served_by) == "1.0"
        await release.make_current("2.0")

        latest = client.get_workflow_handle(old.id)
        await _until_served_by(latest, "2.0")
        assert await _let_go(latest) == "2.0"
        assert (await latest.describe()).run_id != old.first_execution_run_id


class _Release:
    """A deployment with two running versions of the code."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def worker(self, version: str, workflows: Sequence[type]) -> Worker:
        deployed = WorkerDeploymentVersion(self._name, version)
        config = WorkerDeploymentConfig(version=deployed, use_worker_versioning=True)
        return Worker(self._client, task_queue=self._name, workflows=workflows, deployment_config=config)

    async def make_current(self, version: str) -> None:
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=NAMESPACE, deployment_name=self._name, build_id=version
        )
        async with asyncio.timeout(PATIENT):
            while not await self._is_made_current(request):  # noqa: ASYNC110 - the server sends no notification
                await asyncio.sleep(0.02)

    async def _is_made_current(self, request: SetWorkerDeploymentCurrentVersionRequest) -> bool:
        try:
            await self._client.workflow_service.set_worker_deployment_current_version(request, retry=True)
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                raise
            return False  # the server does not know the version's worker yet
        return True

    async def start(self, kind: str) -> WorkflowHandle[Any, str]:
        """Start a workflow, and return once a worker runs it."""
        handle: WorkflowHandle[Any, str] = await self._client.start_workflow(
            kind, id=str(uuid4()), task_queue=self._name, result_type=str
        )
        await handle.execute_update(Served.served_by)
        return handle

    async def start_on(self, kind: str, version: str) -> WorkflowHandle[Any, str]:
        """Start workflows until one runs on *version*: a new current version takes a moment to propagate."""
        async with asyncio.timeout(PATIENT):
            while True:
                handle = await self.start(kind)
                if await handle.execute_update(Served.served_by) == version:
                    return handle


@asynccontextmanager
async def _two_versions(client: Client) -> AsyncIterator[_Release]:
    """Run both versions; 1.0 is the current one."""
    release = _Release(client, f"toys-{uuid4()}")
    async with release.worker("1.0", changing.FIRST), release.worker("2.0", changing.SECOND):
        await release.make_current("1.0")
        yield release


async def _until_served_by(handle: WorkflowHandle[Any, str], version: str) -> None:
    async with asyncio.timeout(PATIENT):
        while await handle.execute_update(Served.served_by) != version:  # noqa: ASYNC110 - no notification
            await asyncio.sleep(0.02)


async def _let_go(handle: WorkflowHandle[Any, str]) -> str:
    await handle.signal(Served.go)
    return await handle.result()


def _timers(history: WorkflowHistory) -> int:
    return sum(event.HasField("timer_started_event_attributes") for event in history.events)
