"""Rolls usage up, every six hours on a Temporal Schedule or on demand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.rolling_up import LateNotices, RollUpActivities
    from domain.names import RECORDS_QUEUE
    from domain.retention import forgotten_in_words


class _Options(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


STEP: _Options = {
    "task_queue": RECORDS_QUEUE,
    "start_to_close_timeout": timedelta(minutes=30),
    # After that the next run starts over.
    "schedule_to_close_timeout": timedelta(hours=1),
    "heartbeat_timeout": timedelta(minutes=2),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2)),
}
# An attempt goes on where the one before it stopped.
STATISTICS: _Options = STEP | {"schedule_to_close_timeout": timedelta(hours=4)}
NOTIFYING: _Options = STEP | {
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": timedelta(minutes=10),
}


@dataclass(frozen=True)
class RolledUp:
    """The result of a roll-up, in counts."""

    told: LateNotices = field(default_factory=LateNotices)
    sampled: int = 0
    """Customers' gauges that were sampled."""
    statistics: int = 0
    """Pairs of plan and feature."""
    forgotten: dict[str, int] = field(default_factory=dict)
    """Records past their retention that were deleted, by kind."""

    def in_words(self) -> str:
        """One line for an operator."""
        late = f"{self.told.notices} late threshold notices, {self.told.mails} mails queued again"
        summed_up = f"{self.sampled} gauges sampled, {self.statistics} plan features summed up"
        return f"{summed_up}; {late}; deleted: {forgotten_in_words(self.forgotten)}"


@workflow.defn(name="RollUpUsageWorkflow")
class RollUpUsageWorkflow:
    """Goes through all usage once. The steps are independent: a failed one does not hold up the others."""

    def __init__(self) -> None:
        self._result = RolledUp()
        self._failures: list[str] = []

    @workflow.run
    async def run(self) -> RolledUp:
        activities = RollUpActivities
        with self._collecting_failures():
            notified = await workflow.execute_activity_method(
                activities.send_late_notices, **NOTIFYING, summary="Send notices of thresholds that were crossed"
            )
            self._show(replace(self._result, told=notified))
        with self._collecting_failures():
            sampled = await workflow.execute_activity_method(
                activities.sample_gauges, **STEP, summary="Sample today's value of each gauge"
            )
            self._show(replace(self._result, sampled=sampled))
        with self._collecting_failures():
            statistics = await workflow.execute_activity_method(
                activities.compute_usage_statistics, **STATISTICS, summary="Sum up usage by plan and feature"
            )
            self._show(replace(self._result, statistics=statistics))
        with self._collecting_failures():
            forgotten = await workflow.execute_activity_method(
                activities.forget_old_usage, **STEP, summary="Delete usage past its retention"
            )
            self._show(replace(self._result, forgotten=forgotten))
        if self._failures:
            raise ApplicationError("; ".join(self._failures), non_retryable=True)
        return self._result

    @workflow.query(name="so_far", description="The result so far.")
    def so_far(self) -> RolledUp:
        """The result so far."""
        return self._result

    @contextmanager
    def _collecting_failures(self) -> Iterator[None]:
        """Keep a failure of the block; it fails the run at its end."""
        try:
            yield
        except ActivityError as error:
            self._failures.append(f"{error.activity_type}: {error.cause or error}")
            self._show(self._result)

    def _show(self, result: RolledUp) -> None:
        self._result = result
        workflow.set_current_details("\n\n".join([result.in_words(), *self._failures]))
