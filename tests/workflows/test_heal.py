"""Healing one difference: done once as a run does it, and what came of it is recorded, whatever it is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.reconciling import HealRequest, NoteRequest
from domain.names import LIFECYCLE_QUEUE, PAYMENTS_QUEUE, RECORDS_QUEUE
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
from domain.reconciliation.ports import Found
from tests.workflows.namespaces import elsewhere
from worker.build import workflow_runner
from workflows.heal import Healing, HealWorkflow

IT = Discrepancy(DifferenceKind.MAIL_STUCK, "queued for long", "s-1", "sub_1", "acme", "in_1", ("m-1",))


def parts(recorded: list[NoteRequest], *, fails: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    @activity.defn(name="heal_subscription")
    async def heal_subscription(request: HealRequest) -> tuple[Found, ...]:
        if fails:
            raise ApplicationError("the healer is broken", non_retryable=True)
        return tuple(Found(each, Outcome.HEALED) for each in request.found)

    @activity.defn(name="note_findings")
    async def note_findings(request: NoteRequest) -> None:
        recorded.append(request)

    return heal_subscription, note_findings


async def healed(client: Client, *, fails: bool) -> tuple[Found, list[NoteRequest], str]:
    recorded: list[NoteRequest] = []
    heal, note = parts(recorded, fails=fails)
    handle = await client.start_workflow(
        HealWorkflow.run, Healing(IT), id="heal", task_queue=LIFECYCLE_QUEUE, execution_timeout=timedelta(minutes=5)
    )
    async with (
        Worker(client, task_queue=LIFECYCLE_QUEUE, workflows=[HealWorkflow], workflow_runner=workflow_runner()),
        Worker(client, task_queue=PAYMENTS_QUEUE, activities=[heal]),
        Worker(client, task_queue=RECORDS_QUEUE, activities=[note]),
    ):
        return await handle.result(), recorded, handle.first_execution_run_id or ""


async def test_a_difference_is_healed_as_it_was_found_and_recorded_under_its_run(
    environment: WorkflowEnvironment,
) -> None:
    found, recorded, run = await healed(await elsewhere(environment.client, "healing"), fails=False)
    assert found == Found(IT, Outcome.HEALED)
    assert recorded == [NoteRequest(run, (found,))]


async def test_what_could_not_be_healed_is_recorded_with_the_reason(environment: WorkflowEnvironment) -> None:
    found, recorded, run = await healed(await elsewhere(environment.client, "healing-fails"), fails=True)
    assert (found.outcome, found.why_not) == (Outcome.FAILED, "the healer is broken")
    assert recorded == [NoteRequest(run, (found,))]
