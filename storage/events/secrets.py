"""Secrets of endpoints: stored encrypted, and encrypted again when the installation's first key is another one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.encryption import Encrypted, Encryption
from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.event_tables import webhook_secrets

BATCH_SIZE: Final = 100
_IT = webhook_secrets.c


async def add_secret(
    connection: AsyncConnection, encryption: Encryption, tenant: str, endpoint: UUID, secret_id: UUID, secret: str
) -> None:
    """Stores the current secret of an endpoint."""
    encrypted = encryption.encrypt(secret.encode(), _about(tenant, endpoint))
    await connection.execute(
        insert(webhook_secrets).values(
            id=secret_id,
            tenant=tenant,
            endpoint=endpoint,
            ciphertext=encrypted.ciphertext,
            key_id=encrypted.key_id,
        )
    )


async def expire_current(connection: AsyncConnection, endpoint: UUID, overlap: timedelta) -> None:
    """Lets the current secret expire after *overlap*."""
    current = _IT.endpoint == endpoint, _IT.expires_at.is_(None)
    ends = func.now() + literal(overlap)
    await connection.execute(update(webhook_secrets).where(*current).values(expires_at=ends))


async def secrets_of(
    connection: AsyncConnection, encryption: Encryption, tenant: str, endpoint: UUID
) -> tuple[str, ...]:
    """Returns the valid secrets of an endpoint, the current one first.

    Raises:
        MissingKey: one of them cannot be decrypted.
    """
    wanted = (
        select(_IT.ciphertext, _IT.key_id)
        .where(_IT.tenant == tenant, _IT.endpoint == endpoint, _is_valid())
        .order_by(_IT.expires_at.desc().nulls_first())
    )
    about = _about(tenant, endpoint)
    return tuple(
        encryption.decrypt(Encrypted(row.key_id, row.ciphertext), about).decode()
        for row in await connection.execute(wanted)
    )


async def check_secret_keys(engine: AsyncEngine, encryption: Encryption) -> None:
    """Checks that every secret of an endpoint can be decrypted; *engine* is of the system's role.

    Raises:
        Rejected: code `secret_key_missing`; a key is missing that encrypted some.
    """
    counted = (
        select(_IT.key_id, func.count().label("secrets"))
        .where(_is_valid(), _IT.key_id.not_in(encryption.key_ids))
        .group_by(_IT.key_id)
        .order_by(_IT.key_id)
    )
    async with transaction(engine) as connection:
        missing = (await connection.execute(counted)).all()
    if missing:
        which = ", ".join(f"key {row.key_id} ({row.secrets})" for row in missing)
        raise Rejected(
            f"TENURE_SECRET_KEY lacks what secrets of webhook endpoints are encrypted with: {which}. Set the earlier"
            f" secret again, behind the new one: TENURE_SECRET_KEY=new,earlier. It has keys"
            f" {', '.join(encryption.key_ids)} now",
            code="secret_key_missing",
        )


class SecretKeeping:
    """Re-encrypts secrets under the first key, so that the others can be dropped. Implements `EventSweep`."""

    def __init__(self, engine: AsyncEngine, encryption: Encryption) -> None:
        self._engine = engine
        self._encryption = encryption

    async def sweep(self, seconds: float) -> int:  # noqa: ARG002 - a batch takes milliseconds
        """Re-encrypts one batch and forgets expired secrets; returns how many were encrypted. Safe to repeat."""
        readable = _IT.key_id.in_(self._encryption.key_ids[1:])
        wanted = select(webhook_secrets).where(readable, _is_valid()).limit(BATCH_SIZE)
        async with transaction(self._engine) as connection:
            await connection.execute(delete(webhook_secrets).where(_IT.expires_at <= func.now()))
            rows: Sequence[Row[Any]] = (
                (await connection.execute(wanted.with_for_update(skip_locked=True))).all()
                if len(self._encryption.key_ids) > 1
                else ()
            )
            for row in rows:
                await self._encrypt_anew(connection, row)
        return len(rows)

    async def _encrypt_anew(self, connection: AsyncConnection, row: Row[Any]) -> None:
        about = _about(row.tenant, row.endpoint)
        secret = self._encryption.decrypt(Encrypted(row.key_id, row.ciphertext), about)
        encrypted = self._encryption.encrypt(secret, about)
        await connection.execute(
            update(webhook_secrets)
            .where(_IT.id == row.id)
            .values(ciphertext=encrypted.ciphertext, key_id=encrypted.key_id)
        )


def _is_valid() -> ColumnElement[bool]:
    return or_(_IT.expires_at.is_(None), _IT.expires_at > func.now())


def _about(tenant: str, endpoint: UUID) -> str:
    return f"webhook secret of {tenant}/{endpoint}"
