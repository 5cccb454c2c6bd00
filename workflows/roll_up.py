"""The roll-up of usage, every six hours by a Temporal Schedule or by hand."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypedDict, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.rolling_up import LateTold, RollUpActivities
    from domain.names import RECORDS_QUEUE

_Result = TypeVar("_Result")


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
        return (
            f"{self.sampled} gauges sampled, {self.statistics} plans' features summed up; {late}; {forgotten} forgotten"
        )


@workflow.defn
class RollUpUsageWorkflow:
    """Looks once through all use. Each step stands for itself: one that fails holds up no other."""

    def __init__(self) -> None:
        self._failures: list[str] = []

    @workflow.run
    async def run(self) -> RolledUp:
        activities = RollUpActivities
        told = await self._one(
            LateTold(),
            workflow.execute_activity_method(
                activities.tell_usage_notices, **TELLING, summary="Tell of thresholds that were crossed"
            ),
        )
        sampled = await self._one(
            0,
            workflow.execute_activity_method(
                activities.sample_gauges, **STEP, summary="Note how much there is of each gauge today"
            ),
        )
        statistics = await self._one(
            0,
            workflow.execute_activity_method(
                activities.take_usage_statistics, **STEP, summary="Sum up use by plan and feature"
            ),
        )
        forgotten: dict[str, int] = await self._one(
            {},
            workflow.execute_activity_method(
                activities.forget_old_usage, **STEP, summary="Forget what is too old to be asked for"
            ),
        )
        done = RolledUp(told, sampled, statistics, forgotten)
        workflow.set_current_details("\n\n".join([done.in_words(), *self._failures]))
        if self._failures:
            raise ApplicationError("; ".join(self._failures), non_retryable=True)
        return done

    async def _one(self, otherwise: _Result, step: Awaitable[_Result]) -> _Result:
        try:
            return await step
        except ActivityError as error:
            self._failures.append(f"{error.activity_type}: {error.cause or error}")
            return otherwise
