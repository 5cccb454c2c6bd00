"""The roll-up when one of its steps fails permanently: the other steps still run."""

from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.rolling_up import LateNotices
from domain.names import LIFECYCLE_QUEUE, RECORDS_QUEUE
from tests.workflows.namespaces import elsewhere
from worker.build import workflow_runner
from workflows.usage_roll_up import RollUpUsageWorkflow

done: list[str] = []


@activity.defn
async def tell_usage_notices() -> LateNotices:
    raise ApplicationError("the notices are broken", non_retryable=True)


@activity.defn
async def sample_gauges() -> int:
    done.append("sample_gauges")
    return 7


@activity.defn
async def take_usage_statistics() -> int:
    raise ApplicationError("the sums are off", non_retryable=True)


@activity.defn
async def forget_old_usage() -> dict[str, int]:
    done.append("forget_old_usage")
    return {}


async def test_a_failed_step_does_not_stop_the_others_and_fails_the_run_at_its_end(
    environment: WorkflowEnvironment,
) -> None:
    client = await elsewhere(environment.client, "rolling-up")
    done.clear()
    handle = await client.start_workflow(
        RollUpUsageWorkflow.run, id="rolled-up", task_queue=LIFECYCLE_QUEUE, execution_timeout=timedelta(minutes=1)
    )
    steps = [tell_usage_notices, sample_gauges, take_usage_statistics, forget_old_usage]
    async with (
        Worker(client, task_queue=LIFECYCLE_QUEUE, workflows=[RollUpUsageWorkflow], workflow_runner=workflow_runner()),
        Worker(client, task_queue=RECORDS_QUEUE, activities=steps),
    ):
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()

    assert done == ["sample_gauges", "forget_old_usage"]
    assert "tell_usage_notices: the notices are broken; take_usage_statistics: the sums are off" in str(
        failure.value.cause
    )
