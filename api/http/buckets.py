"""A token bucket per name, kept in this process: what the limits on keys, addresses and links count with."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

MAX_ENTRIES = 10_000
"""Buckets kept. The least recently used one is dropped, and is full when it is used again."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Allows *size* requests at once per name, then one every *refill_seconds*."""

    def __init__(
        self,
        size: int,
        refill_seconds: float,
        *,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._size = size
        self._refill_seconds = refill_seconds
        self._max_entries = max_entries
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        return self.count(name)[0]

    def count(self, name: str) -> tuple[float, float]:
        """Take a token if there is one. Return the seconds until there is one, as `take` does, and the tokens left."""
        now = self._clock()
        bucket = self._buckets.pop(name, None) or _Bucket(self._size, now)
        tokens = min(self._size, bucket.tokens + (now - bucket.at) / self._refill_seconds)
        is_allowed = tokens >= 1
        left = tokens - is_allowed
        self._buckets[name] = _Bucket(left, now)
        if len(self._buckets) > self._max_entries:
            self._buckets.popitem(last=False)
        return 0 if is_allowed else (1 - tokens) * self._refill_seconds, left


@dataclass(frozen=True)
class PayLinkLimits:
    """Limits on opening the links in mails, which need no login."""

    by_link: Buckets = field(default_factory=lambda: Buckets(size=10, refill_seconds=6))
    """Mail scanners open a link several times, people now and then."""
    at_provider: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Concurrent calls of this process, so that links never crowd out commands and charges."""


@dataclass(frozen=True)
class BillingLinkLimits:
    """Limits on mails with links, which anybody may ask for."""

    by_address: Buckets = field(default_factory=lambda: Buckets(size=3, refill_seconds=600))
    by_client: Buckets = field(default_factory=lambda: Buckets(size=30, refill_seconds=2))
    """By network address: behind a proxy that does not name its clients, all share one."""
    by_link: Buckets = field(default_factory=lambda: Buckets(size=30, refill_seconds=2))
    """Openings of one link in a mail: scanners open it several times, people now and then."""


@dataclass(frozen=True)
class ConsoleLimits:
    """Limits on signing in to the console, which anybody may try."""

    by_address: Buckets = field(default_factory=lambda: Buckets(size=3, refill_seconds=300))
    """Mails with a link."""
    by_client: Buckets = field(default_factory=lambda: Buckets(size=20, refill_seconds=3))
    """By network address: behind a proxy that does not name its clients, all share one."""
