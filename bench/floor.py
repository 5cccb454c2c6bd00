"""The least that a timer costs in Temporal: a workflow that sleeps and then does nothing. What ours is measured by.

Its worker is a process of its own: `python -m bench.floor ADDRESS`.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from bench.workers import READY, worker_of

QUEUE = "floor"
AT_ONCE = 20


@activity.defn
async def nothing() -> float:
    """When this was done, in seconds since 1970."""
    return time.time()


@workflow.defn
class FloorWorkflow:
    """Waits, and does nothing; returns how late that was, in seconds."""

    @workflow.run
    async def run(self, due: float) -> float:
        await workflow.sleep(max(due - workflow.time(), 0.0))
        return await workflow.execute_local_activity(nothing, start_to_close_timeout=timedelta(seconds=10)) - due


Started = WorkflowHandle[FloorWorkflow, float]


def floor_worker(address: str) -> AbstractAsyncContextManager[int]:
    """Its worker, while the block runs."""
    return worker_of("bench.floor", address)


async def start_floor(client: Client, due: Sequence[datetime]) -> list[Started]:
    """A workflow for each moment."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(moment: datetime) -> Started:
        async with turn:
            due_at = moment.timestamp()
            return await client.start_workflow(FloorWorkflow.run, due_at, id=f"floor-{uuid4()}", task_queue=QUEUE)

    return list(await asyncio.gather(*map(one, due)))


async def _work(address: str) -> None:
    client = await Client.connect(address)
    async with Worker(client, task_queue=QUEUE, workflows=[FloorWorkflow], activities=[nothing]):
        print(READY, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
