"""Base of the command handlers: validates a command before it enters history, and carries it out once by its key."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.failures import STEP_FAILED, as_failure, refusal
    from domain.errors import Rejected, TenureError
    from domain.subscription import confirmation_steps
    from domain.subscription.command_keys import is_among
    from domain.subscription.journal import Cause, CauseKind
    from domain.subscription.state import Subscription
    from workflows.priorities import few_attempts, interactive
    from workflows.subscription.charges import DECLINED
    from workflows.subscription.messages import Command, CommandResult
    from workflows.subscription.process import SubscriptionProcess

MAX_COMMAND_KEYS = 32


class CommandHandler:
    """What all commands of a subscription share: the lock, the known keys, and the refusal of a sign-up."""

    def __init__(
        self, process: SubscriptionProcess, done: Iterable[str], declined: Iterable[str], *, is_activated: bool
    ) -> None:
        self._process = process
        self._recorder = process.recorder
        self._done: deque[str] = deque(done, maxlen=MAX_COMMAND_KEYS)
        self._declined: deque[str] = deque(declined, maxlen=MAX_COMMAND_KEYS)
        self._is_activated = is_activated
        self._refusal: ApplicationError | None = None
        self._lock = asyncio.Lock()
        """Held while a step is taken, so that commands and timers never interleave."""
        self._was_commanded = False

    @property
    def _now(self) -> Subscription:
        return self._recorder.subscription

    @asynccontextmanager
    async def _turn(self, command: Command, check: Callable[[], None]) -> AsyncIterator[bool]:
        """Wait for the lock, repeat the validator's check, and run a command once by its key.

        Yields:
            False if the command was carried out before.
        """
        async with self._lock:
            if is_among(command.key, self._done) or confirmation_steps.is_done(self._now, command.key):
                yield False
                return
            if is_among(command.key, self._declined):
                raise as_failure(Rejected("the card was declined", code=DECLINED))
            refused = confirmation_steps.answer_to_repeat(self._now, command.key, self._recorder.policy)
            if refused is not None:
                raise as_failure(refused)
            try:
                check()
                with interactive(), few_attempts(on=self._now.blocked is not None):
                    yield True
            except TenureError as error:
                if error.code == DECLINED:
                    self._declined.append(command.key)
                raise as_failure(error) from error
            except STEP_FAILED as error:
                raise refusal(error) or error from error
            finally:
                self._was_commanded = True
            self._done.append(command.key)

    def _validate(self, command: Command, check: Callable[[], None]) -> None:
        """Reject a command before it enters history, unless it repeats one that was carried out."""
        is_repeat = is_among(command.key, (*self._done, *self._declined))
        if is_repeat or confirmation_steps.is_known(self._now, command.key):
            return
        try:
            if not self._is_activated or self._refusal is not None:
                raise Rejected("the subscription has not started", code="not_started")
            check()
        except TenureError as error:
            raise as_failure(error) from error

    @staticmethod
    def _cause(command: Command) -> Cause:
        return Cause(CauseKind.COMMAND, command.key, command.actor)

    def _answer(self) -> CommandResult:
        return CommandResult(self._now.sequence)
