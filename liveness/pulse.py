"""Notices that a server has stopped answering, long before each call's own deadline would."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

TICK = 0.25
"""Seconds between two looks at those who wait."""
LOOKS = 10
"""How often it is looked whether an answer has come."""
FORGOTTEN_AFTER = 30.0
"""Seconds. Nobody has asked for so long: the next caller finds out."""

log = structlog.get_logger("tenure.liveness")


class NotAnswering(Exception):
    """The server does not answer."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server that may be gone, in seconds."""

    before_asking: float
    """A call that takes longer than this has the server asked whether it is alive."""
    for_an_answer: float
    """A server that does not answer that question within this is lost."""
    between_questions: float = 0.5
    """A lost server is asked again after this."""


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """One call that waits for the server."""

    since: float
    give_up: Callable[[], None]
    """Ends the call at once, with an error."""


class Pulse:
    """Asks a server whether it is alive while calls wait for it.

    A slow answer is none of its business: a server that answers a small question meanwhile is alive, and the call goes
    on to its own deadline. If the server is lost, calls that have waited are given up and new ones refused at once,
    until it answers again. The asking is done in the background, so that no caller has to be the one who tries.
    """

    def __init__(self, name: str, ask: Callable[[], Awaitable[object]], patience: Patience) -> None:
        self.is_lost = False
        self._name, self._ask, self._patience = name, ask, patience
        self._calls: dict[Call, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._refused_at = 0.0

    def check(self) -> None:
        """Refuse a call that cannot succeed.

        Raises:
            NotAnswering: the server is lost for now.
        """
        if self.is_lost:
            self._refused_at = asyncio.get_running_loop().time()
            raise NotAnswering(f"{self._name} does not answer")

    def begin(self, give_up: Callable[[], None]) -> Call:
        """Watch a call until `end`, and end it by *give_up* if the server is lost."""
        call = Call(asyncio.get_running_loop().time(), give_up)
        self._calls[call] = None
        self._arm()
        return call

    def end(self, call: Call) -> None:
        """The call is over."""
        self._calls.pop(call, None)

    def forget(self) -> None:
        """Ask no more on behalf of the calls that wait: nobody is interested in them any longer."""
        self._calls.clear()
        if self._asking is not None:
            self._asking.cancel()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._calls:
            return
        self._arm()
        oldest = next(iter(self._calls))
        waits = asyncio.get_running_loop().time() - oldest.since
        if waits >= self._patience.before_asking:
            self.suspect()

    def suspect(self) -> None:
        """Have the server asked now."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_until_alive())
            self._asking.add_done_callback(self._asked)

    def _asked(self, _task: asyncio.Task[None]) -> None:
        self._asking = None

    async def _ask_until_alive(self) -> None:
        try:
            while not await self._is_alive():
                await self._pause_lost()
                if asyncio.get_running_loop().time() - self._refused_at > FORGOTTEN_AFTER:
                    break
        finally:
            was_lost, self.is_lost = self.is_lost, False
        if was_lost:
            log.info("no longer lost", server=self._name)

    async def _pause_lost(self) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._refused_at = asyncio.get_running_loop().time()
            log.warning("lost", server=self._name, waiting=len(self._calls))
        self._give_up_waiting()
        await asyncio.sleep(self._patience.between_questions)

    async def _is_alive(self) -> bool:
        # Counted and not timed: while we ourselves are too busy to hear an answer, no time goes by.
        looks, asking = LOOKS, asyncio.ensure_future(self._ask())
        try:
            while looks and not asking.done():
                await asyncio.wait({asking}, timeout=self._patience.for_an_answer / LOOKS)
                looks -= 1
            return asking.done() and asking.exception() is None
        finally:
            asking.cancel()

    def _give_up_waiting(self) -> None:
        now = asyncio.get_running_loop().time()
        for call in list(self._calls):
            if now - call.since >= self._patience.for_an_answer:
                call.give_up()
