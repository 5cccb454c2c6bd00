"""Going on: what has been heard, what is due, and what of both the outside does not take for now."""

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
    from workflows.subscription.blocked_steps import BLOCKED_WAIT, wait_after
    from workflows.subscription.command_base import CommandHandler
    from workflows.subscription.process import SubscriptionProcess


class Progress(CommandHandler):
    """The part of the subscription's workflow that does what is next, and tries again what was not taken."""

    def __init__(
        self,
        process: SubscriptionProcess,
        done: Iterable[str],
        declined: Iterable[str],
        hints: Iterable[EventHint],
        *,
        is_born: bool,
    ) -> None:
        super().__init__(process, done, declined, is_born=is_born)
        self._hints: deque[EventHint] = deque(hints)
        self._not_before: datetime | None = None
        """What is due next waits until then: it was refused, or the provider has not decided on it."""
        self._put_off_for = ""
        """The blocked action for which it waits: when that is not blocked any more, nothing waits for it."""
        self._hold_not_before: datetime | None = None
        self._end_not_before: datetime | None = None
        self._hints_not_before: datetime | None = None
        self._doing = ""
        """What is being tried, as `Blocked.action` names it."""
        self._heard = ""
        """The message that was looked into last."""
        for trouble in blocked_steps.troubles(process.subscription):
            self._put_off(trouble.action, trouble.next_try)

    @property
    def _is_over(self) -> bool:
        return self._refusal is not None or self._now.is_over

    @property
    def _is_done(self) -> bool:
        """Whether it is over, and the provider knows."""
        return self._refusal is not None or (self._now.is_over and not self._process.end_is_due)

    @property
    def _has_news(self) -> bool:
        """Whether there is a message to look into now."""
        return bool(self._hints) and (self._hints_not_before is None or self._is_time(self._hints_not_before))

    @property
    def _due_not_before(self) -> datetime | None:
        is_moot = self._put_off_for and blocked_steps.trouble_of(self._now, self._put_off_for) is None
        return None if is_moot else self._not_before

    def _wakes_at(self) -> datetime | None:
        due = next_due(self._now, self._process.policy)
        not_before = self._due_not_before
        moments = [] if due is None else [due.at if not_before is None else max(due.at, not_before)]
        if self._process.hold_is_due:
            moments.append(self._hold_not_before or workflow.now())
        if self._process.end_is_due:
            moments.append(self._end_not_before or workflow.now())
        if self._hints and self._hints_not_before is not None:
            moments.append(self._hints_not_before)
        return min(moments, default=None)

    async def _do_what_is_next(self) -> None:
        """News first: it may settle what was about to be done."""
        began = workflow.now()
        try:
            await self._try_what_is_next()
        except (*STEP_FAILED, TenureError) as error:
            # Failing the workflow would lose the subscription; it waits, tells the operator, and tries again.
            if not await self._is_explained(error):
                await self._wait_because_of(error, began)

    async def _try_what_is_next(self) -> None:
        self._doing = ""
        if self._has_news:
            self._doing, self._heard = blocked_steps.HEAR, self._hints[0].event
            with self._process.trying(self._doing):
                await self._look_into(self._hints[0])
        elif not self._is_done and self._is_time(self._wakes_at()):
            await self._act()
        if self._doing and not self._is_over:
            await self._process.went_on(self._doing)

    async def _is_explained(self, error: BaseException) -> bool:
        """Whether a look has shown that there is nothing left to wait for: a customer who was deleted."""
        if self._is_over or self._doing == blocked_steps.HEAR:
            return False
        try:
            return await self._process.found_deleted(error, Cause.timer(self._doing))
        except STEP_FAILED:
            return False  # the first refusal tells more

    async def _wait_because_of(self, error: BaseException, began: datetime) -> None:
        wait = wait_after(error)
        next_try = workflow.now() + wait
        if self._is_over and self._doing != blocked_steps.END:
            # Of money that went back in the end.
            self._put_off(self._doing, next_try)
        elif self._doing == blocked_steps.HEAR and not can_be_had_later(error):
            if not await self._process.refuse_news(error, self._heard):
                self._not_before = next_try
        elif await self._process.block(self._doing, error, began, next_try):
            self._put_off(self._doing, next_try)
        else:
            self._not_before = next_try

    def _put_off(self, action: str, until: datetime) -> None:
        if action == blocked_steps.HEAR:
            self._hints_not_before = until
        elif action == blocked_steps.HOLD:
            self._hold_not_before = until
        elif action == blocked_steps.END:
            self._end_not_before = until
        else:
            self._not_before = until
            self._put_off_for = action if blocked_steps.trouble_of(self._now, action) is not None else ""

    async def _look_into(self, hint: EventHint) -> None:
        """A hint is done with when it was looked into, refused or not: what it hints at is asked for in time anyway.

        One to which the provider gave no answer stays: of a card that was given on a page nobody else tells.
        """
        try:
            if is_worth_a_look(self._now, hint):
                await self._process.hear(hint)
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
    def _is_time(at: datetime | None) -> bool:
        return at is not None and at <= workflow.now()

    async def _act(self) -> None:
        now, before = workflow.now(), self._now.sequence
        if self._process.end_is_due and (self._end_not_before is None or self._end_not_before <= now):
            self._doing = blocked_steps.END
            with self._process.trying(self._doing):
                await self._process.tell_end()
            self._end_not_before = None
            return
        if self._process.hold_is_due and (self._hold_not_before is None or self._hold_not_before <= now):
            await self._tell_hold(now)
            return
        due = next_due(self._now, self._process.policy)
        if due is None:
            return
        self._doing = due.action
        with self._process.trying(self._doing):
            wait = await self._process.act(due)
        if wait is None and self._now.sequence == before:
            # Nothing came of it: never spin.
            wait = BLOCKED_WAIT
        self._not_before, self._put_off_for = now + wait if wait is not None else None, ""

    async def _tell_hold(self, now: datetime) -> None:
        self._doing = blocked_steps.HOLD
        # Should it be refused, everything else goes on; the look tells whether the agreement has ended.
        self._hold_not_before = now + BLOCKED_WAIT
        with self._process.trying(self._doing):
            refused = await self._process.tell_hold_or_look()
        if refused is not None:
            self._doing = ""
            await self._process.block(blocked_steps.HOLD, refused, now, self._hold_not_before)
        elif not self._process.hold_is_due:
            self._hold_not_before = None

    async def _try_again(self) -> None:
        """Try now whatever waits for its next try.

        Raises:
            TenureError, or what a step raises: it was not taken this time either; that is written down.
        """
        self._not_before = self._hold_not_before = self._end_not_before = self._hints_not_before = None
        began, tried = workflow.now(), -1
        while not self._is_done and (self._has_news or self._is_time(self._wakes_at())) and tried != self._now.sequence:
            tried = self._now.sequence
            try:
                await self._try_what_is_next()
            except (*STEP_FAILED, TenureError) as error:
                await self._wait_because_of(error, began)
                raise
