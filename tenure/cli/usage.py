"""`tenure usage`: rolling use up now, and what all customers use."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowFailureError, WorkflowQueryFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from configuration.loading import Process, load_settings
from domain.errors import GatewayUnavailable
from domain.letters import moment
from domain.names import LIFECYCLE_QUEUE, roll_up_workflow_id
from storage.usage_history import Statistic, UsageHistory
from tenure.cli.connections import database, temporal
from workflows.roll_up import RolledUp, RollUpUsageWorkflow

ANSWER_WITHIN = timedelta(seconds=10)
"""In which a worker must take the run up."""
HEADS = ("PLAN", "FEATURE", "CUSTOMERS", "USED", "HIGHEST", "NEAR LIMIT", "AT LIMIT")

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of words.")]


def rollup(*, as_json: AsJson = False) -> None:
    """Roll usage up now: tell late notices, sample gauges, take statistics, forget what is old.

    Safe to repeat; a run that was asked for and is under way is joined.
    """
    done = asyncio.run(_rollup())
    print(json.dumps(asdict(done), indent=2) if as_json else done.in_words())


def stats(*, as_json: AsJson = False) -> None:
    """Show the latest statistics: how much is used by plan and feature, and how many customers are near their limit."""
    rows = asyncio.run(_stats())
    if as_json:
        told = [asdict(row) | {"taken_at": moment(row.taken_at)} for row in rows]
        print(json.dumps(told, indent=2))
        return
    for line in table(rows):
        print(line)


async def _rollup() -> RolledUp:
    return await roll_up_now(await temporal(load_settings(Process.USAGE_ROLLUP)))


async def _stats() -> list[Statistic]:
    async with database(load_settings(Process.USAGE_STATS)) as engine:
        return await UsageHistory(engine).statistics()


async def roll_up_now(client: Client) -> RolledUp:
    """Roll usage up now, or join a run that was asked for before; returns what it came to.

    Raises:
        GatewayUnavailable: no worker answers, or it could not be brought to its end.
    """
    try:
        handle = await client.start_workflow(
            RollUpUsageWorkflow.run,
            id=roll_up_workflow_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=5),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary="Roll-up of usage asked for by an operator",
        )
        await handle.query(RollUpUsageWorkflow.so_far, rpc_timeout=ANSWER_WITHIN)
    except (RPCTimeoutOrCancelledError, WorkflowQueryFailedError, RPCError) as error:
        raise GatewayUnavailable(
            "no worker answers: start `tenure worker`; the roll-up begins as soon as one is there"
        ) from error
    try:
        return await handle.result()
    except WorkflowFailureError as error:
        raise GatewayUnavailable(f"the roll-up could not be brought to its end: {error.cause}") from error
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal does not answer: {error.message}") from error


def table(rows: Sequence[Statistic]) -> list[str]:
    """A line for each plan and feature, and when they were taken."""
    if not rows:
        return ["no statistics yet: they are taken every six hours, or now by `tenure usage rollup`"]
    cells = [(row.plan or "(none)", row.feature, *(f"{number:,}" for number in _numbers(row))) for row in rows]
    widths = [max(len(line[column]) for line in (HEADS, *cells)) for column in range(len(HEADS))]
    lines = [
        "  ".join([*(line[n].ljust(widths[n]) for n in range(2)), *(line[n].rjust(widths[n]) for n in range(2, 7))])
        for line in (HEADS, *cells)
    ]
    return [*lines, f"taken at {moment(rows[0].taken_at)}; near is from 80 % of the limit on, the limit included"]


def _numbers(row: Statistic) -> tuple[int, ...]:
    return row.customers, row.used, row.highest, row.near_limit, row.at_limit
