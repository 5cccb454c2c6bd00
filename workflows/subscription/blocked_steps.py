"""Blocked steps: what the provider refuses or does not answer is shown to operators, and retried."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.failures import STEP_FAILED, as_tenure_error, can_be_had_later
from domain.errors import GatewayForbidden, GatewayRefused, GatewayUnavailable, TenureError
from domain.subscription import blocked_steps
from domain.subscription.journal import Cause, CauseKind, Step
from domain.subscription.state import Blocked
from workflows.priorities import single_attempt
from workflows.subscription.recorder import StepRecorder

BLOCKED_RETRY_DELAY = timedelta(hours=1)
"""The delay before a refused step is retried; an operator may fix the cause meanwhile."""
OUTAGE_RETRY_DELAY = timedelta(minutes=5)
"""The same after an outage, whose end nobody announces."""
SHOWS_BLOCKED = "shows-blocked"
"""A change to the order of commands: before, a refused step waited without a record. The number of the refusal in its
run follows: a patch's answer is fixed for the whole run, and a subscription that waited under an earlier release must
not stay silent until its run ends."""
KEEPS_BLOCKED = "keeps-blocked"
"""A change to the order of commands: before, a second refused step replaced a waiting hold or event, or was not
recorded. The number of the refusal in its run follows, as above."""

R = TypeVar("R")


def _is_refused_by_provider(error: BaseException) -> bool:
    """True if the provider refused, so nothing was done; after any other error it may have been done."""
    return isinstance(_tenure_error(error), GatewayRefused | GatewayForbidden)


def is_refused_or_unavailable(error: BaseException) -> bool:
    """True if the provider refused or did not answer; otherwise it is a rejection or our own bug."""
    return isinstance(_tenure_error(error), GatewayRefused | GatewayUnavailable)


def _is_answer(error: FailureError) -> bool:
    return not can_be_had_later(error)


def retry_delay(error: BaseException) -> timedelta:
    """Return the delay before a step that failed with *error* is retried."""
    is_outage = can_be_had_later(error) and not isinstance(_tenure_error(error), GatewayForbidden)
    return OUTAGE_RETRY_DELAY if is_outage else BLOCKED_RETRY_DELAY


def _tenure_error(error: BaseException) -> BaseException | None:
    return as_tenure_error(error) if isinstance(error, FailureError) else error


def _code_and_message(error: BaseException) -> tuple[str, str]:
    carried = _tenure_error(error)
    if isinstance(carried, TenureError):
        return carried.code, carried.message
    return "failed", str(error.__cause__ or error)


class BlockedSteps:
    """Records blocked steps, and clears them once they succeed."""

    def __init__(self, recorder: StepRecorder) -> None:
        self._recorder = recorder
        self._refusals = 0
        """In this run so far."""
        self.retry_at: datetime | None = None
        """Set while `retry_until_answered` waits for its next attempt."""

    @contextmanager
    def attempting(self, action: str) -> Iterator[None]:
        """Attempt *action*: if it is blocked, any step recorded inside the block clears that."""
        trouble = blocked_steps.blocked_step(self._recorder.subscription, action)
        if trouble is None:
            yield
            return
        self._recorder.retried_action = action
        try:
            with single_attempt(trouble.refusals):
                yield
        finally:
            self._recorder.retried_action = ""

    def is_blocked(self, action: str) -> bool:
        """True if *action* is shown as blocked."""
        return blocked_steps.blocked_step(self._recorder.subscription, action) is not None

    async def clear(self, action: str) -> None:
        """Clear the block of *action*, which succeeded without a step that clears it."""
        self._recorder.retried_action = action
        try:
            await self._recorder.commit(blocked_steps.continued(self._recorder.subscription))
        finally:
            self._recorder.retried_action = ""

    async def block(self, action: str, error: BaseException, since: datetime, next_try: datetime) -> bool:
        """Record that a step is blocked, and why.

        Returns:
            True if it is recorded; when a run of an earlier release is replayed, nothing is.

        """
        code, why = _code_and_message(error)
        workflow.logger.error("step refused: %s", why)
        self._refusals += 1
        waiting = blocked_steps.all_blocked(self._recorder.subscription)
        if not waiting and not workflow.patched(f"{SHOWS_BLOCKED}/{self._refusals}"):
            workflow.set_current_details(f"**Blocked, retried every hour:** {why}")
            return False
        is_another = bool(waiting) and not self.is_blocked(action)
        keeps_others = not is_another or workflow.patched(f"{KEEPS_BLOCKED}/{self._refusals}")
        if keeps_others or waiting[0].action in (blocked_steps.HOLD, blocked_steps.HEAR):
            now, refusals = workflow.now(), int(_is_refused_by_provider(error))
            trouble = Blocked(since, action, code, why, next_try, refusals=refusals)
            cause = Cause.timer(action)
            step = blocked_steps.blocked(self._recorder.subscription, trouble, now, cause, keeps_others=keeps_others)
            await self._try_commit(step)
        return True

    async def refuse_event(self, error: BaseException, event: str) -> bool:
        """Record that an event could not be processed and will not be retried; returns as `block` does."""
        _, why = _code_and_message(error)
        workflow.logger.error("event refused: %s", why)
        self._refusals += 1
        if not workflow.patched(f"{SHOWS_BLOCKED}/{self._refusals}"):
            return False
        cause = Cause(CauseKind.WEBHOOK, event)
        await self._try_commit(blocked_steps.event_rejected(self._recorder.subscription, why, workflow.now(), cause))
        return True

    async def _try_commit(self, step: Step) -> None:
        try:
            await self._recorder.commit(step)
        except (*STEP_FAILED, TenureError) as error:
            # A failed write must not end the workflow: it is the database that refuses.
            workflow.logger.error("not recorded: %s", error.__cause__ or error)

    async def retry_until_answered(
        self, action: str, ask: Callable[[], Awaitable[R]], *, is_final: Callable[[FailureError], bool] = _is_answer
    ) -> R:
        """Retry until the provider answers or refuses, so that a request it may have carried out is not left half done.

        Call it only when everything so far is recorded.

        Raises:
            STEP_FAILED: the error is final; by default any error that tells what became of the request.
        """
        since = workflow.now()
        while True:
            try:
                with self.attempting(action):
                    answer = await ask()
            except STEP_FAILED as error:
                if is_final(error):
                    raise
                await self.block_and_rest(action, error, since)
            else:
                if self.is_blocked(action):
                    await self.clear(action)
                return answer

    async def block_and_rest(self, action: str, error: BaseException, since: datetime) -> None:
        """Record that a step is blocked, and wait for its next attempt while holding the lock."""
        wait = retry_delay(error)
        await self.block(action, error, since, workflow.now() + wait)
        await self.wait_for_retry(wait)

    async def wait_for_retry(self, wait: timedelta) -> None:
        """Wait for the next attempt while holding the lock: a started step must not interleave with anything else."""
        self.retry_at = workflow.now() + wait
        try:
            await workflow.sleep(wait, summary="Retry what the provider did not take")
        finally:
            self.retry_at = None
