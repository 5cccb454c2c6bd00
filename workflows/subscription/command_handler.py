"""Handles commands: validates each before it enters history, and carries it out once by its key."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import ParamSpec, Protocol, TypeVar, cast

from temporalio import workflow
from temporalio.workflow import UpdateMethodMultiParam

from activities.failures import STEP_FAILED, as_failure, refusal
from domain.errors import Rejected, TenureError
from domain.subscription import confirmation_steps
from domain.subscription.command_keys import is_among
from workflows.priorities import few_attempts, interactive
from workflows.subscription.activation import Activation
from workflows.subscription.main_loop import MainLoop
from workflows.subscription.messages import Command, CommandResult
from workflows.subscription.payments import DECLINED
from workflows.subscription.recorder import StepRecorder

MAX_COMMAND_KEYS = 32

C = TypeVar("C", bound=Command)
P = ParamSpec("P")
R = TypeVar("R")


class CommandHandler:
    """Gives each command its turn, and knows the keys of the latest ones."""

    def __init__(
        self,
        recorder: StepRecorder,
        activation: Activation,
        loop: MainLoop,
        lock: asyncio.Lock,
        done: Iterable[str],
        declined: Iterable[str],
    ) -> None:
        self._recorder = recorder
        self._activation = activation
        self._loop = loop
        self._lock = lock
        self.done: deque[str] = deque(done, maxlen=MAX_COMMAND_KEYS)
        """Keys of the latest commands that were carried out."""
        self.declined: deque[str] = deque(declined, maxlen=MAX_COMMAND_KEYS)
        """Keys of the latest commands whose charge was declined."""

    def validate(self, command: C, check: Callable[[C], None]) -> None:
        """Reject a command before it enters history, unless it repeats one that was carried out.

        Raises:
            ApplicationError: it is rejected.
        """
        is_repeat = is_among(command.key, (*self.done, *self.declined))
        if is_repeat or confirmation_steps.is_known(self._recorder.subscription, command.key):
            return
        try:
            if not self._activation.is_done or self._activation.refusal is not None:
                raise Rejected("the subscription has not started", code="not_started")
            check(command)
        except TenureError as error:
            raise as_failure(error) from error

    async def execute(
        self, command: C, check: Callable[[C], None], action: Callable[[C], Awaitable[None]]
    ) -> CommandResult:
        """Wait for the command's turn, repeat the validator's check, and carry the command out once by its key.

        Raises:
            ApplicationError: it is rejected, or failed.
        """
        async with self._lock:
            if not self._was_carried_out(command):
                await self._carry_out(command, check, action)
        return self.result()

    async def answer(self, request: C, respond: Callable[[C], Awaitable[R]]) -> R:
        """Answer a request that takes no step, in its turn; a repeat is answered again.

        Raises:
            ApplicationError: it is rejected.
        """
        async with self._lock:
            try:
                return await respond(request)
            except TenureError as error:
                raise as_failure(error) from error

    def result(self) -> CommandResult:
        return CommandResult(self._recorder.subscription.sequence)

    def _was_carried_out(self, command: Command) -> bool:
        """True if it was; raises again what a command with this key was refused with."""
        subscription = self._recorder.subscription
        if is_among(command.key, self.done) or confirmation_steps.is_done(subscription, command.key):
            return True
        if is_among(command.key, self.declined):
            raise as_failure(Rejected("the card was declined", code=DECLINED))
        refused = confirmation_steps.answer_to_repeat(subscription, command.key, self._recorder.policy)
        if refused is not None:
            raise as_failure(refused)
        return False

    async def _carry_out(self, command: C, check: Callable[[C], None], action: Callable[[C], Awaitable[None]]) -> None:
        try:
            check(command)
            with interactive(), few_attempts(on=self._recorder.subscription.blocked is not None):
                await action(command)
        except TenureError as error:
            if error.code == DECLINED:
                self.declined.append(command.key)
            raise as_failure(error) from error
        except STEP_FAILED as error:
            raise refusal(error) or error from error
        finally:
            self._loop.wake()
        self.done.append(command.key)


# Declaration of updates


class _Declaring(Protocol):
    def __call__(self, handler: Callable[P, Awaitable[R]], /) -> UpdateMethodMultiParam[P, R]: ...


def update(*, name: str) -> _Declaring:
    """Same as `workflow.update(name=…)`, described in the Temporal UI by the first line of the handler's docstring.

    Callers and histories know the name. It also fixes the type: the SDK's types would return an unawaited value.
    """

    def declare(handler: Callable[P, Awaitable[R]], /) -> UpdateMethodMultiParam[P, R]:
        first_line = (handler.__doc__ or "").partition("\n")[0]
        declaring = cast("_Declaring", workflow.update(name=name, description=first_line or None))
        return declaring(handler)

    return declare
