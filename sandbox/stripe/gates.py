"""Gates: hold calls of one kind until their gate opens, so that a test decides the order."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.stripe.errors import StripeFailure

REACHED_WITHIN = 180.0
"""Seconds: many times what a call takes on a busy machine."""


class Gate:
    """Holds calls to a path: before they are executed, or after, before their response."""

    def __init__(self, path: str, *, is_done: bool) -> None:
        self._path = re.compile(path)
        self.is_done = is_done
        self._reached, self._opened = asyncio.Event(), asyncio.Event()
        self._turns_away = False
        self.held = 0
        """How many calls are at the gate."""

    async def reached(self) -> None:
        """Wait until a call is at the gate.

        Raises:
            TimeoutError: none came; the message says what was waited for.
        """
        try:
            await asyncio.wait_for(self._reached.wait(), REACHED_WITHIN)
        except TimeoutError:
            when = "has been executed" if self.is_done else "came"
            raise TimeoutError(f"no call to {self._path.pattern} {when} within {REACHED_WITHIN:g} s") from None

    def open(self) -> None:
        self._opened.set()

    def turn_away(self) -> None:
        """Have the calls fail that are at a gate before their execution, and let later ones pass."""
        self._turns_away = True
        self.open()

    async def let_pass(self, method: str, path: str) -> None:
        """Wait for the gate to open, if it is for this call.

        Raises:
            StripeFailure: 503, the call is turned away.

        """
        if method == "GET" or not self._path.fullmatch(path) or self._turns_away:
            return
        self._reached.set()
        self.held += 1
        try:
            await self._opened.wait()
        finally:
            self.held -= 1
        if self._turns_away:
            raise StripeFailure(503, "api_error", "The connection was lost.")


class Gates:
    """The current gates."""

    def __init__(self) -> None:
        self._gates: list[Gate] = []

    @contextmanager
    def one(self, path: str, *, is_done: bool) -> Iterator[Gate]:
        """A gate for calls to *path*, a regular expression, while the block runs; open at its end."""
        gate = Gate(path, is_done=is_done)
        self._gates.append(gate)
        try:
            yield gate
        finally:
            self._gates.remove(gate)
            gate.open()

    async def let_pass(self, method: str, path: str, *, is_done: bool) -> None:
        for gate in list(self._gates):
            if gate.is_done is is_done:
                await gate.let_pass(method, path)
