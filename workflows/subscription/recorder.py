"""Records a subscription's steps: schedules their dates, stores and shows them.

The database's activities are called here alone: local ones, which run with the workflow task itself.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.records import AnchorRequest, ForgetRequest, LadderRequest, NoticesRequest, RecordActivities
from activities.renewals import CloseRequest, RenewalActivities
from domain.formatting import moment
from domain.subscription import blocked_steps, cancellation, renewal_notices
from domain.subscription.agenda import Due, agenda, is_paced, ladder_of
from domain.subscription.contact_hours import Hours
from domain.subscription.journal import CarriedOut, Step
from domain.subscription.policy import LadderStep, Policy, TrialPolicy
from domain.subscription.reminders import Reminder
from domain.subscription.renewals import ExpectedRenewal, Renewal
from domain.subscription.state import Notice, Subscription
from tracing import steps
from workflows.retries import retry_forever
from workflows.subscription import visibility
from workflows.subscription.messages import RUN_REVISION

RECENT_ENTRIES = 6
"""How many of the latest journal entries the workflow's details show."""

FINDS_UNHEARD = "finds-unheard"
"""A change to the order of commands: before, what had been paid without an answer was lost by a cancellation."""


class _Local(TypedDict):
    start_to_close_timeout: timedelta
    local_retry_threshold: timedelta
    retry_policy: RetryPolicy


DATABASE: _Local = {
    "start_to_close_timeout": timedelta(seconds=10),
    # Retried within the workflow task up to this long, then with a timer in between.
    "local_retry_threshold": timedelta(seconds=20),
    "retry_policy": retry_forever(max_interval=timedelta(minutes=5)),
}


class StepRecorder:
    """Holds a subscription's state and records its steps.

    The components of the process share one recorder: what one of them has recorded or set, the others see. Only one
    caller at a time may change the state; the workflow's lock ensures that.
    """

    def __init__(
        self, subscription: Subscription, policy: Policy, recent: Iterable[str] = (), revision: int = RUN_REVISION
    ) -> None:
        self.revision = revision
        """Of the run: see `RUN_REVISION`."""
        self.subscription = subscription
        self.policy = policy
        self.recent: deque[str] = deque(recent, maxlen=RECENT_ENTRIES)
        self.steps_taken = 0
        self.retried_action = ""
        """The blocked action that is being retried; the next recorded step clears its block."""
        self._carries_out: CarriedOut | None = None
        """The due action of which no step is recorded yet."""

    @contextmanager
    def carrying_out(self, due: Due) -> Iterator[None]:
        """The first step that is recorded within the block carries out this action."""
        self._carries_out = CarriedOut(due.action, due.at, is_paced(self.subscription, due))
        try:
            yield
        finally:
            self._carries_out = None

    async def commit(self, step: Step) -> None:
        """Record a step, then make it the current state."""
        step = self._with_moved_end(step)
        step = replace(step, subscription=await self._with_due_dates(step.subscription))
        ahead = agenda(step.subscription, self.policy)
        step = self._without_cleared_blocks(step, ahead)
        await _record(replace(step, ahead=ahead, carries_out=self._carries_out))
        self._carries_out = None
        self.take_over(step.subscription, (f"{moment(entry.at)} {entry.summary}" for entry in step.entries))

    def take_over(self, recorded: Subscription, lines: Iterable[str] = ()) -> None:
        """Make a recorded step the current state, and show it; *lines* are its journal entries."""
        self.subscription = recorded
        self.steps_taken += 1
        steps.mark_latest()
        self.recent.extend(lines)
        ahead = agenda(recorded, self.policy)
        shown = workflow.info().typed_search_attributes
        wanted = visibility.attributes(self.subscription, ahead, shows_renewals=self.revision == 0)
        changes = visibility.changes(shown, wanted)
        if changes:
            workflow.upsert_search_attributes(changes)
        self.show()

    def _with_moved_end(self, step: Step) -> Step:
        moved = cancellation.moved_along(self.subscription, step, workflow.now())
        return moved if moved is not step and workflow.patched(FINDS_UNHEARD) else step

    def _without_cleared_blocks(self, step: Step, ahead: Sequence[Due]) -> Step:
        waiting, now = blocked_steps.all_blocked(step.subscription), workflow.now()
        if waiting != blocked_steps.all_blocked(self.subscription):
            return step  # this step says what is blocked
        gone = [
            each
            for each in waiting
            if each.action == self.retried_action or blocked_steps.is_moot(step.subscription, each, ahead, now)
        ]
        return blocked_steps.unblocked(step, gone, now) if gone else step

    def show(self) -> None:
        workflow.set_current_details(visibility.details(self.subscription, self.policy, self.recent))

    # Dates in the customer's time zone

    async def _with_due_dates(self, subscription: Subscription) -> Subscription:
        """Schedule what a step made necessary: the days of a recovery, the notices before a renewal."""
        recovery = subscription.recovery
        if recovery is not None and not recovery.rungs:
            rungs = await self.rungs(subscription, recovery.since)
            subscription = replace(subscription, recovery=replace(recovery, rungs=rungs))
        key = renewal_notices.key_of(subscription, self.policy)
        if key == subscription.noticed_for:
            return subscription
        wanted = renewal_notices.wanted(subscription, self.policy)
        hours = Hours(self.policy.trial.earliest, self.policy.trial.latest)
        notices = await schedule_notices(subscription.customer, wanted, hours) if wanted else ()
        return replace(subscription, notices=notices, noticed_for=key)

    async def rungs(self, subscription: Subscription, since: datetime) -> tuple[datetime, ...]:
        """Return when the steps of a recovery that began at *since* are due; empty: the policy has no contact hours."""
        if not self.policy.retry_earliest:
            return ()
        hours = Hours(self.policy.retry_earliest, self.policy.retry_latest)
        return await schedule_ladder(subscription.customer, since, ladder_of(subscription, self.policy), hours)


# Calls of the database's activities


async def _record(step: Step) -> None:
    """Record the step; returns once it is in the database."""
    await workflow.execute_local_activity_method(
        RecordActivities.record,
        step,
        **DATABASE,
        summary=", ".join(entry.kind for entry in step.entries),
    )


async def schedule_reminders(
    customer: str, ends_at: datetime, trial: TrialPolicy, *, signing_up: str = ""
) -> tuple[Reminder, ...]:
    return await workflow.execute_local_activity_method(
        RecordActivities.anchor_reminders,
        AnchorRequest(customer, ends_at, trial, workflow.now(), signing_up),
        **DATABASE,
        summary=f"Reminders before {ends_at:%Y-%m-%d}",
    )


async def schedule_ladder(
    customer: str, since: datetime, ladder: tuple[LadderStep, ...], hours: Hours
) -> tuple[datetime, ...]:
    return await workflow.execute_local_activity_method(
        RecordActivities.anchor_ladder,
        LadderRequest(customer, since, ladder, hours),
        **DATABASE,
        summary=f"Due days of a recovery that started on {since:%Y-%m-%d}",
    )


async def schedule_notices(customer: str, notices: tuple[Notice, ...], hours: Hours) -> tuple[Notice, ...]:
    return await workflow.execute_local_activity_method(
        RecordActivities.lay_out_notices,
        NoticesRequest(customer, notices, hours, workflow.now()),
        **DATABASE,
        summary="Notices before the next renewal",
    )


async def close_renewal(expected: ExpectedRenewal, step: Step) -> Renewal | None:
    """Return the renewal if it is recorded; otherwise record the step in its place."""
    return await workflow.execute_local_activity_method(
        RenewalActivities.close,
        CloseRequest(expected, step),
        **DATABASE,
        summary="Whether the renewal is recorded",
    )


async def forget_sign_up(subscription: Subscription) -> None:
    await workflow.execute_local_activity_method(
        RecordActivities.forget_sign_up,
        ForgetRequest(subscription.customer, subscription.id),
        **DATABASE,
        summary="Delete a refused sign-up",
    )
