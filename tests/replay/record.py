"""Plays the lives and records the histories of their workflows: `python -m tests.replay.record NAME...` (or all).

Recorded histories stay: a release must replay those of earlier releases. Record new ones under a new name, and delete a
history only when no workflow of its release can still be running.
"""

import asyncio
import json
import logging
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import structlog
from temporalio.client import Client, WorkflowExecution

from domain.names import report_usage_workflow_id, sweep_schedule_id
from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import Stack, running
from tests.harness.catalogs import CATALOG, POLICY
from tests.replay.lives import LIVES, OF_ANOTHER_CATALOG, TAKEN_OVER
from tests.replay.plays import Play, PlayElsewhere, PlayUnder
from tests.replay.unheard_lives import UNHEARD
from tests.replay.written_off_lives import WRITTEN_OFF

HISTORIES = Path(__file__).parent / "histories"
NAMES_OF_MACHINES = frozenset({"identity", "stackTrace", "binaryChecksum", "deploymentName"})
AnyPlay = Play | PlayElsewhere | PlayUnder
ALL: list[AnyPlay] = [*LIVES, *TAKEN_OVER, *OF_ANOTHER_CATALOG, *UNHEARD, *WRITTEN_OFF]
KEPT = (
    "SubscriptionWorkflow",
    "MailWorkflow",
    "EventDeliveryWorkflow",
    "CustomerWorkflow",
    "SweepWebhooksWorkflow",
    "ReconcileWorkflow",
    "HealWorkflow",
    "ReportUsageWorkflow",
    "RollUpUsageWorkflow",
    "BulkWorkflow",
)
OF_LIVES = (
    "WorkflowType IN ('SubscriptionWorkflow', 'CustomerWorkflow', 'ReconcileWorkflow', 'HealWorkflow', "
    "'RollUpUsageWorkflow', 'BulkWorkflow', 'EventDeliveryWorkflow') "
    f"OR WorkflowId IN ('{report_usage_workflow_id()}', '{sweep_schedule_id()}-by-hand')"
)


async def record(lives: Sequence[AnyPlay]) -> list[Path]:
    """Play each life and record the history of each of its runs, and one of every other workflow."""
    written: list[Path] = []
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)
        async with running(options) as stack, Product(stack.addresses) as product:
            seen: set[str] = set()
            for life in lives:
                await _play(life, stack, product, Path(folder))
                found = stack.client.list_workflows(OF_LIVES)
                fresh = sorted([run async for run in found if run.run_id not in seen], key=lambda run: run.start_time)
                seen |= {run.run_id for run in fresh}
                written += [await _keep(stack.client, life.__name__, *each) for each in enumerate(fresh, start=1)]
            if list(lives) == ALL:
                written += [await _keep(stack.client, "any", 1, run) for run in await _one_of_each_other(stack.client)]
    return written


async def _play(life: AnyPlay, stack: Stack, product: Product, folder: Path) -> None:
    for under in (*OF_ANOTHER_CATALOG, *UNHEARD, *WRITTEN_OFF):
        if life is under:
            await under(stack, folder)
            return
    for one in TAKEN_OVER:
        if life is one:
            await one(product, folder)
            return
    await cast("Play", life)(product)


async def _one_of_each_other(client: Client) -> list[WorkflowExecution]:
    await client.get_schedule_handle(sweep_schedule_id()).trigger()
    found: list[WorkflowExecution] = []
    for kind in ("MailWorkflow", "SweepWebhooksWorkflow"):
        query = f"WorkflowType = '{kind}' AND ExecutionStatus = 'Completed'"
        # The server sends no notification when one is listed.
        while not (done := [run async for run in client.list_workflows(query, limit=1)]):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        found += done
    return found


async def _keep(client: Client, name: str, number: int, run: WorkflowExecution) -> Path:
    path = HISTORIES / f"{name}-{number}-{run.workflow_type.removesuffix('Workflow').lower()}.json"
    if path.exists():
        raise FileExistsError(f"{path} exists already: give the life a new name")
    history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
    path.write_text(json.dumps(_anonymous(json.loads(history.to_json())), separators=(",", ":")) + "\n")
    return path


def _anonymous(part: Any) -> Any:
    """Remove the names of machines and files, which no replay needs."""
    if isinstance(part, list):
        return [_anonymous(each) for each in part]
    if isinstance(part, dict):
        return {name: _anonymous(each) for name, each in part.items() if name not in NAMES_OF_MACHINES}
    return part.replace(socket.gethostname(), "host") if isinstance(part, str) else part


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    wanted = [life for life in ALL if life.__name__ in sys.argv[1:] or not sys.argv[1:]]
    for kept in asyncio.run(record(wanted)):
        print(kept.relative_to(HISTORIES), f"{kept.stat().st_size:,} bytes")  # noqa: T201 - this is a command
