"""How often something may be asked for: a bucket of tokens each, kept in this process."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

MAX_ENTRIES = 10_000
"""Buckets remembered; the one that was asked for longest ago is forgotten, and is full when it is asked for again."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """So many at once, then one every so many seconds, for each name."""

    def __init__(
        self, size: int, refill_seconds: float, *, most: int = MAX_ENTRIES, clock: Callable[[], float] = monotonic
    ) -> None:
        self._size = size
        self._refill_seconds = refill_seconds
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> float:
        """Take a token if there is one; the seconds until there will be one, 0 when it was taken."""
        now = self._clock()
        bucket = self._buckets.pop(name, None) or _Bucket(self._size, now)
        tokens = min(self._size, bucket.tokens + (now - bucket.at) / self._refill_seconds)
        is_allowed = tokens >= 1
        self._buckets[name] = _Bucket(tokens - is_allowed, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0 if is_allowed else (1 - tokens) * self._refill_seconds


@dataclass(frozen=True)
class Openings:
    """How often links in mails may be opened, by whoever has one: nobody is logged in there."""

    by_link: Buckets = field(default_factory=lambda: Buckets(size=10, refill_seconds=6))
    """Scanners of mails open a link several times; a person, now and then."""
    at_provider: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """At once by this process, so that calls for links never crowd out those for commands and charges."""
