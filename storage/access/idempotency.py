"""The API's idempotency keys: the first response to a request is stored and returned again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.access_tables import idempotency_keys

LEASE: Final = timedelta(seconds=8)
"""How long a claim lasts unless it is renewed: the process of one that ends has died, and a repeat takes over."""


@dataclass(frozen=True)
class Claim:
    """The first request with this key: go ahead. A request that takes over has another claim."""

    tenant: str
    key: str
    id: UUID


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

    async def begin(self, tenant: str, key: str, fingerprint: str) -> Claim | Running | Done:
        """Claims a key for a request, for `LEASE`.

        Raises:
            Rejected: code `idempotency_key_reused`; the key belongs to another request.
        """
        keys, claim = idempotency_keys, Claim(tenant, key, uuid4())
        lease = {"claim": claim.id, "claimed_until": func.now() + LEASE}
        claiming = (
            insert(keys)
            .values(tenant=tenant, key=key, fingerprint=fingerprint, **lease)
            .on_conflict_do_update(
                index_elements=[keys.c.tenant, keys.c.key],
                set_={"created_at": func.now(), **lease},
                where=and_(
                    keys.c.completed_at.is_(None),
                    keys.c.claimed_until < func.now(),
                    keys.c.fingerprint == fingerprint,
                ),
            )
            .returning(keys.c.key)
        )
        async with transaction(self._engine, tenant) as connection:
            if (await connection.execute(claiming)).first() is not None:
                return claim
            row = (
                await connection.execute(select(keys).where(keys.c.tenant == tenant, keys.c.key == key))
            ).one_or_none()
        if row is None:
            return Running()
        if row.fingerprint != fingerprint:
            raise Rejected("this idempotency key belongs to another request", code="idempotency_key_reused")
        return Running() if row.completed_at is None else Done(row.status, row.body, row.location)

    async def renew(self, tenant: str, claims: Sequence[Claim]) -> None:
        """Prolongs claims of one tenant, whose requests are still in progress."""
        keys = idempotency_keys
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(
                update(keys)
                .where(
                    keys.c.tenant == tenant,
                    keys.c.key.in_([claim.key for claim in claims]),
                    keys.c.claim.in_([claim.id for claim in claims]),
                    keys.c.completed_at.is_(None),
                )
                .values(claimed_until=func.now() + LEASE)
            )

    async def complete(self, claim: Claim, status: int, body: bytes, location: str | None) -> None:
        """Stores the response. An existing one stays, and so does the claim of a request that has taken over."""
        async with transaction(self._engine, claim.tenant) as connection:
            await connection.execute(
                update(idempotency_keys)
                .where(_is_open(claim))
                .values(status=status, body=body, location=location, completed_at=func.now())
            )

    async def abandon(self, claim: Claim) -> None:
        """Forgets a request without a final response, so that it can be made again."""
        async with transaction(self._engine, claim.tenant) as connection:
            await connection.execute(delete(idempotency_keys).where(_is_open(claim)))


def _is_open(claim: Claim) -> ColumnElement[bool]:
    keys = idempotency_keys
    return and_(
        keys.c.tenant == claim.tenant,
        keys.c.key == claim.key,
        keys.c.claim == claim.id,
        keys.c.completed_at.is_(None),
    )
