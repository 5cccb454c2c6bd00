"""A bulk run: each row once at its pace, however often it is paused, continued as new or its worker dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from activities.bulk import RowsRequest, StateRequest
from activities.failures import as_tenure_error
from domain.bulk.runs import RunState, Tally
from domain.names import LIFECYCLE_QUEUE, RECORDS_QUEUE, bulk_workflow_id
from tests.harness.patience import until
from tests.workflows.namespaces import elsewhere
from worker.build import workflow_runner
from worker.registry import register
from workflows import bulk
from workflows.bulk import BulkInput, BulkWorkflow

Handle = WorkflowHandle[Any, Tally]


class Rows:
    """Rows in memory; `gate` holds batches back while it is closed."""

    def __init__(self, waiting: int, refused: int = 0) -> None:
        self.tally = Tally(waiting=waiting, refused=refused)
        self.states: list[RunState] = []
        self.batches: list[float] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_working = False
        self.failures = 0

    def activities(self) -> list[Any]:
        @activity.defn(name="work_off_bulk_rows")
        async def work_off(request: RowsRequest) -> Tally:
            self.is_working = True
            await self.gate.wait()
            self.batches.append(activity.info().scheduled_time.timestamp())
            self._done(min(request.limit, self.tally.waiting))
            self.is_working = False
            if self.failures:
                self.failures -= 1
                raise ApplicationError("the worker died behind its last row")
            return self.tally

        @activity.defn(name="record_bulk_state")
        async def record(request: StateRequest) -> Tally:
            self.states.append(request.state)
            if request.state is RunState.STOPPED:
                self.tally = Tally(self.tally.done, self.tally.refused, 0, self.tally.waiting, 0)
            return self.tally

        return [work_off, record]

    def _done(self, number: int) -> None:
        self.tally = Tally(self.tally.done + number, self.tally.refused, 0, 0, self.tally.waiting - number)


@asynccontextmanager
async def under_way(
    environment: WorkflowEnvironment, name: str, rows: Rows, *, rate: int = 5, runner: WorkflowRunner | None = None
) -> AsyncIterator[Handle]:
    """A run of these rows in a namespace of its own; the handle is of its latest workflow."""
    client: Client = await elsewhere(environment.client, f"bulk-{name}")
    await register(client)
    lifecycle = Worker(
        client, task_queue=LIFECYCLE_QUEUE, workflows=[BulkWorkflow], workflow_runner=runner or workflow_runner()
    )
    async with lifecycle, Worker(client, task_queue=RECORDS_QUEUE, activities=rows.activities()):
        await client.start_workflow(
            BulkWorkflow.run,
            BulkInput(name, "suspend", rate, tally=rows.tally),
            id=bulk_workflow_id(name),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=2),
        )
        yield client.get_workflow_handle_for(BulkWorkflow.run, bulk_workflow_id(name))


async def test_rows_are_worked_off_at_so_many_a_second_until_none_waits(environment: WorkflowEnvironment) -> None:
    rows = Rows(11, refused=3)
    async with under_way(environment, "pace", rows) as run:
        assert await run.result() == Tally(done=11, refused=3)

    assert rows.states == [RunState.RUNNING, RunState.FINISHED]
    assert len(rows.batches) == 3
    assert rows.batches[-1] - rows.batches[0] >= 2


async def test_a_run_without_a_row_that_allows_it_ends_at_once(environment: WorkflowEnvironment) -> None:
    rows = Rows(0, refused=2)
    async with under_way(environment, "nothing", rows) as run:
        assert await run.result() == Tally(refused=2)

    assert rows.batches == []


async def test_a_paused_run_does_nothing_until_it_is_resumed(environment: WorkflowEnvironment) -> None:
    rows = Rows(15)
    rows.gate.clear()
    async with under_way(environment, "paused", rows) as run:
        await until(lambda: rows.is_working)
        pausing = asyncio.create_task(run.execute_update(BulkWorkflow.pause))
        rows.gate.set()
        paused = await pausing
        assert (paused, rows.states[-1]) == (Tally(done=5, waiting=10), RunState.PAUSED)
        assert (await run.query(BulkWorkflow.so_far)).state is RunState.PAUSED

        await run.execute_update(BulkWorkflow.pause)  # again changes nothing
        assert len(rows.batches) == 1
        await run.execute_update(BulkWorkflow.resume)

        assert await run.result() == Tally(done=15)
    assert rows.states == [RunState.RUNNING, RunState.PAUSED, RunState.RUNNING, RunState.FINISHED]


async def test_a_stopped_run_skips_what_waits_and_takes_nothing_more(environment: WorkflowEnvironment) -> None:
    rows = Rows(20)
    rows.gate.clear()
    async with under_way(environment, "stopped", rows) as run:
        await until(lambda: rows.is_working)
        stopping = asyncio.create_task(run.execute_update(BulkWorkflow.stop))
        rows.gate.set()
        assert await stopping == Tally(done=5, skipped=15)
        assert await run.result() == Tally(done=5, skipped=15)

    assert rows.states == [RunState.RUNNING, RunState.STOPPED]


async def test_a_paused_run_can_be_stopped(environment: WorkflowEnvironment) -> None:
    rows = Rows(20)
    rows.gate.clear()
    async with under_way(environment, "paused-stopped", rows) as run:
        await until(lambda: rows.is_working)
        pausing = asyncio.create_task(run.execute_update(BulkWorkflow.pause))
        rows.gate.set()
        await pausing

        await run.execute_update(BulkWorkflow.stop)

        assert await run.result() == Tally(done=5, skipped=15)


async def test_an_attempt_whose_end_was_lost_leaves_no_row_out(environment: WorkflowEnvironment) -> None:
    rows = Rows(8)
    rows.failures = 1
    async with under_way(environment, "lost", rows) as run:
        assert await run.result() == Tally(done=8)


async def test_a_pause_that_comes_while_it_continues_as_new_holds(
    environment: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCHES_PER_RUN", 1)
    rows = Rows(6)
    async with under_way(environment, "continued", rows, rate=1, runner=UnsandboxedWorkflowRunner()) as run:
        await until(lambda: len(rows.batches) >= 2)
        await run.execute_update(BulkWorkflow.pause)
        so_far = await run.query(BulkWorkflow.so_far)
        assert (so_far.state, so_far.continued > 0) == (RunState.PAUSED, True)
        done = rows.tally.done

        await run.execute_update(BulkWorkflow.resume)

        assert await run.result() == Tally(done=6)
    assert done < 6
    assert rows.states.count(RunState.RUNNING) == 2


async def test_a_run_that_is_being_stopped_refuses_to_be_paused(environment: WorkflowEnvironment) -> None:
    rows = Rows(20)
    rows.gate.clear()
    async with under_way(environment, "stopping", rows) as run:
        await until(lambda: rows.is_working)
        stopping = await run.start_update(BulkWorkflow.stop, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await run.execute_update(BulkWorkflow.pause)
        rows.gate.set()
        await stopping.result()

    error = as_tenure_error(refused.value.cause)
    assert error is not None
    assert error.code == "bulk_run_over"
