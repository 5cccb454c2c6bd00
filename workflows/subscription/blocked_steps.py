"""What a subscription shows while the outside refuses a step of it, or gives no answer."""

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
"""How long to wait before trying again what the outside refused; an operator may mend it meanwhile."""
OUTAGE_RETRY_DELAY = timedelta(minutes=5)
"""The same after an outage, which ends without anybody telling."""
SHOWS_BLOCKED = "shows-blocked"
"""A change to the order of commands: until then a step that was refused waited without being written down. Followed by
the number of the refusal in its run, for the answer to one patch stays the same for the whole run, and a subscription
that waited under an earlier release must not do so in silence until its run ends."""
KEEPS_BLOCKED = "keeps-blocked"
"""A change to the order of commands: until then a second step that was refused took the place of a hold or a message
that waited, or was not written down. Followed by the number of the refusal in its run, as above."""

R = TypeVar("R")


def _is_refused_by_provider(error: BaseException) -> bool:
    """Whether the provider has refused it, so that nothing was done; anything else may have been done all the same."""
    return isinstance(_tenure_error(error), GatewayRefused | GatewayForbidden)


def is_refused_or_unavailable(error: BaseException) -> bool:
    """Whether the provider has refused it or given no answer; else it is our own no, or a fault of ours."""
    return isinstance(_tenure_error(error), GatewayRefused | GatewayUnavailable)


def retry_delay(error: BaseException) -> timedelta:
    """How long until a step that has failed so is tried again."""
    is_outage = can_be_had_later(error) and not isinstance(_tenure_error(error), GatewayForbidden)
    return OUTAGE_RETRY_DELAY if is_outage else BLOCKED_RETRY_DELAY


def _tenure_error(error: BaseException) -> BaseException | None:
    return as_tenure_error(error) if isinstance(error, FailureError) else error


def _words(error: BaseException) -> tuple[str, str]:
    """The code and the message of what went wrong."""
    carried = _tenure_error(error)
    if isinstance(carried, TenureError):
        return carried.code, carried.message
    return "failed", str(error.__cause__ or error)


class BlockedSteps(StepRecorder):
    """Keeps what is blocked among the subscription's books."""

    _refusals = 0
    """In this run so far."""
    retry_at: datetime | None = None
    """Set while `until_heard` waits for its next try."""

    @contextmanager
    def attempting(self, action: str) -> Iterator[None]:
        """If *action* is blocked: whatever is written down while the block runs shows that it goes on."""
        trouble = blocked_steps.trouble_of(self.subscription, action)
        if trouble is None:
            yield
            return
        self.retried_action = action
        try:
            with single_attempt(trouble.refusals):
                yield
        finally:
            self.retried_action = ""

    async def clear_block(self, action: str) -> None:
        """The step has been taken, whether or not anything was written down of it."""
        if blocked_steps.trouble_of(self.subscription, action) is None:
            return
        self.retried_action = action
        try:
            await self.commit(blocked_steps.went_on(self.subscription))
        finally:
            self.retried_action = ""

    async def block(self, action: str, error: BaseException, since: datetime, next_try: datetime) -> bool:
        """Show that a step waits, and why.

        Returns:
            Whether it is shown; in a run of an earlier release that is being replayed nothing is written down.

        """
        code, why = _words(error)
        workflow.logger.error("step refused: %s", why)
        self._refusals += 1
        waiting = blocked_steps.troubles(self.subscription)
        if not waiting and not workflow.patched(f"{SHOWS_BLOCKED}/{self._refusals}"):
            workflow.set_current_details(f"**Blocked, tried again every hour:** {why}")
            return False
        is_another = bool(waiting) and blocked_steps.trouble_of(self.subscription, action) is None
        keeps_others = not is_another or workflow.patched(f"{KEEPS_BLOCKED}/{self._refusals}")
        if keeps_others or waiting[0].action in (blocked_steps.HOLD, blocked_steps.HEAR):
            now, refusals = workflow.now(), int(_is_refused_by_provider(error))
            trouble = Blocked(since, action, code, why, next_try, refusals=refusals)
            cause = Cause.timer(action)
            await self._write(blocked_steps.blocked(self.subscription, trouble, now, cause, keeps_others=keeps_others))
        return True

    async def refuse_event(self, error: BaseException, event: str) -> bool:
        """A message was looked into in vain, for good: that is all that becomes of it; returns as `block` does."""
        _, why = _words(error)
        workflow.logger.error("news refused: %s", why)
        self._refusals += 1
        if not workflow.patched(f"{SHOWS_BLOCKED}/{self._refusals}"):
            return False
        cause = Cause(CauseKind.WEBHOOK, event)
        await self._write(blocked_steps.news_refused(self.subscription, why, workflow.now(), cause))
        return True

    async def _write(self, step: Step) -> None:
        try:
            await self.commit(step)
        except (*STEP_FAILED, TenureError) as error:
            # What cannot be written down must not end the workflow: it is the database that refuses.
            workflow.logger.error("not written down: %s", error.__cause__ or error)

    async def retry_until_answered(self, action: str, ask: Callable[[], Awaitable[R]]) -> R:
        """Ask until the provider has answered or refused; what it may have done already is not left half done.

        Only where all that has happened so far is written down.
        """
        since = workflow.now()
        while True:
            try:
                with self.attempting(action):
                    answer = await ask()
            except STEP_FAILED as error:
                if not can_be_had_later(error):
                    raise
                await self.block_and_rest(action, error, since)
            else:
                await self.clear_block(action)
                return answer

    async def block_and_rest(self, action: str, error: BaseException, since: datetime) -> None:
        """Show that a step waits, and wait until its next try, the lock in hand."""
        wait = retry_delay(error)
        await self.block(action, error, since, workflow.now() + wait)
        await self.wait_for_retry(wait)

    async def wait_for_retry(self, wait: timedelta) -> None:
        """Wait until the next try, the lock in hand: what has begun is not to be mixed with anything else."""
        self.retry_at = workflow.now() + wait
        try:
            await workflow.sleep(wait, summary="Tried again: the provider did not take it")
        finally:
            self.retry_at = None
