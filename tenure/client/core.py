"""The logic of calls, independent of I/O: what to send, when to retry, what to cache.

An operation is a generator. It yields the I/O to do (`Send`, `Wait`, `Join`) and receives the outcome; its return value
is the result. `async_client` runs these steps with await, `blocking_client` without.
"""

import time
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from uuid import uuid4

from tenure.client.catalog import Plans
from tenure.client.entitlements import Entitlement, Standing
from tenure.client.errors import TenureError, Unavailable, again
from tenure.client.memory import Memory, Remembered
from tenure.client.requests import Answer, Call, Lost, Reply
from tenure.client.retry import COMMANDS, QUICK, WITH_FALLBACK, RetryPolicy
from tenure.client.singleflight import End, PendingRequest, PendingRequests

T = TypeVar("T")
Cached = TypeVar("Cached", Standing, Entitlement, Plans)


@dataclass(frozen=True)
class Send:
    """Send this request and pass back the reply."""

    call: Call[Any]
    within: float
    """Seconds that the server may be silent."""
    at_most: float
    """Seconds in which the whole answer must arrive."""


@dataclass(frozen=True)
class Wait:
    """Wait this many seconds."""

    seconds: float


@dataclass(frozen=True)
class Join:
    """Wait for another caller's request, or this many seconds."""

    pending: PendingRequest
    within: float


@dataclass(frozen=True)
class Done(Generic[T]):
    """The operation is complete."""

    result: T


Steps = Generator[Send | Wait | Join, Reply | None, T]


def advance(steps: Steps[T], reply: Reply | None) -> Send | Wait | Join | Done[T]:
    """Pass the outcome of the last step, and return the next one."""
    try:
        return steps.send(reply)
    except StopIteration as end:
        return Done(end.value)


@dataclass(frozen=True)
class Options:
    """Timeouts, retries and caching of a client."""

    staleness: float = 5.0
    """Seconds for which switches, sets, levels and plans are cached; 0: never."""
    stale_if_unavailable: float = 60.0
    """Further seconds for which the cache is used while Tenure cannot be reached; 0: never."""
    quick: RetryPolicy = QUICK
    commands: RetryPolicy = COMMANDS


class Core:
    """What all operations of one client share."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._pending = PendingRequests()
        self._not_cached: set[Hashable] = set()
        """Features whose answers are never cached (counters); concurrent callers each ask for themselves."""
        self.memory = Memory(options.staleness, options.stale_if_unavailable, clock)

    def ask(self, call: Call[T], policy: RetryPolicy | None = None) -> Steps[T]:
        """Send a call, and retry it as the policy says.

        Raises:
            TenureError: it was refused, or there was no answer.
        """
        policy = policy or (self._options.commands if call.takes_time else self._options.quick)
        ends, attempts = self._clock() + policy.total_timeout, 0
        while True:
            attempts += 1
            left = max(0.01, ends - self._clock())
            reply = yield Send(call, min(policy.attempt_timeout, left), left)
            try:
                return _result(call, reply)
            except TenureError as error:
                pause = policy.pause(error, attempts, ends - self._clock())
                if pause is None:
                    raise
            yield Wait(pause)

    def remembered(
        self, customer: str, question: Hashable, call: Call[Cached], lasts: Callable[[Cached], bool]
    ) -> Steps[Cached]:
        """Return the cached answer, or ask; only answers that *lasts* accepts are cached.

        Of concurrent callers with the same question one asks, and the others wait for the answer.

        Raises:
            TenureError: it was refused; or there was no answer, and nothing is cached.
        """
        ends = self._clock() + self._options.quick.total_timeout
        while True:
            known = self.memory.recall(customer, question)
            if known is not None and known.is_fresh:
                before: Cached = known.answer
                return before
            if self._options.staleness <= 0 or _subject(question) in self._not_cached:
                return (yield from self._asked(customer, question, call, lasts))
            # A request sent before an invalidation does not answer callers after it.
            pending, is_mine = self._pending.join((customer, question, self.memory.asking()))
            if is_mine:
                return (yield from self._ask_for_all(pending, customer, question, call, lasts))
            yield Join(pending, max(0.01, ends - self._clock()))
            match pending.end:
                case End.NOT_CACHED:
                    return (yield from self._asked(customer, question, call, lasts))
                case TenureError() as error:
                    raise again(error) from error
                case None:
                    if known is not None:
                        stale: Cached = _stale(known)
                        return stale
                    raise Unavailable("Tenure did not answer the first of these requests", code="no_answer")

    def _ask_for_all(
        self,
        pending: PendingRequest,
        customer: str,
        question: Hashable,
        call: Call[Cached],
        lasts: Callable[[Cached], bool],
    ) -> Steps[Cached]:
        """Ask on behalf of all callers; they all get the outcome."""
        end: End | TenureError = End.ABANDONED
        try:
            known = self.memory.recall(customer, question)
            if known is not None and known.is_fresh:  # another caller got the answer in the meantime
                answer: Cached = known.answer
            else:
                answer = yield from self._asked(customer, question, call, lasts)
            end = End.KEPT if lasts(answer) else End.NOT_CACHED
        except TenureError as error:
            end = error
            raise
        else:
            return answer
        finally:
            self._pending.finish(pending, end)

    def _asked(
        self, customer: str, question: Hashable, call: Call[Cached], lasts: Callable[[Cached], bool]
    ) -> Steps[Cached]:
        """Ask, and cache the answer if it lasts; if there is none, use the cached one, marked as stale."""
        known, asked = self.memory.recall(customer, question), self.memory.asking()
        try:
            answer = yield from self.ask(call, None if known is None else WITH_FALLBACK)
        except Unavailable:
            if known is None:
                raise
            stale: Cached = _stale(known)
            self.memory.keep_stale(customer, question, stale)
            return stale
        if lasts(answer):
            self.memory.keep(customer, question, answer, asked)
            self._not_cached.discard(_subject(question))
        else:
            self._not_cached.add(_subject(question))
        return answer


def new_key() -> str:
    """Identifies one call across all of its attempts."""
    return str(uuid4())


def _subject(question: Hashable) -> Hashable:
    return question[0] if isinstance(question, tuple) else question


def _stale(known: Remembered) -> Any:
    return replace(known.answer, stale=True)


def _result(call: Call[T], reply: Reply | None) -> T:
    match reply:
        case Answer():
            return call.read(reply)
        case Lost(error):
            message = f"Tenure did not answer: {type(error).__name__} {error}".rstrip()
            raise Unavailable(message, code="no_answer") from error
    raise AssertionError("a call was not sent")
