"""The API's idempotency keys: the first response to a request is stored and returned again."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.tables import idempotency_keys

STALE_AFTER = timedelta(seconds=60)
"""A request without a response for this long died with its process; a retry may take over."""


@dataclass(frozen=True)
class Fresh:
    """The first request with this key: go ahead."""


@dataclass(frozen=True)
class Running:
    """The same request is in progress."""


@dataclass(frozen=True)
class Done:
    """The stored response."""

    status: int
    body: bytes
    location: str | None


class IdempotencyKeys:
    """Stores requests by tenant and key."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, tenant: str, key: str, fingerprint: str) -> Fresh | Running | Done:
        """Claims a key for a request.

        Raises:
            Rejected: code `idempotency_key_reused`; the key belongs to another request.
        """
        keys = idempotency_keys
        claim = (
            insert(keys)
            .values(tenant=tenant, key=key, fingerprint=fingerprint)
            .on_conflict_do_update(
                index_elements=[keys.c.tenant, keys.c.key],
                set_={"created_at": func.now()},
                where=and_(
                    keys.c.completed_at.is_(None),
                    keys.c.created_at < func.now() - STALE_AFTER,
                    keys.c.fingerprint == fingerprint,
                ),
            )
            .returning(keys.c.key)
        )
        async with transaction(self._engine) as connection:
            if (await connection.execute(claim)).first() is not None:
                return Fresh()
            row = (
                await connection.execute(select(keys).where(keys.c.tenant == tenant, keys.c.key == key))
            ).one_or_none()
        if row is None:
            return Running()
        if row.fingerprint != fingerprint:
            raise Rejected("this idempotency key belongs to another request", code="idempotency_key_reused")
        return Running() if row.completed_at is None else Done(row.status, row.body, row.location)

    async def complete(self, tenant: str, key: str, status: int, body: bytes, location: str | None) -> None:
        """Stores the response. An existing one stays."""
        keys = idempotency_keys
        async with transaction(self._engine) as connection:
            await connection.execute(
                update(keys)
                .where(keys.c.tenant == tenant, keys.c.key == key, keys.c.completed_at.is_(None))
                .values(status=status, body=body, location=location, completed_at=func.now())
            )

    async def abandon(self, tenant: str, key: str) -> None:
        """Forgets a request without a final response, so that it can be made again."""
        keys = idempotency_keys
        async with transaction(self._engine) as connection:
            await connection.execute(
                delete(keys).where(keys.c.tenant == tenant, keys.c.key == key, keys.c.completed_at.is_(None))
            )
