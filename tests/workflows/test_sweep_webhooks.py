"""The sweep every minute: webhooks, mails and customers are independent, and a failure does not stop the others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.rolling_up import LateNotices
from domain.names import LIFECYCLE_QUEUE, RECORDS_QUEUE
from tests.workflows.namespaces import elsewhere
from worker.build import workflow_runner
from workflows.sweep_webhooks import SweepWebhooksWorkflow

Sweep = Callable[[], Any]


def parts(done: list[str], *, inbox_fails: bool) -> list[Sweep]:
    @activity.defn(name="sweep_webhooks")
    async def sweep_webhooks() -> int:
        if inbox_fails:
            raise ApplicationError("the inbox is broken", non_retryable=True)
        done.append("webhooks")
        return 4

    @activity.defn(name="tell_usage_notices")
    async def tell_usage_notices() -> LateNotices:
        done.append("mails")
        return LateNotices(notices=1, mails=2)

    @activity.defn(name="take_up_customers")
    async def take_up_customers() -> int:
        done.append("customers")
        return 0

    return [sweep_webhooks, tell_usage_notices, take_up_customers]


async def swept(client: Client, steps: list[Sweep]) -> int:
    handle = await client.start_workflow(
        SweepWebhooksWorkflow.run, id="sweep", task_queue=LIFECYCLE_QUEUE, execution_timeout=timedelta(minutes=1)
    )
    lifecycle = Worker(
        client, task_queue=LIFECYCLE_QUEUE, workflows=[SweepWebhooksWorkflow], workflow_runner=workflow_runner()
    )
    async with lifecycle, Worker(client, task_queue=RECORDS_QUEUE, activities=steps):
        return await handle.result()


async def test_each_sweep_picks_up_webhooks_mails_and_customer_changes(environment: WorkflowEnvironment) -> None:
    done: list[str] = []
    client = await elsewhere(environment.client, "sweeping")

    assert await swept(client, parts(done, inbox_fails=False)) == 4
    assert done == ["webhooks", "mails", "customers"]


async def test_a_failing_inbox_stops_nothing_else_and_fails_the_sweep(environment: WorkflowEnvironment) -> None:
    done: list[str] = []
    client = await elsewhere(environment.client, "sweeping-broken")

    with pytest.raises(WorkflowFailureError):
        await swept(client, parts(done, inbox_fails=True))

    assert done == ["mails", "customers"]
