"""Works off a bulk run: its rows at a fixed rate, until none waits or an operator stops it."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypedDict

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy, SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from activities.bulk import BulkActivities, RowsRequest, StateRequest
    from activities.failures import as_failure
    from domain.bulk.runs import RunState, Tally
    from domain.errors import Rejected
    from domain.names import RECORDS_QUEUE, SearchAttribute
    from workflows.retries import HEARTBEAT_TIMEOUT, retry_forever
    from workflows.subscription.command_handler import update

BATCHES_PER_RUN: Final = 300
"""Continues as new after this many, which keeps the history short."""
RESTING: Final = "No more of them this second"
STATUS: Final = SearchAttributeKey.for_keyword(SearchAttribute.STATUS)


class _Options(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


WORKING: Final[_Options] = {
    "task_queue": RECORDS_QUEUE,
    # Every subscription of a batch may take as long as a caller waits for it, twice.
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": HEARTBEAT_TIMEOUT,
    "retry_policy": retry_forever(max_interval=timedelta(minutes=1)),
    # Everything else goes first.
    "priority": Priority(priority_key=5),
}
RECORDING: Final[_Options] = WORKING | {"start_to_close_timeout": timedelta(seconds=30)}


@dataclass(frozen=True)
class BulkInput:
    """What one run of the workflow passes to the next."""

    run: str
    what: str
    """What is done to each subscription, for operators."""
    rate: int
    """Subscriptions a second."""
    state: RunState = RunState.STARTING
    tally: Tally = field(default_factory=Tally)
    continued: int = 0
    """How often it has continued as new."""


@workflow.defn(name="BulkWorkflow")
class BulkWorkflow:
    """Works off one bulk run. Carries ids and counts only: rows, outcomes and the reason are in the database."""

    @workflow.init
    def __init__(self, start: BulkInput) -> None:
        self._progress = start
        self._wanted: RunState = RunState.RUNNING if start.state is RunState.STARTING else start.state
        """What operators have asked for."""

    @workflow.run
    async def run(self, _start: BulkInput) -> Tally:
        batches = 0
        self._show()
        while not self._progress.state.is_over:
            if self._is_asked_for_another():
                await self._enter(self._wanted)
            elif self._wanted is RunState.PAUSED:
                await workflow.wait_condition(self._is_asked_for_another)
            elif not self._progress.tally.waiting:
                await self._enter(RunState.FINISHED)
            elif batches >= BATCHES_PER_RUN or workflow.info().is_continue_as_new_suggested():
                await self._continue_as_new()
            else:
                await self._work_off_batch()
                batches += 1
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._progress.tally

    @update(name="pause")
    async def pause(self) -> Tally:
        """Work no further row off until it is resumed; returns once none is in progress."""
        return await self._want(RunState.PAUSED)

    @pause.validator
    def _validate_pause(self) -> None:
        self._check_goes_on()

    @update(name="resume")
    async def resume(self) -> Tally:
        """Go on working rows off."""
        return await self._want(RunState.RUNNING)

    @resume.validator
    def _validate_resume(self) -> None:
        self._check_goes_on()

    @update(name="stop")
    async def stop(self) -> Tally:
        """End it for good: rows that wait are skipped, what was done stays done."""
        return await self._want(RunState.STOPPED)

    @stop.validator
    def _validate_stop(self) -> None:
        self._check_goes_on()

    @workflow.query(name="so_far", description="How far it has come.")
    def so_far(self) -> BulkInput:
        """How far it has come."""
        return self._progress

    def _check_goes_on(self) -> None:
        if self._progress.state.is_over or self._wanted is RunState.STOPPED:
            raise as_failure(Rejected("the bulk run has ended", code="bulk_run_over"))

    def _is_asked_for_another(self) -> bool:
        """True if it is asked to do something other than what it does."""
        return self._wanted is not self._progress.state

    async def _want(self, state: RunState) -> Tally:
        if self._wanted is not RunState.STOPPED:
            self._wanted = state
        await workflow.wait_condition(
            lambda: self._progress.state is state or self._progress.state.is_over or self._wanted is not state
        )
        return self._progress.tally

    async def _work_off_batch(self) -> None:
        """A second's worth of rows, and what is left of the second."""
        began, rate = workflow.now(), self._progress.rate
        tally = await workflow.execute_activity_method(
            BulkActivities.work_off_rows,
            RowsRequest(self._progress.run, rate),
            **WORKING,
            summary=f"Work off the next {rate} of {self._progress.tally.waiting}",
        )
        self._progress = replace(self._progress, tally=tally)
        self._show()
        if tally.waiting:
            await self._rest_until(began + timedelta(seconds=1))

    async def _rest_until(self, then: datetime) -> None:
        left = then - workflow.now()
        if left > timedelta():
            with suppress(TimeoutError):
                await workflow.wait_condition(self._is_asked_for_another, timeout=left, timeout_summary=RESTING)

    async def _enter(self, state: RunState) -> None:
        tally = await workflow.execute_activity_method(
            BulkActivities.record_state,
            StateRequest(self._progress.run, state),
            **RECORDING,
            summary=f"Record that it is {state}",
        )
        self._progress = replace(self._progress, state=state, tally=tally)
        workflow.upsert_search_attributes([STATUS.value_set(f"bulk_{state}")])
        self._show()

    async def _continue_as_new(self) -> None:
        # What is asked for meanwhile comes first: its handler waits for the loop.
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or self._is_asked_for_another())
        if not self._is_asked_for_another():
            workflow.continue_as_new(replace(self._progress, continued=self._progress.continued + 1))

    def _show(self) -> None:
        progress = self._progress
        workflow.set_current_details(
            f"**{progress.state}**: {progress.what}\n\n{progress.tally.in_words()}, {progress.rate} a second"
        )
