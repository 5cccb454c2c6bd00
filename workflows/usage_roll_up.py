"""The roll-up of usage, every six hours by a Temporal Schedule or by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.rolling_up import LateTold, RollUpActivities
    from domain.names import RECORDS_QUEUE


class _Options(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


STEP: _Options = {
    "task_queue": RECORDS_QUEUE,
    "start_to_close_timeout": timedelta(minutes=30),
    # Then the next run begins anew.
    "schedule_to_close_timeout": timedelta(hours=1),
    "heartbeat_timeout": timedelta(minutes=2),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2)),
}
TELLING: _Options = STEP | {"start_to_close_timeout": timedelta(minutes=10), "heartbeat_timeout": timedelta(minutes=10)}


@dataclass(frozen=True)
class RolledUp:
    """What a roll-up has come to."""

    told: LateTold = field(default_factory=LateTold)
    sampled: int = 0
    """Gauges of customers."""
    statistics: int = 0
    """Pairs of plan and feature."""
    forgotten: dict[str, int] = field(default_factory=dict)
    """How many of each kind were too old to be kept."""

    def in_words(self) -> str:
        """One line for an operator."""
        forgotten = ", ".join(f"{count} {kind}" for kind, count in sorted(self.forgotten.items())) or "nothing"
        late = f"{self.told.notices} thresholds told late, {self.told.mails} mails handed over again"
        summed_up = f"{self.sampled} gauges sampled, {self.statistics} features of plans summed up"
        return f"{summed_up}; {late}; {forgotten} forgotten"


@workflow.defn(name="RollUpUsageWorkflow")
class RollUpUsageWorkflow:
    """Looks once through all use. Each step stands for itself: one that fails holds up no other."""

    def __init__(self) -> None:
        self._stands = RolledUp()
        self._failures: list[str] = []

    @workflow.run
    async def run(self) -> RolledUp:
        activities = RollUpActivities
        with self._failing_alone():
            told = await workflow.execute_activity_method(
                activities.tell_usage_notices, **TELLING, summary="Tell of thresholds that were crossed"
            )
            self._show(replace(self._stands, told=told))
        with self._failing_alone():
            sampled = await workflow.execute_activity_method(
                activities.sample_gauges, **STEP, summary="Note how much there is of each gauge today"
            )
            self._show(replace(self._stands, sampled=sampled))
        with self._failing_alone():
            statistics = await workflow.execute_activity_method(
                activities.take_usage_statistics, **STEP, summary="Sum up use by plan and feature"
            )
            self._show(replace(self._stands, statistics=statistics))
        with self._failing_alone():
            forgotten = await workflow.execute_activity_method(
                activities.forget_old_usage, **STEP, summary="Forget what is too old to be asked for"
            )
            self._show(replace(self._stands, forgotten=forgotten))
        if self._failures:
            raise ApplicationError("; ".join(self._failures), non_retryable=True)
        return self._stands

    @workflow.query(name="so_far")
    def so_far(self) -> RolledUp:
        """What it has come to so far."""
        return self._stands

    @contextmanager
    def _failing_alone(self) -> Iterator[None]:
        """What fails in the block is noted, and fails the run at its end."""
        try:
            yield
        except ActivityError as error:
            self._failures.append(f"{error.activity_type}: {error.cause or error}")
            self._show(self._stands)

    def _show(self, stands: RolledUp) -> None:
        self._stands = stands
        workflow.set_current_details("\n\n".join([stands.in_words(), *self._failures]))
