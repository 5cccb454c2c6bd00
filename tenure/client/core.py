"""The logic of calls, independent of I/O: what to send, when to retry, what to cache.

An operation is a generator. It yields the I/O to do (`Send`, `Wait`, `Join`) and receives the outcome; its return value
is the result. `tenure.client.clients` runs these steps, once with await and once blocking.
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
from tenure.client.retry import COMMANDS, IN_PASSING, QUICK, Patience
from tenure.client.singleflight import End, Flight, Flights

T = TypeVar("T")
Told = TypeVar("Told", Standing, Entitlement, Plans)


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

    flight: Flight
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
    """How a client goes about it."""

    staleness: float = 5.0
    """Seconds for which switches, sets, levels and plans are cached; 0: never."""
    stale_if_unavailable: float = 60.0
    """Further seconds for which the cache is used while Tenure cannot be reached; 0: never."""
    quick: Patience = QUICK
    commands: Patience = COMMANDS


class Core:
    """What all operations of one client share."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._flights = Flights()
        self._passing: set[Hashable] = set()
        """What answers are good for the moment alone of: counters. Nobody waits for another's."""
        self.memory = Memory(options.staleness, options.stale_if_unavailable, clock)

    def ask(self, call: Call[T], patience: Patience | None = None) -> Steps[T]:
        """Send a call until there is an answer, or no use in trying any more.

        Raises:
            TenureError: it was refused, or nobody answered.
        """
        patience = patience or (self._options.commands if call.takes_time else self._options.quick)
        ends, tries = self._clock() + patience.total, 0
        while True:
            tries += 1
            left = max(0.01, ends - self._clock())
            reply = yield Send(call, min(patience.one_try, left), left)
            try:
                return _result(call, reply)
            except TenureError as error:
                pause = patience.pause(error, tries, ends - self._clock())
                if pause is None:
                    raise
            yield Wait(pause)

    def remembered(
        self, customer: str, question: Hashable, call: Call[Told], lasts: Callable[[Told], bool]
    ) -> Steps[Told]:
        """Ask, unless it is known from a moment ago; answers that do not last are not kept.

        Of those who ask the same at once, one does; the others wait for that answer.

        Raises:
            TenureError: it was refused; or nobody answered and nothing is known that could still be gone by.
        """
        ends = self._clock() + self._options.quick.total
        while True:
            known = self.memory.recall(customer, question)
            if known is not None and known.is_fresh:
                before: Told = known.answer
                return before
            if self._options.staleness <= 0 or _subject(question) in self._passing:
                return (yield from self._asked(customer, question, call, lasts))
            # What was asked before something was forgotten is no answer to who asks after that.
            flight, is_mine = self._flights.board((customer, question, self.memory.asking()))
            if is_mine:
                return (yield from self._flown(flight, customer, question, call, lasts))
            yield Join(flight, max(0.01, ends - self._clock()))
            match flight.end:
                case End.PASSING:
                    return (yield from self._asked(customer, question, call, lasts))
                case TenureError() as error:
                    raise again(error) from error
                case None:
                    if known is not None:
                        makeshift: Told = _makeshift(known)
                        return makeshift
                    raise Unavailable("Tenure did not answer the first of these requests", code="no_answer")

    def _flown(
        self, flight: Flight, customer: str, question: Hashable, call: Call[Told], lasts: Callable[[Told], bool]
    ) -> Steps[Told]:
        """Ask on behalf of all callers; they all get the outcome."""
        end: End | TenureError = End.BROKEN_OFF
        try:
            known = self.memory.recall(customer, question)
            if known is not None and known.is_fresh:  # another caller got the answer in the meantime
                answer: Told = known.answer
            else:
                answer = yield from self._asked(customer, question, call, lasts)
            end = End.KEPT if lasts(answer) else End.PASSING
        except TenureError as error:
            end = error
            raise
        else:
            return answer
        finally:
            self._flights.land(flight, end)

    def _asked(self, customer: str, question: Hashable, call: Call[Told], lasts: Callable[[Told], bool]) -> Steps[Told]:
        """Ask, and keep the answer if it lasts; while nobody answers, go by what is known."""
        known, asked = self.memory.recall(customer, question), self.memory.asking()
        try:
            answer = yield from self.ask(call, None if known is None else IN_PASSING)
        except Unavailable:
            if known is None:
                raise
            makeshift: Told = _makeshift(known)
            self.memory.make_do(customer, question, makeshift)
            return makeshift
        if lasts(answer):
            self.memory.keep(customer, question, answer, asked)
            self._passing.discard(_subject(question))
        else:
            self._passing.add(_subject(question))
        return answer


def new_key() -> str:
    """Identifies one call across all of its attempts."""
    return str(uuid4())


def _subject(question: Hashable) -> Hashable:
    return question[0] if isinstance(question, tuple) else question


def _makeshift(known: Remembered) -> Any:
    return replace(known.answer, stale=True)


def _result(call: Call[T], reply: Reply | None) -> T:
    match reply:
        case Answer():
            return call.read(reply)
        case Lost(error):
            message = f"Tenure did not answer: {type(error).__name__} {error}".rstrip()
            raise Unavailable(message, code="no_answer") from error
    raise AssertionError("a call was not sent")
