"""Telling the provider what was used beyond plans' limits, regularly."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

from workflows.priorities import Urgency

with workflow.unsafe.imports_passed_through():
    from activities.metering import MeteringActivities, Reported
    from domain.names import PAYMENTS_QUEUE

AT_MOST = 100
"""Activities of one run; what is left then is the next one's."""


@workflow.defn(name="ReportUsageWorkflow")
class ReportUsageWorkflow:
    """Tells what waits. Started every five minutes, ended when nothing waits that can be told at once."""

    def __init__(self) -> None:
        self._done = Reported(is_all=False)

    @workflow.run
    async def run(self) -> Reported:
        for _ in range(AT_MOST):
            self._done += await workflow.execute_activity_method(
                MeteringActivities.report_usage,
                task_queue=PAYMENTS_QUEUE,
                start_to_close_timeout=timedelta(minutes=3),
                # What fails five times is left to the next run.
                retry_policy=RetryPolicy(maximum_attempts=5),
                priority=Priority(priority_key=Urgency.LOOKUP),
                summary="Tell the provider what was used beyond plans' limits",
            )
            done = self._done
            told = f"{done.reported} uses told, {done.set_aside} left to an operator, {done.unanswered} without answer"
            workflow.set_current_details(told)
            if done.is_all:
                break
        return self._done

    @workflow.query(name="so_far")
    def so_far(self) -> Reported:
        """What it has come to so far."""
        return self._done
