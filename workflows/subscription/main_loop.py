"""The work of the main loop: provider events, due actions, and retries of steps that are blocked."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from temporalio import workflow

from activities.failures import STEP_FAILED, can_be_had_later
from domain.errors import TenureError
from domain.provider.hints import EventHint, EventKind
from domain.subscription import blocked_steps
from domain.subscription.agenda import next_due
from domain.subscription.hints import is_relevant, pays_waived
from domain.subscription.journal import Cause, CauseKind
from tracing import steps
from workflows.subscription.blocked_steps import BLOCKED_RETRY_DELAY, retry_delay
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.provider_sync import PAYMENTS_OF_WAIVED

CLOCK_SKEW = timedelta(seconds=1)
"""By how much the clocks of two servers that run a workflow in succession may differ."""


class ReadAheadError(RuntimeError):
    """A timer has fired, but the time at which it fired is not known yet.

    To answer a query, a worker that has not cached the run reads its whole history, including events after the last
    workflow task that are meant for the next one (server 1.32, SDK 1.35). A decision made then is made at the time of
    the last task, is sent with the next, and matches no replay. So the worker must evict the run, as it does for any
    error that is not a workflow failure, and start over with the next task. The query fails.
    """

    def __init__(self, due: datetime) -> None:
        super().__init__(f"the timer for {due} fired before the workflow task that carries the time")


class MainLoop:
    """Waits for work, and takes one step at a time; a step that fails waits for its next attempt."""

    def __init__(self, process: SubscriptionProcess, hints: Iterable[EventHint]) -> None:
        self._process = process
        self._recorder = process.recorder
        self.hints: deque[EventHint] = deque(hints)
        """Provider events that wait to be processed."""
        self.is_woken = False
        """A command may have changed what is due."""
        self._not_before: datetime | None = None
        """The next due action waits until then: it was refused, or the provider has not decided."""
        self._postponed_action = ""
        """The blocked action that the wait is for; once it is no longer blocked, the wait is void."""
        self._hold_not_before: datetime | None = None
        self._end_not_before: datetime | None = None
        self._hints_not_before: datetime | None = None
        self._current_action = ""
        """The action being attempted, as `Blocked.action` names it."""
        self._last_event = ""
        """The event that was processed last."""
        for trouble in blocked_steps.all_blocked(self._recorder.subscription):
            self._postpone(trouble.action, trouble.next_try)

    # What there is to do, and when

    @property
    def is_done(self) -> bool:
        """True if the subscription is over and the provider knows."""
        return self._recorder.subscription.is_over and not self._process.ends.report_is_due

    @property
    def has_event(self) -> bool:
        """True if there is an event to process now."""
        return bool(self.hints) and _has_come(self._hints_not_before)

    def next_wake_up(self) -> datetime | None:
        """Return when there is something to do; None: not until an event or a command arrives."""
        due = next_due(self._recorder.subscription, self._recorder.policy)
        not_before = self._due_not_before
        moments = [] if due is None else [due.at if not_before is None else max(due.at, not_before)]
        if self._process.due_actions.hold_is_due:
            moments.append(self._hold_not_before or workflow.now())
        if self._process.ends.report_is_due:
            moments.append(self._end_not_before or workflow.now())
        if self.hints and self._hints_not_before is not None:
            moments.append(self._hints_not_before)
        return min(moments, default=None)

    @property
    def _due_not_before(self) -> datetime | None:
        action = self._postponed_action
        is_moot = action and not self._process.blocked.is_blocked(action)
        return None if is_moot else self._not_before

    @property
    def _is_due(self) -> bool:
        wakes_at = self.next_wake_up()
        return wakes_at is not None and _has_come(wakes_at)

    # Waiting

    def concerns(self, hint: EventHint) -> bool:
        """True if a provider event can bring anything new."""
        return self._pays_waived(hint) or is_relevant(self._recorder.subscription, hint)

    def _pays_waived(self, hint: EventHint) -> bool:
        return pays_waived(self._recorder.subscription, hint) and workflow.patched(PAYMENTS_OF_WAIVED)

    def add(self, hint: EventHint) -> None:
        """Queue a provider event, unless it is queued already."""
        if all(known.event != hint.event for known in self.hints):
            self.hints.append(hint)

    def wake(self) -> None:
        """Have `wait_for_work` return: a command may have changed what is due."""
        self.is_woken = True

    async def wait_for_work(self) -> None:
        """Return when a timer is due, an event has arrived, or a command may have changed what is due."""
        self.is_woken = False
        wakes_at = self.next_wake_up()
        wait = None if wakes_at is None else max(wakes_at - workflow.now(), timedelta())
        if wait == timedelta():
            return
        due = next_due(self._recorder.subscription, self._recorder.policy)
        try:
            await workflow.wait_condition(
                lambda: self.has_event or self.is_woken or self.is_done,
                timeout=wait,
                # The details say why; history holds a timer's summary twice, with what cancels it.
                timeout_summary=due.action.value if due else None,
            )
        except TimeoutError:
            if wakes_at is not None and workflow.now() < wakes_at - CLOCK_SKEW:
                raise ReadAheadError(wakes_at) from None

    async def wait_for_late_event(self) -> None:
        """After the end: return when the next queued event may be processed."""
        if not self.has_event and self._hints_not_before is not None:
            await workflow.sleep(self._hints_not_before - workflow.now(), summary="Retry a refund or dispute")

    # Steps

    async def take_next_step(self) -> None:
        """Process events first: they may settle what is due."""
        began = workflow.now()
        try:
            await self._attempt_next_step()
        except (*STEP_FAILED, TenureError) as error:
            # Failing the workflow would lose the subscription; it shows the error to the operator and retries.
            if not await self._found_deleted_customer(error):
                await self.schedule_retry(self._current_action, error, began)

    async def _attempt_next_step(self) -> None:
        self._current_action = ""
        if self.has_event:
            self._current_action, self._last_event = blocked_steps.HEAR, self.hints[0].event
            with self._process.blocked.attempting(self._current_action), steps.step("hear", self._last_event):
                await self._process_event(self.hints[0])
        elif not self.is_done and self._is_due:
            await self._act()
        if self._process.blocked.is_blocked(self._current_action) and not self._recorder.subscription.is_over:
            await self._process.blocked.clear(self._current_action)

    async def _process_event(self, hint: EventHint) -> None:
        """Process a hint once, even if it is refused: the provider is asked about its subject in time anyway.

        Without an answer from the provider the hint stays: nothing else reports a card entered on a checkout page.
        """
        try:
            if self.concerns(hint):
                await self._apply_event(hint)
        except STEP_FAILED as error:
            if not can_be_had_later(error):
                self.hints.remove(hint)
            raise
        except TenureError:
            self.hints.remove(hint)
            raise
        self.hints.remove(hint)
        self._hints_not_before = None

    async def _apply_event(self, hint: EventHint) -> None:
        if hint.news is EventKind.LIFE_RESTORED:
            # After a restore, everything is reconciled before any due action.
            cause = Cause(CauseKind.RECONCILIATION, hint.event)
            await self._process.reconciler.reconcile(cause, unheard_agreement=hint.object_id)
        elif self._pays_waived(hint):
            cause = Cause(CauseKind.WEBHOOK, hint.event)
            await self._process.provider_sync.check_waived(hint.object_id, cause)
        else:
            await self._process.events.process(hint)

    async def _act(self) -> None:
        """Do what goes first: report an end, hold or resume billing, or take the due action."""
        if self._process.ends.report_is_due and _has_come(self._end_not_before):
            await self._report_end()
        elif self._process.due_actions.hold_is_due and _has_come(self._hold_not_before):
            await self._apply_hold()
        else:
            await self._take_due_action()

    async def _report_end(self) -> None:
        self._current_action = blocked_steps.END
        with self._process.blocked.attempting(self._current_action), steps.step(self._current_action):
            await self._process.ends.report()
        self._end_not_before = None

    async def _apply_hold(self) -> None:
        now, blocked, due_actions = workflow.now(), self._process.blocked, self._process.due_actions
        self._current_action = blocked_steps.HOLD
        # If it is refused, everything else continues; the sync shows whether the agreement has ended.
        self._hold_not_before = now + BLOCKED_RETRY_DELAY
        with blocked.attempting(self._current_action), steps.step(self._current_action):
            refused = await due_actions.apply_hold()
        if refused is not None:
            self._current_action = ""
            await blocked.block(blocked_steps.HOLD, refused, now, self._hold_not_before)
        elif not due_actions.hold_is_due:
            self._hold_not_before = None

    async def _take_due_action(self) -> None:
        recorder, now = self._recorder, workflow.now()
        before, due = recorder.subscription.sequence, next_due(recorder.subscription, recorder.policy)
        if due is None:
            return
        self._current_action = due.action
        with self._process.blocked.attempting(self._current_action), steps.step(due.action):
            wait = await self._process.due_actions.act(due)
        if wait is None and recorder.subscription.sequence == before:
            # No progress: never spin.
            wait = BLOCKED_RETRY_DELAY
        self._not_before, self._postponed_action = now + wait if wait is not None else None, ""

    # Failed steps and their next attempts

    async def _found_deleted_customer(self, error: BaseException) -> bool:
        """True if a sync explains the error: the customer was deleted at the provider, so there is nothing to retry."""
        if self._recorder.subscription.is_over or self._current_action == blocked_steps.HEAR:
            return False
        try:
            return await self._process.provider_sync.found_deleted(error, Cause.timer(self._current_action))
        except STEP_FAILED:
            return False  # the first error says more

    async def schedule_retry(self, action: str, error: BaseException, began: datetime) -> None:
        """Show the operator that an action is blocked, and take it again later."""
        wait = retry_delay(error)
        next_try = workflow.now() + wait
        if self._recorder.subscription.is_over and action != blocked_steps.END:
            # A refund or dispute after the end.
            self._postpone(action, next_try)
        elif action == blocked_steps.HEAR and not can_be_had_later(error):
            if not await self._process.blocked.refuse_event(error, self._last_event):
                self._not_before = next_try
        elif await self._process.blocked.block(action, error, began, next_try):
            self._postpone(action, next_try)
        else:
            self._not_before = next_try

    def _postpone(self, action: str, until: datetime) -> None:
        if action == blocked_steps.HEAR:
            self._hints_not_before = until
        elif action == blocked_steps.HOLD:
            self._hold_not_before = until
        elif action == blocked_steps.END:
            self._end_not_before = until
        else:
            is_blocked = self._process.blocked.is_blocked(action)
            self._not_before, self._postponed_action = until, action if is_blocked else ""

    async def retry_blocked(self) -> None:
        """Retry now everything that waits for its next attempt.

        Raises:
            TenureError, or what a step raises: it failed again; that is recorded.
        """
        recorder = self._recorder
        self._not_before = self._hold_not_before = self._end_not_before = self._hints_not_before = None
        began, tried = workflow.now(), -1
        while not self.is_done and (self.has_event or self._is_due) and tried != recorder.subscription.sequence:
            tried = recorder.subscription.sequence
            try:
                await self._attempt_next_step()
            except (*STEP_FAILED, TenureError) as error:
                await self.schedule_retry(self._current_action, error, began)
                raise


def _has_come(not_before: datetime | None) -> bool:
    """True if that moment has come; None: there is nothing to wait for."""
    return not_before is None or not_before <= workflow.now()
