"""Caches recently verified API keys, so that not every request queries the database."""

import asyncio
import hashlib
from collections.abc import Callable
from time import monotonic

from storage.access.api_keys import ApiKey, ApiKeys

CACHE_SECONDS = 3.0
"""Seconds that a process may keep accepting a revoked key that it has just verified."""
MAX_ENTRIES = 10_000
"""The most keys remembered; a product has only a few."""


class KnownKeys:
    """Verifies keys. Unknown and revoked ones are never cached, so a new key works at once."""

    def __init__(self, keys: ApiKeys, *, most: int = MAX_ENTRIES, clock: Callable[[], float] = monotonic) -> None:
        self._keys = keys
        self._most = most
        self._clock = clock
        self._known: dict[bytes, tuple[float, ApiKey]] = {}
        self._lookups: dict[bytes, asyncio.Task[ApiKey | None]] = {}

    async def verify(self, plaintext: str) -> ApiKey | None:
        """The key with this plain text; None if it is unknown, or was revoked some seconds ago."""
        # By a digest: the key itself is not kept in memory longer than a request takes.
        digest = hashlib.sha256(plaintext.encode(errors="surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]
        lookup = self._lookups.get(digest)
        if lookup is None:
            # One look-up for all concurrent requests, even if some of them are cancelled.
            lookup = self._lookups[digest] = asyncio.create_task(self._look_up(plaintext, digest))
        return await asyncio.shield(lookup)

    async def _look_up(self, plaintext: str, digest: bytes) -> ApiKey | None:
        # Counted from before the look-up, so that a key revoked during it does not live longer.
        until = self._clock() + CACHE_SECONDS
        try:
            key = await self._keys.verify(plaintext)
        finally:
            del self._lookups[digest]
        self._known.pop(digest, None)
        if key is not None:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[digest] = (until, key)
        return key
