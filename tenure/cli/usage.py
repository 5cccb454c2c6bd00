"""`tenure usage`: rolls usage up now, and shows usage statistics."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from temporalio.client import Client

from configuration.loading import Process, load_settings
from domain.formatting import moment
from domain.names import DEFAULT_TENANT, roll_up_workflow_id
from storage.access.tenants import Tenants
from storage.usage.history import Statistic, UsageHistory
from tenure.cli.connections import database, temporal
from tenure.cli.options import AsJson
from tenure.cli.tables import aligned
from tenure.cli.workflow_runs import outcome, started
from workflows.usage_roll_up import RolledUp, RollUpUsageWorkflow

HEADS = ("PLAN", "FEATURE", "CUSTOMERS", "USED", "HIGHEST", "NEAR LIMIT", "AT LIMIT")


def rollup(*, as_json: AsJson = False) -> None:
    """Roll usage up now: send late notices, sample gauges, take statistics, delete old data.

    Safe to repeat; a run in progress is joined.

    Parameters
    ----------
    as_json
        Print JSON instead of text.
    """
    done = asyncio.run(_rollup())
    print(json.dumps(asdict(done), indent=2) if as_json else done.in_words())


def stats(*, tenant: str = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Show the latest statistics: usage by plan and feature, and how many customers are near their limit.

    Parameters
    ----------
    tenant
        Whose usage.
    as_json
        Print JSON instead of text.
    """
    rows = asyncio.run(_stats(tenant))
    if as_json:
        print(json.dumps([asdict(row) | {"taken_at": moment(row.taken_at)} for row in rows], indent=2))
        return
    for line in table(rows):
        print(line)


async def _rollup() -> RolledUp:
    return await roll_up_now(await temporal(load_settings(Process.USAGE_ROLLUP)))


async def _stats(tenant: str) -> list[Statistic]:
    async with database(load_settings(Process.USAGE_STATS)) as engine:
        await Tenants(engine).check(tenant)
        return await UsageHistory(engine).statistics(tenant=tenant)


async def roll_up_now(client: Client) -> RolledUp:
    """Roll usage up now, or join a manual run in progress; return its result.

    Raises:
        GatewayUnavailable: no worker answers, or it could not be brought to its end.
    """
    handle = await started(
        client,
        RollUpUsageWorkflow.run,
        workflow_id=roll_up_workflow_id(),
        summary="Roll-up of usage asked for by an operator",
        at_most=timedelta(hours=5),
    )
    return await outcome(handle, RollUpUsageWorkflow.so_far, "the roll-up")


def table(rows: Sequence[Statistic]) -> list[str]:
    """One line per plan and feature, and when the statistics were taken."""
    if not rows:
        return ["no statistics yet: they are taken every six hours, or now by `tenure usage rollup`"]
    cells = [(row.plan or "(none)", row.feature, *(f"{number:,}" for number in _numbers(row))) for row in rows]
    lines = aligned(HEADS, cells, to_the_right=HEADS[2:])
    return [
        *lines,
        f"taken at {moment(rows[0].taken_at)}; near limit means 80 % of the limit or more, including the limit itself",
    ]


def _numbers(row: Statistic) -> tuple[int, ...]:
    return row.customers, row.used, row.highest, row.near_limit, row.at_limit
