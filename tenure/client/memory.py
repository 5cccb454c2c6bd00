"""What was known of customers a moment ago."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

MAX_ENTRIES = 10_000
"""Customers remembered; those not asked for the longest go first."""
LET_ALONE = 1.0
"""Seconds, at least, for which Tenure is not asked again after it was away."""


@dataclass(frozen=True)
class Remembered:
    """An answer from before, and whether it still does without asking."""

    answer: Any
    is_fresh: bool


@dataclass
class _Entry:
    answer: Any
    until: float
    """Is it good, at the longest."""
    ask_again_at: float


class Memory:
    """Keeps answers for some seconds, and for some more in case Tenure is away. Threads may share it."""

    def __init__(self, staleness: float, outage: float, clock: Callable[[], float]) -> None:
        self._staleness = staleness
        self._outage = outage
        self._clock = clock
        self._customers: OrderedDict[str, dict[Hashable, _Entry]] = OrderedDict()
        self._forgotten = 0
        self._lock = threading.Lock()

    def recall(self, customer: str, question: Hashable) -> Remembered | None:
        """What was answered before, unless it is too old."""
        with self._lock:
            entries = self._customers.get(customer, {})
            entry = entries.get(question)
            now = self._clock()
            if entry is None or now >= entry.until:
                entries.pop(question, None)
                return None
            self._customers.move_to_end(customer)
            return Remembered(entry.answer, now < entry.ask_again_at)

    def asking(self) -> int:
        """A token to pass to `keep` with the answer, which detects whether anything was invalidated in between."""
        return self._forgotten

    def keep(self, customer: str, question: Hashable, answer: Any, asked: int) -> None:
        """Remember an answer, unless it may be of before something was forgotten."""
        with self._lock:
            if self._staleness + self._outage <= 0 or asked != self._forgotten:
                return
            now = self._clock()
            entry = _Entry(answer, now + self._staleness + self._outage, now + self._staleness)
            self._customers.setdefault(customer, {})[question] = entry
            self._customers.move_to_end(customer)
            if len(self._customers) > MAX_ENTRIES:
                self._customers.popitem(last=False)

    def make_do(self, customer: str, question: Hashable, answer: Any) -> None:
        """Go by *answer* for a moment, as Tenure is away; it is good no longer than before."""
        with self._lock:
            entry = self._customers.get(customer, {}).get(question)
            if entry is not None:
                entry.answer = answer
                entry.ask_again_at = self._clock() + max(self._staleness, LET_ALONE)

    def forget(self, customer: str | None = None) -> None:
        """Drop the cache of one customer, or of all."""
        with self._lock:
            self._forgotten += 1
            if customer is None:
                self._customers.clear()
            else:
                self._customers.pop(customer, None)
