"""API keys: shown once, stored as a hash, and remembered for some seconds once verified."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from storage.db.engine import transaction
from storage.schema.tables import api_keys

CACHE_SECONDS = 3.0
"""Seconds that a process may keep accepting a revoked key that it has just verified."""
MAX_ENTRIES = 10_000
"""The most keys remembered; a product has only a few."""


class Role(StrEnum):
    """What the holder of a key may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    SERVICE = "service"
    READ_ONLY = "read_only"


@dataclass(frozen=True)
class ApiKey:
    id: str
    tenant: str
    role: Role
    name: str


def _hash(plaintext: str) -> str:
    # Plain SHA-256: the keys are long and random, so they cannot be guessed.
    return hashlib.sha256(plaintext.encode(errors="surrogatepass")).hexdigest()


class ApiKeys:
    """Creates, verifies and revokes API keys."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, role: Role, name: str, *, tenant: str = DEFAULT_TENANT) -> str:
        """Returns a new key in plain text, which is not stored."""
        plaintext = f"tn_live_{secrets.token_urlsafe(32)}"
        await self.ensure(plaintext, role, name, tenant=tenant)
        return plaintext

    async def ensure(self, plaintext: str, role: Role, name: str, *, tenant: str = DEFAULT_TENANT) -> None:
        """Makes sure that a key is stored."""
        values = {"id": uuid4(), "tenant": tenant, "name": name, "role": role.value, "key_hash": _hash(plaintext)}
        async with transaction(self._engine) as connection:
            await connection.execute(insert(api_keys).values(values).on_conflict_do_nothing())

    async def verify(self, plaintext: str) -> ApiKey | None:
        """The key with this plain text; None if it is unknown or revoked."""
        wanted = select(api_keys).where(api_keys.c.key_hash == _hash(plaintext), api_keys.c.revoked_at.is_(None))
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else ApiKey(str(row.id), row.tenant, Role(row.role), row.name)

    async def revoke(self, key_id: str) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(
                update(api_keys).where(api_keys.c.id == UUID(key_id)).values(revoked_at=func.now())
            )


class ApiKeyCache:
    """Verifies keys and caches them briefly; unknown and revoked ones never, so a new key works at once."""

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
