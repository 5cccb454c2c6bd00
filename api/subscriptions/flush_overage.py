"""Reports unreported overage to the provider before a change: no later invoice would include it."""

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from api.subscriptions.command_context import CommandContext
from domain.names import LIFECYCLE_QUEUE, report_usage_workflow_id
from workflows.usage_report import ReportUsageWorkflow

REPORT_TIMEOUT = timedelta(seconds=5)
"""Short: an unavailable provider must not delay a change."""
RUNS = 2
"""The second covers usage that came in after a concurrent run had started."""

log = structlog.get_logger("tenure.use")


async def report_overage_first(context: CommandContext, subscription_id: str) -> None:
    """Report the customer's unreported overage, so that it lands on the next invoice.

    Failures are logged and do not block the change.

    Raises:
        Rejected: code `unknown_subscription`.
    """
    row = await context.row(subscription_id)
    reports, tenant = context.repositories.usage_reports, context.caller.tenant
    try:
        async with asyncio.timeout(REPORT_TIMEOUT.total_seconds()):
            for _ in range(RUNS):
                if not await reports.waits(row.external_id, tenant=tenant):
                    return
                await context.dependencies.client.execute_workflow(
                    ReportUsageWorkflow.run,
                    id=report_usage_workflow_id(),
                    task_queue=LIFECYCLE_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary="Report overage before a change",
                )
    # RuntimeError: the client has not connected yet.
    except (TimeoutError, WorkflowFailureError, RPCError, RuntimeError) as error:
        log.warning(
            "overage could not be reported before a change", subscription=subscription_id, why=type(error).__name__
        )
