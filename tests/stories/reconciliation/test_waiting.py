"""Waiting for a reconciliation that an operator has started."""

import pytest

from domain.names import reconcile_workflow_id
from sandbox.stack import Stack
from tenure.cli import workflow_runs
from tenure.cli.workflow_runs import outcome, started
from workflows.reconcile import ReconcileWorkflow
from workflows.reconciliation_run import Reconciled, Reconciliation


async def test_the_result_so_far_is_reported_while_it_runs(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_runs, "REPORT_EVERY", 0.01)
    reported: list[Reconciled] = []
    run = await started(
        stack.client,
        ReconcileWorkflow.run,
        Reconciliation(heals=False),
        workflow_id=reconcile_workflow_id(fix=False),
        summary="Reconciliation asked for by an operator, to list only",
    )

    done = await outcome(run, ReconcileWorkflow.so_far, "the reconciliation", reported.append)

    assert {each.run for each in reported} == {done.run}
