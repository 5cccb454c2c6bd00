"""API keys: shown once, stored as a hash."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, extract, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.api_keys import KeyMode, hint, mode_of_hint, mode_of_key, new_key
from domain.errors import Rejected
from domain.names import DEFAULT_TENANT
from storage.access.tenants import check_tenant
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.schema.access_tables import api_keys

DEFAULT_OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=30)
"""How long a rotated key may stay valid beside the new one."""
LONGEST_LIFE: Final = timedelta(days=3650)


class Role(StrEnum):
    """What the holder of a key may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    SERVICE = "service"
    READ_ONLY = "read_only"
    WEBHOOKS = "webhooks"


class KeyStatus(StrEnum):
    """Whether a key is accepted, and why not."""

    ACTIVE = "active"
    ROTATED = "rotated"
    """Another has taken its place, and it is accepted until it expires."""
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class ApiKey:
    """A verified key."""

    id: str
    tenant: str
    role: Role
    name: str
    expires_in: float | None = field(default=None, compare=False)
    """Seconds that it is still valid; None: it does not expire."""


@dataclass(frozen=True)
class KeyRecord:
    """All that is stored of a key, but for its hash."""

    id: str
    tenant: str
    name: str
    role: Role
    hint: str
    status: KeyStatus
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None


@dataclass(frozen=True)
class IssuedKey:
    """A new key."""

    record: KeyRecord
    plaintext: str | None
    """None: it was shown when the key was made."""


KeyPage = Cut[KeyRecord]

_KEYS = Keyset(api_keys.c.created_at, api_keys.c.id)


def key_hash(plaintext: str) -> str:
    """Returns what is stored of a key."""
    # Plain SHA-256: the keys are long and random, so they cannot be guessed.
    return hashlib.sha256(plaintext.encode(errors="surrogatepass")).hexdigest()


class ApiKeys:
    """Creates, verifies, rotates and revokes API keys."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(
        self,
        role: Role,
        name: str,
        *,
        tenant: str = DEFAULT_TENANT,
        mode: KeyMode = KeyMode.LIVE,
        expires_in: timedelta | None = None,
        created_by: str = "",
    ) -> str:
        """Returns a new key in plain text, which is not stored."""
        plaintext = new_key(mode)
        values = {"id": uuid4(), "created_by": created_by, "expires_at": _after(expires_in)}
        async with transaction(self._engine, tenant) as connection:
            await _insert(connection, plaintext, role, name, tenant, values)
        return plaintext

    async def issue(
        self,
        key_id: UUID,
        role: Role,
        name: str,
        *,
        tenant: str,
        mode: KeyMode,
        expires_in: timedelta | None = None,
        created_by: str = "",
    ) -> IssuedKey:
        """Creates the key with this id, once: a repeat returns it without its plain text."""
        plaintext = new_key(mode)
        values = {"id": key_id, "created_by": created_by, "expires_at": _after(expires_in)}
        async with transaction(self._engine, tenant) as connection:
            is_new = await _insert(connection, plaintext, role, name, tenant, values)
            row = (await connection.execute(_records(tenant).where(api_keys.c.id == key_id))).one()
        return IssuedKey(_record(row), plaintext if is_new else None)

    async def ensure(self, plaintext: str, role: Role, name: str, *, tenant: str = DEFAULT_TENANT) -> None:
        """Makes sure that a key is stored."""
        keys = api_keys.c
        hinted = update(api_keys).where(keys.key_hash == key_hash(plaintext), keys.hint == "")
        async with transaction(self._engine) as connection:
            if not await _insert(connection, plaintext, role, name, tenant, {"id": uuid4()}):
                await connection.execute(hinted.values(hint=hint(plaintext)))

    async def mode_of_newest(self) -> KeyMode | None:
        """Returns the mode of the newest key of any tenant; None if it is not known."""
        keys = api_keys.c
        wanted = select(keys.hint).where(keys.hint != "").order_by(keys.created_at.desc()).limit(1)
        async with transaction(self._engine) as connection:
            found = (await connection.execute(wanted)).scalar_one_or_none()
        return None if found is None else mode_of_hint(found)

    async def verify(self, plaintext: str) -> ApiKey | None:
        """The key with this plain text; None if it is unknown, revoked or expired.

        What nobody can have made is not looked up. Whose tenant's a key is turns out here: it sees all of them.
        """
        if mode_of_key(plaintext) is None:
            return None
        keys = api_keys.c
        wanted = select(
            keys.id, keys.tenant, keys.role, keys.name, extract("epoch", keys.expires_at - func.now()).label("lives")
        ).where(keys.key_hash == key_hash(plaintext), _is_accepted())
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            return None
        lives = None if row.lives is None else float(row.lives)
        return ApiKey(str(row.id), row.tenant, Role(row.role), row.name, lives)

    async def note_use(self, key_id: str) -> None:
        """Notes that a key has just been used."""
        used = update(api_keys).where(api_keys.c.id == UUID(key_id)).values(last_used_at=func.now())
        async with transaction(self._engine) as connection:
            await connection.execute(used)

    async def find(self, tenant: str, page: PageRequest) -> KeyPage:
        """One page of a tenant's keys, including revoked and expired ones.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        wanted = _records(tenant).where(*_KEYS.conditions(page)).order_by(*_KEYS.order(page.sort))
        async with listing(self._engine, tenant) as connection:
            found = [_record(row) for row in await connection.execute(wanted.limit(page.limit + 1))]
        return cut(page, found, lambda key: Position(key.created_at, key.id))

    async def get(self, key_id: str, *, tenant: str) -> KeyRecord:
        """Returns a key.

        Raises:
            Rejected: code `unknown_api_key`.
        """
        async with transaction(self._engine, tenant) as connection:
            return await self._get(connection, tenant, key_id)

    async def rotate(
        self,
        key_id: str,
        new_id: UUID,
        *,
        tenant: str,
        mode: KeyMode,
        overlap: timedelta = DEFAULT_OVERLAP,
        expires_in: timedelta | None = None,
        created_by: str = "",
    ) -> IssuedKey:
        """Makes a new key of the same name and role, *new_id*; the old one is accepted for *overlap* from now.

        The new one expires after *expires_in*, or else after as long as the old one was meant to live.

        Raises:
            Rejected: code `unknown_api_key`, `api_key_revoked`, `api_key_expired` or `api_key_rotated`.
        """
        plaintext, keys = new_key(mode), api_keys.c
        async with transaction(self._engine, tenant) as connection:
            old = await self._get(connection, tenant, key_id, lock=True)
            if old.replaced_by != str(new_id):
                _check_rotates(old)
                life = expires_in or (old.expires_at - old.created_at if old.expires_at is not None else None)
                values = {"id": new_id, "created_by": created_by, "expires_at": _after(life)}
                await _insert(connection, plaintext, old.role, old.name, tenant, values)
                ends = func.least(keys.expires_at, func.now() + literal(overlap))  # null is none of them
                await connection.execute(
                    update(api_keys).where(keys.id == UUID(old.id)).values(expires_at=ends, replaced_by=new_id)
                )
            row = (await connection.execute(_records(tenant).where(keys.id == new_id))).one()
        return IssuedKey(_record(row), None if old.replaced_by == str(new_id) else plaintext)

    async def revoke(self, key_id: str, *, tenant: str = DEFAULT_TENANT) -> KeyRecord:
        """Ends a key at once and returns it; one that is revoked already stays as it is.

        Raises:
            Rejected: code `unknown_api_key`.
        """
        async with transaction(self._engine, tenant) as connection:
            found = await self._get(connection, tenant, key_id, lock=True)
            if found.revoked_at is None:
                ended = update(api_keys).where(api_keys.c.id == UUID(found.id)).values(revoked_at=func.now())
                await connection.execute(ended)
            return await self._get(connection, tenant, key_id)

    async def _get(self, connection: AsyncConnection, tenant: str, key_id: str, *, lock: bool = False) -> KeyRecord:
        try:
            wanted = _records(tenant).where(api_keys.c.id == UUID(key_id))
        except ValueError:
            row = None
        else:
            row = (await connection.execute(wanted.with_for_update() if lock else wanted)).one_or_none()
        if row is None:
            raise Rejected(f"there is no API key {key_id[:64]!r}: lists show their ids", code="unknown_api_key")
        return _record(row)


async def _insert(
    connection: AsyncConnection, plaintext: str, role: Role, name: str, tenant: str, more: dict[str, Any]
) -> bool:
    """Stores a key; False if it, or one with its id, is stored already.

    Raises:
        Rejected: code `unknown_tenant`.
    """
    await check_tenant(connection, tenant)
    about = {
        "tenant": tenant,
        "name": name,
        "role": role.value,
        "key_hash": key_hash(plaintext),
        "hint": hint(plaintext),
    }
    stored = insert(api_keys).values(about | more).on_conflict_do_nothing().returning(api_keys.c.id)
    return (await connection.execute(stored)).first() is not None


def _after(life: timedelta | None) -> Any:
    return None if life is None else func.now() + literal(life)


def _is_accepted() -> Any:
    keys = api_keys.c
    return keys.revoked_at.is_(None) & (keys.expires_at.is_(None) | (keys.expires_at > func.now()))


def _records(tenant: str) -> Select[Any]:
    return select(api_keys, func.now().label("now")).where(api_keys.c.tenant == tenant)


def _record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        str(row.id),
        row.tenant,
        row.name,
        Role(row.role),
        row.hint,
        _status(row),
        row.created_at,
        row.created_by,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
        None if row.replaced_by is None else str(row.replaced_by),
    )


def _status(row: Row[Any]) -> KeyStatus:
    if row.revoked_at is not None:
        return KeyStatus.REVOKED
    if row.expires_at is not None and row.expires_at <= row.now:
        return KeyStatus.EXPIRED
    return KeyStatus.ACTIVE if row.replaced_by is None else KeyStatus.ROTATED


def _check_rotates(old: KeyRecord) -> None:
    match old.status:
        case KeyStatus.REVOKED:
            raise Rejected("this API key is revoked: create another", code="api_key_revoked")
        case KeyStatus.EXPIRED:
            raise Rejected("this API key has expired: create another", code="api_key_expired")
        case KeyStatus.ROTATED:
            raise Rejected(f"this API key was rotated already, to {old.replaced_by}", code="api_key_rotated")
