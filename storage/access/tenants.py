"""Tenants: regions, resellers or environments of the one product that an installation sells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Malformed, Rejected
from domain.names import DEFAULT_TENANT
from storage.db.engine import Scope, transaction
from storage.schema.tenant_tables import tenants

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


@dataclass(frozen=True)
class Tenant:
    id: str
    name: str
    created_at: datetime


class Tenants:
    """Reads tenants, and adds them as the system's role."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, tenant: str, name: str) -> bool:
        """Adds a tenant. Returns False if it is there already; its name stays.

        Raises:
            Malformed: field `id`.
        """
        if _ID.fullmatch(tenant) is None:
            raise Malformed(
                "a tenant's id has 1 to 100 lower-case letters, digits, _ and -, and begins with a letter or digit",
                field="id",
            )
        row = insert(tenants).values(id=tenant, name=name).on_conflict_do_nothing().returning(tenants.c.id)
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            return (await connection.execute(row)).first() is not None

    async def all(self) -> Sequence[Tenant]:
        """Every tenant, by id."""
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            rows = await connection.execute(select(tenants).order_by(tenants.c.id))
            return [Tenant(row.id, row.name, row.created_at) for row in rows]

    async def known_or_default(self, tenant: str) -> str:
        """The tenant if there is one with that id, else the default one."""
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            return tenant if await _is_known(connection, tenant) else DEFAULT_TENANT

    async def check(self, tenant: str) -> None:
        """Refuses a tenant that was never added.

        Raises:
            Rejected: code `unknown_tenant`.
        """
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            await check_tenant(connection, tenant)


async def check_tenant(connection: AsyncConnection, tenant: str) -> None:
    """Refuses a tenant that was never added, in the transaction of whatever is written for it.

    Raises:
        Rejected: code `unknown_tenant`.
    """
    if not await _is_known(connection, tenant):
        known = ", ".join((await connection.execute(select(tenants.c.id).order_by(tenants.c.id).limit(20))).scalars())
        raise Rejected(
            f"there is no tenant {tenant!r}: add it with `tenure tenants add {tenant}`, or name one of {known}",
            code="unknown_tenant",
        )


async def _is_known(connection: AsyncConnection, tenant: str) -> bool:
    # PostgreSQL stores no zero byte; an address may bring one.
    if "\0" in tenant:
        return False
    return (await connection.execute(select(tenants.c.id).where(tenants.c.id == tenant))).first() is not None
