"""The database roles of the processes, and the logins that may take them.

Row-level security (docs/decisions/0040) applies to roles. A process logs in with the login of its URL and takes its
role: the API `tenure_app`, which sees the tenant of the transaction; workers and commands `tenure_system`, which sees
every tenant.
"""

import asyncio
from enum import StrEnum
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import GatewayForbidden, GatewayUnavailable

UNAVAILABLE = "database_unavailable"
NOT_ALLOWED = "42501"
ATTEMPTS = 5
"""Roles belong to the whole server: somebody may be migrating another of its databases."""


class DatabaseRole(StrEnum):
    """A role of PostgreSQL, made by `tenure migrate`."""

    APPLICATION = "tenure_app"
    """Sees the rows of the tenant that the transaction is for."""
    SYSTEM = "tenure_system"
    """Sees the rows of every tenant."""


class UnfitLogin(GatewayForbidden):
    """Row-level security does not hold for this login, so that no process runs with it."""


# Connecting

_LOGIN = """
SELECT session_user AS login, l.rolsuper OR l.rolbypassrls OR r.rolsuper OR r.rolbypassrls AS is_unbound,
    pg_has_role(current_user, app.oid, 'USAGE') AS is_application,
    pg_has_role(current_user, system.oid, 'USAGE') AS is_system
FROM pg_roles l
JOIN pg_roles r ON r.rolname = current_user
LEFT JOIN pg_roles app ON app.rolname = 'tenure_app'
LEFT JOIN pg_roles system ON system.rolname = 'tenure_system'
WHERE l.rolname = session_user
"""


async def connect_as(role: DatabaseRole, *args: Any, **kwargs: Any) -> asyncpg.Connection:
    """A connection with the rights of *role*, and no others.

    Raises:
        UnfitLogin: the login is a superuser, or bypasses row-level security.
        GatewayForbidden: the login may not take the role.
        GatewayUnavailable: there is no such role yet.
    """
    try:
        connection = await asyncpg.connect(*args, **kwargs)
    except asyncpg.InvalidParameterValueError as error:
        raise GatewayUnavailable(
            f"the database has no role {role} yet ({error}): run `tenure migrate`", code=UNAVAILABLE
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise GatewayForbidden(
            f"the login of the database URL may not take the role {role} ({error}): run `tenure migrate` with it, or "
            f"`GRANT {role} TO` it as an administrator of PostgreSQL",
            code=UNAVAILABLE,
        ) from error
    try:
        # As one transaction, as a pooler would choose a connection for each of its messages.
        async with connection.transaction():
            login = await connection.fetchrow(_LOGIN)
        _check(login, role)
    except BaseException:
        connection.terminate()
        raise
    return connection


def _check(login: asyncpg.Record, role: DatabaseRole) -> None:
    name = login["login"]
    if login["is_unbound"]:
        raise UnfitLogin(unfit(name), code=UNAVAILABLE)
    is_application, is_system = bool(login["is_application"]), bool(login["is_system"])
    if is_system if role is DatabaseRole.SYSTEM else is_application and not is_system:
        return
    if role is DatabaseRole.APPLICATION and is_system:
        raise GatewayForbidden(
            f"the login {name} sees every tenant, which the API must not: give it a login that inherits {role} alone",
            code=UNAVAILABLE,
        )
    raise GatewayForbidden(
        f"the login {name} does not have the rights of {role}: run `tenure migrate`, then `GRANT {role} TO` it as an "
        "administrator of PostgreSQL",
        code=UNAVAILABLE,
    )


def unfit(login: str) -> str:
    """What is wrong with a login for which row-level security does not hold, and what to do."""
    return (
        f"the login {login} is a superuser of PostgreSQL, or has BYPASSRLS, and would see every tenant's rows: use a "
        'login without either (docs/operations.md, "Database roles", has the commands)'
    )


# Creating

_CREATE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role};
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made for another database at the same moment
END $$
"""
_MAY_TAKE = "SELECT pg_has_role(current_user, '{role}', '{right}')"
_IS_UNBOUND = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = '{role}'"
SET_AND_INHERIT = 160000
"""The version of PostgreSQL since which a member may inherit a role's rights, or take the role, one without the other.
"""


async def ensure_roles(connection: AsyncConnection) -> None:
    """Creates the roles if they are missing, and lets the login of the connection take both.

    It also inherits the rights of `tenure_system`: data steps of migrations, and an earlier release that still runs,
    go on to see every tenant.

    Raises:
        UnfitLogin: the login is a superuser, or bypasses row-level security.
        GatewayForbidden: the login may not; the message has the commands for someone who may.
    """
    if await _value(connection, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user"):
        raise UnfitLogin(unfit(str(await _value(connection, "SELECT session_user"))), code=UNAVAILABLE)
    for role in DatabaseRole:
        await _run(connection, _CREATE.format(role=role))
        if await _value(connection, _IS_UNBOUND.format(role=role)):
            raise GatewayForbidden(
                f"the role {role} is a superuser or has BYPASSRLS: `ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS`"
            )
        await _join(connection, role)


async def _join(connection: AsyncConnection, role: DatabaseRole) -> None:
    is_new = int(await _value(connection, "SHOW server_version_num")) >= SET_AND_INHERIT
    if await _value(connection, _MAY_TAKE.format(role=role, right="SET" if is_new else "MEMBER")):
        return
    inherits = "TRUE" if role is DatabaseRole.SYSTEM else "FALSE"
    options = f" WITH INHERIT {inherits}, SET TRUE" if is_new else ""
    await _run(connection, f"GRANT {role} TO CURRENT_USER{options}")


async def _run(connection: AsyncConnection, statement: str) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with connection.begin():
                await connection.execute(text(statement))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == NOT_ALLOWED:
                login = await _value(connection, "SELECT quote_ident(current_user)")
                raise GatewayForbidden(_by_hand(login)) from error
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(0.1 * attempt)
        else:
            return


def _by_hand(login: str) -> str:
    create = " ".join(f"CREATE ROLE {role};" for role in DatabaseRole)
    return (
        f"the login {login} may not create the database roles of Tenure: run this as an administrator of PostgreSQL, "
        f"leaving out roles that are there, then `tenure migrate` again: {create} "
        f"GRANT {', '.join(DatabaseRole)} TO {login};"
    )


async def _value(connection: AsyncConnection, query: str) -> Any:
    async with connection.begin():
        return await connection.scalar(text(query))
