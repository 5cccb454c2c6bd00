"""The sweep of webhooks that could not be delivered when they came, every minute by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.inbox import InboxActivities
    from domain.names import RECORDS_QUEUE


@workflow.defn
class SweepWebhooksWorkflow:
    """Delivers the webhooks that wait. Started every minute, ended when it has looked through the inbox once."""

    @workflow.run
    async def run(self) -> int:
        delivered = await workflow.execute_activity_method(
            InboxActivities.sweep,
            task_queue=RECORDS_QUEUE,
            start_to_close_timeout=timedelta(minutes=2),
            # What fails three times is left to the next sweep.
            retry_policy=RetryPolicy(maximum_attempts=3),
            summary="Deliver the webhooks that wait",
        )
        workflow.set_current_details(f"{delivered} webhooks delivered late")
        return delivered
