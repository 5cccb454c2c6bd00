"""Use beyond a plan's limits is told to the provider before a change that bills it: later no bill would have it."""

import asyncio

import structlog
from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from api.subscriptions.command_context import CommandContext
from domain.names import LIFECYCLE_QUEUE, report_usage_workflow_id
from workflows.usage_report import ReportUsageWorkflow

REPORT_TIMEOUT = 5.0
"""Seconds; a provider that is down holds no change up."""
RUNS = 2
"""A run that was under way may have begun before the last use."""

log = structlog.get_logger("tenure.use")


async def report_overage_first(context: CommandContext, subscription_id: str) -> None:
    """Have the customer's use told that still waits, so that it is billed with what comes next.

    Whether it could be told or not, the change may go on.

    Raises:
        Rejected: code `unknown_subscription`.
    """
    row = await context.row(subscription_id)
    reports, tenant = context.repositories.usage_reports, context.caller.tenant
    try:
        async with asyncio.timeout(REPORT_TIMEOUT):
            for _ in range(RUNS):
                if not await reports.waits(row.external_id, tenant=tenant):
                    return
                await context.dependencies.client.execute_workflow(
                    ReportUsageWorkflow.run,
                    id=report_usage_workflow_id(),
                    task_queue=LIFECYCLE_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary="Report of billed use before a change",
                )
    # The last one is of a client that could not connect yet.
    except (TimeoutError, WorkflowFailureError, RPCError, RuntimeError) as error:
        log.warning("use could not be told before a change", subscription=subscription_id, why=type(error).__name__)
