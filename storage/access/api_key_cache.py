"""API keys that were verified a moment ago, so that not every request asks the database who calls."""

import asyncio
import hashlib
from collections.abc import Callable
from time import monotonic

from storage.access.api_keys import ApiKey, ApiKeys

KNOWN_FOR = 3.0
"""Seconds: for so long a key that was revoked may still be taken, by a process that had just verified it."""
MAX_ENTRIES = 10_000
"""Keys remembered; a product has a handful."""


class KnownKeys:
    """Verifies keys; what is unknown or revoked is asked for every time, so that a new key opens at once."""

    def __init__(self, keys: ApiKeys, *, most: int = MAX_ENTRIES, clock: Callable[[], float] = monotonic) -> None:
        self._keys = keys
        self._most = most
        self._clock = clock
        self._known: dict[bytes, tuple[float, ApiKey]] = {}
        self._asking: dict[bytes, asyncio.Task[ApiKey | None]] = {}

    async def verify(self, plaintext: str) -> ApiKey | None:
        """The key behind a plain text; None when it is unknown, or was revoked some seconds ago."""
        # By a digest: what opens the door is not kept in memory longer than a request takes.
        digest = hashlib.sha256(plaintext.encode(errors="surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]
        asking = self._asking.get(digest)
        if asking is None:
            # One look-up for all who come meanwhile, whoever of them goes away.
            asking = self._asking[digest] = asyncio.create_task(self._ask(plaintext, digest))
        return await asyncio.shield(asking)

    async def _ask(self, plaintext: str, digest: bytes) -> ApiKey | None:
        # Reckoned from before it was asked: what is revoked meanwhile is no longer taken than was said.
        until = self._clock() + KNOWN_FOR
        try:
            key = await self._keys.verify(plaintext)
        finally:
            del self._asking[digest]
        self._known.pop(digest, None)
        if key is not None:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[digest] = (until, key)
        return key
