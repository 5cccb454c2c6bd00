"""A short-lived cache of answers about customers."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

MAX_ENTRIES = 10_000
"""Customers cached; the least recently used are dropped first."""
OUTAGE_PAUSE = 1.0
"""Minimum number of seconds before asking again after Tenure was unavailable."""


@dataclass(frozen=True)
class Remembered:
    """A cached answer, and whether it is fresh enough to use without asking."""

    answer: Any
    is_fresh: bool


@dataclass
class _Entry:
    answer: Any
    until: float
    """When it expires."""
    ask_again_at: float


class Memory:
    """Keeps answers for some seconds, and longer if Tenure is unavailable. Thread-safe."""

    def __init__(self, staleness: float, outage: float, clock: Callable[[], float]) -> None:
        self._staleness = staleness
        self._outage = outage
        self._clock = clock
        self._customers: OrderedDict[str, dict[Hashable, _Entry]] = OrderedDict()
        self._forgotten = 0
        self._lock = threading.Lock()

    def recall(self, customer: str, question: Hashable) -> Remembered | None:
        """The cached answer, unless it has expired."""
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
        """Cache an answer, unless something was invalidated since it was asked for."""
        with self._lock:
            if self._staleness + self._outage <= 0 or asked != self._forgotten:
                return
            now = self._clock()
            entry = _Entry(answer, now + self._staleness + self._outage, now + self._staleness)
            self._customers.setdefault(customer, {})[question] = entry
            self._customers.move_to_end(customer)
            if len(self._customers) > MAX_ENTRIES:
                self._customers.popitem(last=False)

    def keep_stale(self, customer: str, question: Hashable, answer: Any) -> None:
        """Use *answer* for a moment, while Tenure is unavailable; its expiry stays the same."""
        with self._lock:
            entry = self._customers.get(customer, {}).get(question)
            if entry is not None:
                entry.answer = answer
                entry.ask_again_at = self._clock() + max(self._staleness, OUTAGE_PAUSE)

    def forget(self, customer: str | None = None) -> None:
        """Drop the cache of one customer, or of all."""
        with self._lock:
            self._forgotten += 1
            if customer is None:
                self._customers.clear()
            else:
                self._customers.pop(customer, None)
