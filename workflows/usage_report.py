"""Reports usage beyond plan limits to the provider at regular intervals."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

from workflows.priorities import Urgency

with workflow.unsafe.imports_passed_through():
    from activities.metering import MeteringActivities, Reported
    from domain.names import PAYMENTS_QUEUE
    from workflows.retries import HEARTBEAT_TIMEOUT

MAX_ACTIVITIES_PER_RUN = 100
"""The rest is left to the next run."""


@workflow.defn(name="ReportUsageWorkflow")
class ReportUsageWorkflow:
    """Reports pending usage. Starts every five minutes, ends when nothing is left that can be reported now."""

    def __init__(self) -> None:
        self._done = Reported(is_all=False)

    @workflow.run
    async def run(self) -> Reported:
        for _ in range(MAX_ACTIVITIES_PER_RUN):
            self._done += await workflow.execute_activity_method(
                MeteringActivities.report_usage,
                task_queue=PAYMENTS_QUEUE,
                start_to_close_timeout=timedelta(minutes=3),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                # After five attempts it is left to the next run.
                retry_policy=RetryPolicy(maximum_attempts=5),
                priority=Priority(priority_key=Urgency.LOOKUP),
                summary="Report usage beyond plan limits to the provider",
            )
            done = self._done
            workflow.set_current_details(
                f"{done.reported} usage records reported, {done.set_aside} left to an operator,"
                f" {done.unanswered} without answer"
            )
            if done.is_all:
                break
        return self._done

    @workflow.query(name="so_far", description="The result so far.")
    def so_far(self) -> Reported:
        """The result so far."""
        return self._done
