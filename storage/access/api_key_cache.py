"""Verified API keys, remembered for some seconds, and when each was last used."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import structlog

from domain.errors import TenureError
from storage.access.api_keys import ApiKey, ApiKeys

CACHE_SECONDS: Final = 3.0
"""Seconds that a process may keep accepting a revoked key that it has just verified."""
USE_NOTED_EVERY: Final = 60.0
"""Seconds. A process writes a key's last use no more often than this."""
MAX_ENTRIES: Final = 10_000
"""The most keys remembered; a product has only a few."""

log = structlog.get_logger("tenure.api")


class ApiKeyCache:
    """Verifies keys and caches them briefly; unknown and revoked ones never, so a new key works at once."""

    def __init__(self, keys: ApiKeys, *, most: int = MAX_ENTRIES, clock: Callable[[], float] = monotonic) -> None:
        self._keys = keys
        self._most = most
        self._clock = clock
        self._known: dict[bytes, tuple[float, ApiKey]] = {}
        self._lookups: dict[bytes, asyncio.Task[ApiKey | None]] = {}
        self._noted: dict[str, float] = {}
        """When the use of each key was last written."""
        self._notes: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At the end, uses that are being noted are waited for."""
        try:
            yield
        finally:
            await self.settle()

    async def settle(self) -> None:
        """Wait for the uses that are being noted."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def verify(self, plaintext: str) -> ApiKey | None:
        """The key with this plain text; None if it is unknown or expired, or was revoked some seconds ago."""
        # By a digest: the key itself is not kept in memory longer than a request takes.
        digest = hashlib.sha256(plaintext.encode(errors="surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known[0]:
            self._note_use(known[1])
            return known[1]
        lookup = self._lookups.get(digest)
        if lookup is None:
            # One look-up for all concurrent requests, even if some of them are cancelled.
            lookup = self._lookups[digest] = asyncio.create_task(self._look_up(plaintext, digest))
        key = await asyncio.shield(lookup)
        if key is not None:
            self._note_use(key)
        return key

    async def _look_up(self, plaintext: str, digest: bytes) -> ApiKey | None:
        # Counted from before the look-up, so that a key revoked during it does not live longer.
        now = self._clock()
        try:
            key = await self._keys.verify(plaintext)
        finally:
            del self._lookups[digest]
        self._known.pop(digest, None)
        if key is not None:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            lives = CACHE_SECONDS if key.expires_in is None else min(CACHE_SECONDS, key.expires_in)
            self._known[digest] = (now + lives, key)
        return key

    def _note_use(self, key: ApiKey) -> None:
        """Write the key's last use in the background: no request waits for that, or fails by it."""
        now, before = self._clock(), self._noted.get(key.id)
        if before is not None and now < before + USE_NOTED_EVERY:
            return
        self._noted.pop(key.id, None)
        if len(self._noted) >= self._most:
            del self._noted[next(iter(self._noted))]
        self._noted[key.id] = now
        note = asyncio.create_task(self._write_use(key.id))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _write_use(self, key_id: str) -> None:
        try:
            await self._keys.note_use(key_id)
        except (TenureError, OSError) as error:
            log.warning("the last use of an API key was not noted", key=key_id, error=str(error))
