"""Progress of the main loop: provider events, due actions, and retries of steps that are blocked."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import STEP_FAILED, can_be_had_later
    from domain.errors import TenureError
    from domain.provider.hints import EventHint
    from domain.subscription import blocked_steps
    from domain.subscription.agenda import next_due
    from domain.subscription.hints import is_worth_a_look
    from domain.subscription.journal import Cause
    from workflows.subscription.blocked_steps import BLOCKED_RETRY_DELAY, retry_delay
    from workflows.subscription.command_base import CommandHandler
    from workflows.subscription.process import SubscriptionProcess


class Progress(CommandHandler):
    """The part of the subscription workflow that takes the next step and retries blocked ones."""

    def __init__(
        self,
        process: SubscriptionProcess,
        done: Iterable[str],
        declined: Iterable[str],
        hints: Iterable[EventHint],
        *,
        is_activated: bool,
    ) -> None:
        super().__init__(process, done, declined, is_activated=is_activated)
        self._hints: deque[EventHint] = deque(hints)
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
        for trouble in blocked_steps.troubles(process.recorder.subscription):
            self._postpone(trouble.action, trouble.next_try)

    @property
    def _is_over(self) -> bool:
        return self._refusal is not None or self._now.is_over

    @property
    def _is_done(self) -> bool:
        """True if the subscription is over and the provider knows."""
        return self._refusal is not None or (self._now.is_over and not self._process.ends.report_is_due)

    @property
    def _has_event(self) -> bool:
        """True if there is an event to process now."""
        return bool(self._hints) and (self._hints_not_before is None or self._is_due(self._hints_not_before))

    @property
    def _due_not_before(self) -> datetime | None:
        is_moot = self._postponed_action and blocked_steps.trouble_of(self._now, self._postponed_action) is None
        return None if is_moot else self._not_before

    def _next_wake_up(self) -> datetime | None:
        due = next_due(self._now, self._recorder.policy)
        not_before = self._due_not_before
        moments = [] if due is None else [due.at if not_before is None else max(due.at, not_before)]
        if self._process.hold.is_due:
            moments.append(self._hold_not_before or workflow.now())
        if self._process.ends.report_is_due:
            moments.append(self._end_not_before or workflow.now())
        if self._hints and self._hints_not_before is not None:
            moments.append(self._hints_not_before)
        return min(moments, default=None)

    async def _take_next_step(self) -> None:
        """Process events first: they may settle what is due."""
        began = workflow.now()
        try:
            await self._attempt_next_step()
        except (*STEP_FAILED, TenureError) as error:
            # Failing the workflow would lose the subscription; it shows the error to the operator and retries.
            if not await self._found_deleted_customer(error):
                await self._schedule_retry(error, began)

    async def _attempt_next_step(self) -> None:
        self._current_action = ""
        if self._has_event:
            self._current_action, self._last_event = blocked_steps.HEAR, self._hints[0].event
            with self._process.blocked.attempting(self._current_action):
                await self._process_event(self._hints[0])
        elif not self._is_done and self._is_due(self._next_wake_up()):
            await self._act()
        if self._current_action and not self._is_over:
            await self._process.blocked.clear(self._current_action)

    async def _found_deleted_customer(self, error: BaseException) -> bool:
        """True if a sync explains the error: the customer was deleted at the provider, so there is nothing to retry."""
        if self._is_over or self._current_action == blocked_steps.HEAR:
            return False
        try:
            return await self._process.provider_sync.found_deleted(error, Cause.timer(self._current_action))
        except STEP_FAILED:
            return False  # the first error says more

    async def _schedule_retry(self, error: BaseException, began: datetime) -> None:
        wait = retry_delay(error)
        next_try = workflow.now() + wait
        if self._is_over and self._current_action != blocked_steps.END:
            # A refund or dispute after the end.
            self._postpone(self._current_action, next_try)
        elif self._current_action == blocked_steps.HEAR and not can_be_had_later(error):
            if not await self._process.blocked.refuse_event(error, self._last_event):
                self._not_before = next_try
        elif await self._process.blocked.block(self._current_action, error, began, next_try):
            self._postpone(self._current_action, next_try)
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
            self._not_before = until
            self._postponed_action = action if blocked_steps.trouble_of(self._now, action) is not None else ""

    async def _process_event(self, hint: EventHint) -> None:
        """Process a hint once, even if it is refused: the provider is asked about its subject in time anyway.

        Without an answer from the provider the hint stays: nothing else reports a card entered on a checkout page.
        """
        try:
            if is_worth_a_look(self._now, hint):
                await self._process.events.process(hint)
        except STEP_FAILED as error:
            if not can_be_had_later(error):
                self._hints.remove(hint)
            raise
        except TenureError:
            self._hints.remove(hint)
            raise
        self._hints.remove(hint)
        self._hints_not_before = None

    @staticmethod
    def _is_due(at: datetime | None) -> bool:
        return at is not None and at <= workflow.now()

    async def _act(self) -> None:
        now, before = workflow.now(), self._now.sequence
        if self._process.ends.report_is_due and (self._end_not_before is None or self._end_not_before <= now):
            self._current_action = blocked_steps.END
            with self._process.blocked.attempting(self._current_action):
                await self._process.ends.report()
            self._end_not_before = None
            return
        if self._process.hold.is_due and (self._hold_not_before is None or self._hold_not_before <= now):
            await self._sync_hold(now)
            return
        due = next_due(self._now, self._recorder.policy)
        if due is None:
            return
        self._current_action = due.action
        with self._process.blocked.attempting(self._current_action):
            wait = await self._process.due_actions.act(due)
        if wait is None and self._now.sequence == before:
            # No progress: never spin.
            wait = BLOCKED_RETRY_DELAY
        self._not_before, self._postponed_action = now + wait if wait is not None else None, ""

    async def _sync_hold(self, now: datetime) -> None:
        self._current_action = blocked_steps.HOLD
        # If it is refused, everything else continues; the sync shows whether the agreement has ended.
        self._hold_not_before = now + BLOCKED_RETRY_DELAY
        with self._process.blocked.attempting(self._current_action):
            refused = await self._process.hold.apply()
        if refused is not None:
            self._current_action = ""
            await self._process.blocked.block(blocked_steps.HOLD, refused, now, self._hold_not_before)
        elif not self._process.hold.is_due:
            self._hold_not_before = None

    async def _retry_blocked(self) -> None:
        """Retry now everything that waits for its next attempt.

        Raises:
            TenureError, or what a step raises: it failed again; that is recorded.
        """
        self._not_before = self._hold_not_before = self._end_not_before = self._hints_not_before = None
        began, tried = workflow.now(), -1
        while (
            not self._is_done
            and (self._has_event or self._is_due(self._next_wake_up()))
            and tried != self._now.sequence
        ):
            tried = self._now.sequence
            try:
                await self._attempt_next_step()
            except (*STEP_FAILED, TenureError) as error:
                await self._schedule_retry(error, began)
                raise
