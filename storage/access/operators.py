"""Operators: the people who sign in to the console, each by a mail address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Rejected
from storage.access.api_keys import Role
from storage.access.tenants import check_tenant
from storage.access.web_sessions import WebRole
from storage.db.engine import transaction
from storage.schema.access_tables import operators, web_links, web_sessions


class OperatorRole(StrEnum):
    """What an operator may do: the same as a key of this role."""

    ADMIN = Role.ADMIN.value
    OPERATOR = Role.OPERATOR.value
    READ_ONLY = Role.READ_ONLY.value


@dataclass(frozen=True)
class Operator:
    """A person who may sign in, or might before."""

    id: str
    tenant: str
    email: str
    """In lower case."""
    name: str
    role: OperatorRole
    created_at: datetime
    disabled_at: datetime | None
    """None: may sign in."""


class Operators:
    """Adds, lists and disables operators. An address belongs to one operator of a tenant, in whatever case."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(
        self, email: str, role: OperatorRole, *, tenant: str, name: str | None = None
    ) -> tuple[Operator, Operator | None]:
        """Adds an operator, or changes the role and name of one and lets them sign in again.

        Returns the operator, and what they were before. A change of role ends their sessions.

        Raises:
            Rejected: code `last_admin`, as the tenant would have no admin left, or `unknown_tenant`.
        """
        row = insert(operators).values(id=uuid4(), tenant=tenant, email=email.lower(), name=name or "", role=role.value)
        async with transaction(self._engine, tenant) as connection:
            await check_tenant(connection, tenant)
            admins = await _lock_admins(connection, tenant)
            added = await connection.execute(row.on_conflict_do_nothing().returning(*operators.c))
            if (new := added.one_or_none()) is not None:
                return operator_of(new), None
            before = await _by_email(connection, tenant, email)
            if role is not OperatorRole.ADMIN:
                _check_not_last(before, admins)
            about = {"role": role.value, "disabled_at": None, "name": before.name if name is None else name}
            changed = update(operators).where(operators.c.id == UUID(before.id)).values(about).returning(*operators.c)
            after = operator_of((await connection.execute(changed)).one())
            if after.role is not before.role:
                await _end_sessions(connection, before.id)
        return after, before

    async def list(self, tenant: str) -> Sequence[Operator]:
        """Returns a tenant's operators by address, with those who are disabled."""
        wanted = select(operators).where(operators.c.tenant == tenant).order_by(operators.c.email)
        async with transaction(self._engine, tenant) as connection:
            return [operator_of(row) for row in await connection.execute(wanted)]

    async def active(self, email: str, *, tenant: str) -> Operator:
        """Returns an operator who may sign in.

        Raises:
            Rejected: code `unknown_operator`; there is none, or they are disabled.
        """
        async with transaction(self._engine, tenant) as connection:
            found = await _by_email(connection, tenant, email)
        if found.disabled_at is not None:
            raise Rejected(f"{email} is disabled: `tenure operators add` lets them in again", code="unknown_operator")
        return found

    async def disable(self, email: str, *, tenant: str) -> Operator:
        """Ends an operator's access and sessions; one who is disabled already stays as they are.

        Raises:
            Rejected: code `unknown_operator`, or `last_admin`.
        """
        async with transaction(self._engine, tenant) as connection:
            admins = await _lock_admins(connection, tenant)
            found = await _by_email(connection, tenant, email)
            if found.disabled_at is None:
                _check_not_last(found, admins)
                mine = operators.c.id == UUID(found.id)
                await connection.execute(update(operators).where(mine).values(disabled_at=func.now()))
                await _end_sessions(connection, found.id)
            return await _by_email(connection, tenant, email)


async def _lock_admins(connection: AsyncConnection, tenant: str) -> Sequence[str]:
    """Returns the ids of those who may sign in as admins: until the transaction ends, nobody else changes them."""
    may = (
        operators.c.tenant == tenant,
        operators.c.role == OperatorRole.ADMIN.value,
        operators.c.disabled_at.is_(None),
    )
    wanted = select(operators.c.id).where(*may).order_by(operators.c.id).with_for_update()
    return [str(row.id) for row in await connection.execute(wanted)]


async def _by_email(connection: AsyncConnection, tenant: str, email: str) -> Operator:
    wanted = select(operators).where(operators.c.tenant == tenant, operators.c.email == email.lower())
    row = (await connection.execute(wanted.with_for_update())).one_or_none()
    if row is None:
        raise Rejected(f"there is no operator {email}: `tenure operators list` shows them", code="unknown_operator")
    return operator_of(row)


def _check_not_last(operator: Operator, admins: Sequence[str]) -> None:
    if list(admins) == [operator.id]:
        raise Rejected(
            f"{operator.email} is the last admin: make another one first, `tenure operators add EMAIL --role admin`",
            code="last_admin",
        )


async def _end_sessions(connection: AsyncConnection, operator_id: str) -> None:
    for table in (web_links, web_sessions):
        of_operator = (table.c.kind == WebRole.OPERATOR.value, table.c.subject == UUID(operator_id))
        await connection.execute(delete(table).where(*of_operator))


def operator_of(row: Row[Any]) -> Operator:
    """Returns the operator of a row."""
    return Operator(
        str(row.id), row.tenant, row.email, row.name, OperatorRole(row.role), row.created_at, row.disabled_at
    )
