"""Requests in progress: callers with the same question wait for the same answer."""

import threading
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum

from tenure.client.errors import TenureError


class End(Enum):
    """The outcome for callers who waited."""

    KEPT = "kept"
    """An answer, now cached."""
    NOT_CACHED = "not_cached"
    """An answer that may not be cached: each caller asks for itself."""
    ABANDONED = "abandoned"
    """No outcome: the asking caller was cancelled."""


Outcome = End | TenureError


@dataclass
class PendingRequest:
    """A request in progress."""

    name: Hashable
    outcome: Future[Outcome] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # A waiting caller who gives up must not cancel it for the others.
        self.outcome.set_running_or_notify_cancel()

    @property
    def end(self) -> Outcome | None:
        """The outcome; None: it is still in progress."""
        return self.outcome.result() if self.outcome.done() else None


class PendingRequests:
    """All requests in progress. Thread-safe."""

    def __init__(self) -> None:
        self._in_progress: dict[Hashable, PendingRequest] = {}
        self._lock = threading.Lock()

    def join(self, name: Hashable) -> tuple[PendingRequest, bool]:
        """The request of this name, and whether it is the caller's to send; then it must also `finish` it."""
        with self._lock:
            there = self._in_progress.get(name)
            if there is not None:
                return there, False
            mine = self._in_progress[name] = PendingRequest(name)
            return mine, True

    def finish(self, pending: PendingRequest, end: Outcome) -> None:
        """Notify the waiting callers. Only the first outcome counts."""
        with self._lock:
            if self._in_progress.get(pending.name) is not pending:
                return
            del self._in_progress[pending.name]
        pending.outcome.set_result(end)
