"""Two releases of the workers at once: which serves what while one takes over from the other, and back again."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus

from sandbox.mailbox import MailFaults
from sandbox.processes import free_port
from services.worker_deployments import WorkerDeployments
from tests.harness.callers import Caller
from tests.harness.folders import migrated_folder
from tests.harness.names import a_name
from tests.harness.patience import PATIENT, until
from tests.harness.site import Site
from tests.harness.typed import Forker, Terminal

DEPLOYMENT = "tenure"
SERVED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED


@pytest.fixture
async def releasing(forker: Forker) -> AsyncIterator[Site]:
    """A site of its own: what is current is so for all workers of a namespace."""
    with migrated_folder() as folder:
        async with Site.laid_out(folder, forker) as site:
            yield site


def of_build(build: str) -> dict[str, str]:
    return {"TENURE_DEPLOYMENT": DEPLOYMENT, "TENURE_BUILD_ID": build}


async def served_by(client: Client, workflow: str) -> list[str]:
    """Which build served each of a workflow's tasks; empty: a worker without a version."""
    history = await client.get_workflow_handle(workflow).fetch_history()
    done = [event.workflow_task_completed_event_attributes for event in history.events if event.event_type == SERVED]
    return [one.deployment_version.build_id for one in done]


async def failed_tasks(client: Client) -> list[str]:
    """Workflows a task of which has failed."""
    return [
        run.id
        async for run in client.list_workflows()
        for event in (await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()).events
        if event.event_type == FAILED
    ]


async def served_next(client: Client, admin: Caller, subscription: dict[str, Any]) -> str:
    """Which build serves a subscription's next command."""
    answer = await admin.command(subscription["id"], "preview-cancel")
    assert answer.status_code == 200, answer.text
    return (await served_by(client, f"subscription/{subscription['id']}"))[-1]


async def served_at_last(client: Client, admin: Caller, subscription: dict[str, Any], build: str) -> bool:
    """Whether the build serves it: who is current takes a moment to get around."""
    return await served_next(client, admin, subscription) == build


async def is_complete(deployment: WorkerDeployments, build: str) -> bool:
    """Whether Temporal has heard of all queues that a build's workers poll."""
    return not await deployment.missing_queues(build)


async def is_ready(address: str) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENT) as probe:
        return (await probe.get(f"http://{address}/readyz")).status_code == 200


async def mails_of(client: Client, build: str) -> list[str]:
    """Mails in progress whose workflows began on a build."""
    query = "WorkflowType = 'MailWorkflow' AND ExecutionStatus = 'Running'"
    running = [run.id async for run in client.list_workflows(query)]
    return [one for one in running if set(await served_by(client, one)) == {build}]


async def test_subscriptions_move_to_each_current_release_and_mails_end_where_they_began(
    releasing: Site, forker: Forker
) -> None:
    site, name = releasing, a_name("release")
    client = await Client.connect(site.temporal.address)
    deployment = WorkerDeployments(client, DEPLOYMENT)
    terminal = Terminal(site.folder, forker)
    terminal.settings = {**site.settings, **of_build("B")}

    probed = f"127.0.0.1:{free_port()}"

    async with (
        site.api() as (_, admin),
        site.worker() as unversioned,
        site.worker(**of_build("A"), TENURE_HEALTH_ADDRESS=probed),
    ):
        await until(partial(is_ready, probed))
        ada = await admin.signed_up(f"{name}-ada")
        assert await served_next(client, admin, ada) == ""
        await until(partial(is_complete, deployment, "A"))
        await deployment.set_current("A")
        await unversioned.kill()
        await until(partial(served_at_last, client, admin, ada, "A"))

        site.mailbox.faults = MailFaults(refuse=True)
        grace = await admin.signed_up(f"{name}-grace")
        await until(partial(mails_of, client, "A"))
        pinned = await mails_of(client, "A")

        async with site.worker(**of_build("B")):
            assert await served_next(client, admin, grace) == "A"
            made = await terminal.run("deployment", "set-current")
            assert (made.status, made.out) == (0, "build B is current\n"), made.err
            for one in (ada, grace):
                await until(partial(served_at_last, client, admin, one, "B"))
            eve = await admin.signed_up(f"{name}-eve")
            assert set(await served_by(client, f"subscription/{eve['id']}")) == {"B"}
            shown = await terminal.run("deployment", "status")
            checked = await terminal.run("doctor")

            site.mailbox.faults = MailFaults()
            for mail in pinned:
                assert await client.get_workflow_handle(mail).result() == "sent"
                assert set(await served_by(client, mail)) == {"A"}

            await deployment.set_current("A")
            for one in (ada, grace, eve):
                await until(partial(served_at_last, client, admin, one, "A"))
        system = (await admin.get("/v1/system")).json()
        failed = await failed_tasks(client)
        lost = [run.id async for run in client.list_workflows() if run.status is WorkflowExecutionStatus.FAILED]

    assert (failed, lost) == ([], [])
    assert [line.split()[:2] for line in shown.out.splitlines()] == [
        ["BUILD", "STATE"],
        ["B", "current"],
        ["A", "draining"],
    ]
    assert "build B current, build A draining" in checked.out, checked.out
    assert {queue["routing"]["current_build"] for queue in system["queues"]} == {"A"}
    workers = {(one["deployment"], one["build"]) for queue in system["queues"] for one in queue["workers"]}
    assert {(DEPLOYMENT, "A"), (DEPLOYMENT, "B")} <= workers
