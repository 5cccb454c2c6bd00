"""Which keys have encrypted payloads in Temporal, so that no process starts without one of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.tables import installation

PREFIX: Final = "payload_key/"
"""Of the names of their rows in `installation`; the value is a fingerprint."""


async def check_payload_keys(engine: AsyncEngine, fingerprints: Mapping[str, str], *, noting: bool = True) -> None:
    """Holds a process to all keys that have ever encrypted, and notes its first one.

    Args:
        engine: of the role that sees every tenant.
        fingerprints: those of the process, by name; the first one encrypts.
        noting: False for a process that encrypts nothing.

    Raises:
        Rejected: code `payload_key_missing` or `payload_key_differs`.
    """
    stored = select(installation.c.name, installation.c.value).where(installation.c.name.startswith(PREFIX))
    async with transaction(engine) as connection:
        for name in list(fingerprints)[:1] if noting else ():
            noted = insert(installation).values(name=PREFIX + name, value=fingerprints[name])
            await connection.execute(noted.on_conflict_do_nothing())
        rows = (await connection.execute(stored)).all()
        for row in rows:
            _check(row.name.removeprefix(PREFIX), row.value, fingerprints)


def _check(name: str, fingerprint: str, fingerprints: Mapping[str, str]) -> None:
    if name not in fingerprints:
        raise Rejected(
            f"TENURE_PAYLOAD_KEYS lacks the key {name!r}, under which workflows are stored: put it behind the first;"
            f" once nothing needs it any more, `tenure payload-keys forget {name}`",
            code="payload_key_missing",
        )
    if fingerprints[name] != fingerprint:
        raise Rejected(
            f"the key {name!r} in TENURE_PAYLOAD_KEYS is not the key of this name that workflows are encrypted with:"
            " give a new key a name of its own",
            code="payload_key_differs",
        )


async def payload_keys(engine: AsyncEngine) -> Sequence[str]:
    """Returns the names of the keys that have encrypted."""
    names = select(installation.c.name).where(installation.c.name.startswith(PREFIX)).order_by(installation.c.name)
    async with transaction(engine) as connection:
        return [name.removeprefix(PREFIX) for name in await connection.scalars(names)]


async def forget_payload_key(engine: AsyncEngine, name: str) -> None:
    """Lets processes start without a key.

    Raises:
        Rejected: code `unknown_payload_key`; it has not encrypted.
    """
    async with transaction(engine) as connection:
        gone = await connection.execute(delete(installation).where(installation.c.name == PREFIX + name))
    if not gone.rowcount:
        raise Rejected(f"no key {name!r} has encrypted anything", code="unknown_payload_key")
