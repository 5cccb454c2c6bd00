"""The sweep, every minute on a Temporal Schedule.

Delivers webhooks that could not be delivered on arrival, and picks up mails and customer changes that were stored while
Temporal was down.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.customers import CustomerActivities
    from activities.inbox import InboxActivities
    from activities.rolling_up import LateNotices, RollUpActivities
    from domain.names import RECORDS_QUEUE
    from workflows.retries import HEARTBEAT_TIMEOUT

MAILS_LEFT_BEHIND = "mails-left-behind"
"""A change to the order of commands: before, queued mails waited for the roll-up, up to six hours."""
CUSTOMERS_LEFT_BEHIND = "customers-left-behind"
"""A change to the order of commands: before, customers could not be changed."""
RETRY_UNTIL_NEXT_SWEEP = RetryPolicy(maximum_attempts=3)
"""After three attempts it is left to the next sweep."""


@workflow.defn(name="SweepWebhooksWorkflow")
class SweepWebhooksWorkflow:
    """Picks up what is pending. Starts every minute, ends after one pass over inbox, mails and customers."""

    @workflow.run
    async def run(self) -> int:
        """Return how many webhooks were delivered late. The parts are independent: all run even if one fails."""
        notified = None
        try:
            delivered = await workflow.execute_activity_method(
                InboxActivities.sweep,
                task_queue=RECORDS_QUEUE,
                start_to_close_timeout=timedelta(minutes=2),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRY_UNTIL_NEXT_SWEEP,
                summary="Deliver pending webhooks",
            )
        except ActivityError:
            if workflow.patched(MAILS_LEFT_BEHIND):
                await self._pick_up_mails_and_customers()
            raise
        if workflow.patched(MAILS_LEFT_BEHIND):
            notified = await self._pick_up_mails_and_customers()
        late = f"; {notified.notices} late threshold notices, {notified.mails} mails queued again" if notified else ""
        workflow.set_current_details(f"{delivered} webhooks delivered late{late}")
        return delivered

    async def _pick_up_mails_and_customers(self) -> LateNotices:
        try:
            return await self._send_pending_mails()
        finally:
            if workflow.patched(CUSTOMERS_LEFT_BEHIND):
                await workflow.execute_activity_method(
                    CustomerActivities.start_pending_syncs,
                    task_queue=RECORDS_QUEUE,
                    start_to_close_timeout=timedelta(minutes=2),
                    heartbeat_timeout=HEARTBEAT_TIMEOUT,
                    retry_policy=RETRY_UNTIL_NEXT_SWEEP,
                    summary="Propagate pending customer changes",
                )

    @staticmethod
    async def _send_pending_mails() -> LateNotices:
        return await workflow.execute_activity_method(
            RollUpActivities.send_late_notices,
            task_queue=RECORDS_QUEUE,
            start_to_close_timeout=timedelta(minutes=2),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRY_UNTIL_NEXT_SWEEP,
            summary="Send pending mails",
        )
