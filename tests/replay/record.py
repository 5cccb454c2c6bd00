"""Plays the lives and keeps the histories of their workflows: `python -m tests.replay.record NAME...` (or all).

Histories that are kept already stay: a release must replay what earlier ones wrote. So record under a new name what is
new, and delete a history only when no workflow of its time can still be running.
"""

import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

import structlog
from temporalio.client import Client, WorkflowExecution

from sandbox.product import Product
from sandbox.stack import Options, running
from tests.harness.lives import CATALOG, POLICY
from tests.replay.lives import LIVES, Play

HISTORIES = Path(__file__).parent / "histories"
KEPT = ("SubscriptionWorkflow", "MailWorkflow", "SweepWebhooksWorkflow")
OTHERS_KEPT = 1
"""Of the workflows that are always alike, one each."""


async def record(lives: list[Play]) -> list[Path]:
    """Play each life and write down the history of every run of its subscription."""
    written: list[Path] = []
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)
        async with running(options) as stack, Product(stack.addresses) as product:
            seen: set[str] = set()
            for life in lives:
                await life(product)
                fresh = [one for one in await _finished_or_resting(stack.client) if one.run_id not in seen]
                seen |= {one.run_id for one in fresh}
                written += await _write(stack.client, life.__name__, fresh)
    return written


async def _finished_or_resting(client: Client) -> list[WorkflowExecution]:
    found = [one async for one in client.list_workflows("WorkflowType = 'SubscriptionWorkflow'")]
    for kind in KEPT[1:]:
        query = f"WorkflowType = '{kind}' AND ExecutionStatus = 'Completed'"
        found += [one async for one in client.list_workflows(query, limit=OTHERS_KEPT)]
    return sorted(found, key=lambda one: one.start_time)


async def _write(client: Client, name: str, executions: list[WorkflowExecution]) -> list[Path]:
    written = []
    for number, execution in enumerate(executions, start=1):
        kind = execution.workflow_type.removesuffix("Workflow").lower()
        path = HISTORIES / f"{name}-{number}-{kind}.json"
        if path.exists():
            raise FileExistsError(f"{path} is kept already: give the life a new name")
        history = await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
        path.write_text(json.dumps(json.loads(history.to_json()), separators=(",", ":")) + "\n")
        written.append(path)
    return written


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    wanted = [life for life in LIVES if life.__name__ in sys.argv[1:] or not sys.argv[1:]]
    for kept in asyncio.run(record(wanted)):
        print(kept.relative_to(HISTORIES), f"{kept.stat().st_size:,} bytes")  # noqa: T201 - it is a command
