"""The sweep of what waits, every minute by a Temporal Schedule.

It takes up webhooks that could not be delivered when they came, and mails and changes of customers that were written
down while Temporal was down.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.customers import CustomerActivities
    from activities.inbox import InboxActivities
    from activities.rolling_up import LateTold, RollUpActivities
    from domain.names import RECORDS_QUEUE

MAILS_LEFT_BEHIND = "mails-left-behind"
"""A change to the order of commands: until then queued mails waited for the roll-up, up to six hours."""
CUSTOMERS_LEFT_BEHIND = "customers-left-behind"
"""A change to the order of commands: before, nobody could change a customer."""
UP_TO_NEXT_SWEEP = RetryPolicy(maximum_attempts=3)
"""What fails three times is left to the next sweep."""


@workflow.defn(name="SweepWebhooksWorkflow")
class SweepWebhooksWorkflow:
    """Takes up what waits. Started every minute, ended when it has looked through inbox and mails once."""

    @workflow.run
    async def run(self) -> int:
        """How many webhooks were delivered late. A failure of either part keeps the other from nothing."""
        told = None
        try:
            delivered = await workflow.execute_activity_method(
                InboxActivities.sweep,
                task_queue=RECORDS_QUEUE,
                start_to_close_timeout=timedelta(minutes=2),
                retry_policy=UP_TO_NEXT_SWEEP,
                summary="Deliver the webhooks that wait",
            )
        except ActivityError:
            if workflow.patched(MAILS_LEFT_BEHIND):
                await self._send_mails_left_behind()
            raise
        if workflow.patched(MAILS_LEFT_BEHIND):
            told = await self._send_mails_left_behind()
        late = f"; {told.notices} thresholds told late, {told.mails} mails handed over again" if told else ""
        workflow.set_current_details(f"{delivered} webhooks delivered late{late}")
        return delivered

    async def _send_mails_left_behind(self) -> LateTold:
        try:
            return await self._told_late()
        finally:
            if workflow.patched(CUSTOMERS_LEFT_BEHIND):
                await workflow.execute_activity_method(
                    CustomerActivities.take_up_customers,
                    task_queue=RECORDS_QUEUE,
                    start_to_close_timeout=timedelta(minutes=2),
                    retry_policy=UP_TO_NEXT_SWEEP,
                    summary="Tell of changes of customers that were left behind",
                )

    @staticmethod
    async def _told_late() -> LateTold:
        return await workflow.execute_activity_method(
            RollUpActivities.tell_usage_notices,
            task_queue=RECORDS_QUEUE,
            start_to_close_timeout=timedelta(minutes=2),
            retry_policy=UP_TO_NEXT_SWEEP,
            summary="Send the mails that were left behind",
        )
