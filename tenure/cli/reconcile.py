"""`tenure reconcile`: compares provider, database and workflows now, and optionally heals the differences."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import Parameter
from temporalio.client import Client, WorkflowHandle

from configuration.loading import Process, load_settings
from domain.names import reconcile_workflow_id
from domain.reconciliation.differences import Outcome
from storage.reconciliation import Reconciliations, StoredFinding
from tenure.cli.audited import noted
from tenure.cli.connections import database, hold_to_payload_keys, temporal
from tenure.cli.progress import progress
from tenure.cli.tables import aligned
from tenure.cli.workflow_runs import outcome, started
from workflows.reconcile import ReconcileWorkflow
from workflows.reconciliation_run import Reconciled, Reconciliation


def reconcile(
    *,
    fix: Annotated[bool, Parameter(negative="")] = False,
    ask_all: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Compare the payment provider, the database and the workflows in full, and list the differences.

    Safe to repeat; a run of this kind in progress is joined. Exits with status 1 when something is left to an operator.
    Blocked steps are retried at once, even without --fix: they are due anyway.

    Parameters
    ----------
    fix
        Heal what can be healed, such as missed payments, unreported pauses and lost workflows.
    ask_all
        Ask every workflow how it stands, also where nothing seems to differ: as after a restore.
    as_json
        Print one JSON object instead of a table.
    """
    done, found = asyncio.run(_reconcile(fix=fix, ask_all=ask_all))
    if as_json:
        document: dict[str, Any] = {**asdict(done), "differences": [asdict(each) for each in found]}
        print(json.dumps(document, indent=2))
    else:
        for line in table(found):
            print(line)
        print(done.tally.in_words())
    if done.tally.not_compared or any(each.outcome != Outcome.HEALED for each in found):
        sys.exit(1)


async def _reconcile(*, fix: bool, ask_all: bool) -> tuple[Reconciled, list[StoredFinding]]:
    settings = load_settings(Process.RECONCILE)
    client = await temporal(settings)
    async with AsyncExitStack() as exits:
        engine = await exits.enter_async_context(database(settings))
        await hold_to_payload_keys(settings, engine)
        if fix:
            await exits.enter_async_context(noted(engine, "reconcile --fix"))
        done = await run_now(client, fix=fix, ask_all=ask_all)
        return done, await Reconciliations(engine).of_run(done.run)


async def run_now(client: Client, *, fix: bool, ask_all: bool = False) -> Reconciled:
    """Reconcile now, or join a run of this kind in progress; return its result.

    Raises:
        GatewayUnavailable: no worker answers, or the run failed.
    """
    handle = await _started(client, fix=fix, ask_all=ask_all)
    with progress("Reconciling") as shown:

        def show(so_far: Reconciled) -> None:
            shown.say(f"Reconciling: {so_far.tally.in_words()}")

        report = show if shown.is_shown else None
        return await outcome(handle, ReconcileWorkflow.so_far, "the reconciliation", report)


async def _started(client: Client, *, fix: bool, ask_all: bool) -> WorkflowHandle[ReconcileWorkflow, Reconciled]:
    return await started(
        client,
        ReconcileWorkflow.run,
        Reconciliation(heals=fix, asks_every_workflow=ask_all),
        workflow_id=reconcile_workflow_id(fix=fix),
        summary="Reconciliation asked for by an operator" + ("" if fix else ", to list only"),
    )


def table(found: Sequence[StoredFinding]) -> list[str]:
    """One line per difference, with its outcome."""
    if not found:
        return []
    heads = ("DIFFERENCE", "SUBSCRIPTION", "OUTCOME", "WHAT")
    rows = [
        (
            each.kind,
            each.subscription or each.agreement_ref,
            each.outcome,
            each.details + (f" ({each.why_not})" if each.why_not else ""),
        )
        for each in found
    ]
    return aligned(heads, rows)
