"""Reports unreported overage to the provider before a change: no later invoice would include it."""

import asyncio
import logging
from datetime import timedelta
from typing import Protocol

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from domain.names import LIFECYCLE_QUEUE, report_usage_workflow_id
from workflows.usage_report import ReportUsageWorkflow

REPORT_TIMEOUT = timedelta(seconds=5)
"""Short: an unavailable provider must not delay a change."""
RUNS = 2
"""The second covers usage that came in after a concurrent run had started."""

_log = logging.getLogger("tenure.use")


class UnreportedOverage(Protocol):
    """Knows whose overage is not reported yet."""

    async def waits(self, customer: str, *, tenant: str) -> bool: ...


async def report_overage(
    client: Client, reports: UnreportedOverage, *, tenant: str, external_id: str, subscription: str
) -> None:
    """Report the customer's unreported overage, so that it lands on the next invoice.

    Failures are logged and do not block the change.
    """
    try:
        async with asyncio.timeout(REPORT_TIMEOUT.total_seconds()):
            for _ in range(RUNS):
                if not await reports.waits(external_id, tenant=tenant):
                    return
                await client.execute_workflow(
                    ReportUsageWorkflow.run,
                    id=report_usage_workflow_id(),
                    task_queue=LIFECYCLE_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary="Report overage before a change",
                )
    # RuntimeError: the client has not connected yet.
    except (TimeoutError, WorkflowFailureError, RPCError, RuntimeError) as error:
        _log.warning("overage of %s could not be reported before a change: %s", subscription, type(error).__name__)
