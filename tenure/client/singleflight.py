"""Requests in progress: callers with the same question wait for the same answer."""

import threading
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum

from tenure.client.errors import TenureError


class End(Enum):
    """What is there for those who waited."""

    KEPT = "kept"
    """An answer, in the memory."""
    PASSING = "passing"
    """An answer that was good for that one moment: each asks on their own."""
    BROKEN_OFF = "broken_off"
    """No outcome: the caller has gone away."""


Landed = End | TenureError


@dataclass
class Flight:
    """One question, from when it is asked until it is answered."""

    name: Hashable
    landed: Future[Landed] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Nobody who waits for it, and gives up, takes it from the others.
        self.landed.set_running_or_notify_cancel()

    @property
    def end(self) -> Landed | None:
        """What came of it; None: it is still under way."""
        return self.landed.result() if self.landed.done() else None


class Flights:
    """What is under way. Threads may share it."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, Flight] = {}
        self._lock = threading.Lock()

    def board(self, name: Hashable) -> tuple[Flight, bool]:
        """The flight of this name, and whether it begins with you: then ask, and `land` it whatever happens."""
        with self._lock:
            there = self._under_way.get(name)
            if there is not None:
                return there, False
            mine = self._under_way[name] = Flight(name)
            return mine, True

    def land(self, flight: Flight, end: Landed) -> None:
        """Notify the waiting callers. Only the first outcome counts."""
        with self._lock:
            if self._under_way.get(flight.name) is not flight:
                return
            del self._under_way[flight.name]
        flight.landed.set_result(end)
