"""`tenure operators`: the people who may sign in to the console."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Final

from cyclopts import Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from configuration.loading import Process, load_settings
from configuration.mail_addresses import mail_address, shown_address
from domain.audit import AuditTarget
from domain.errors import Malformed
from domain.formatting import moment
from domain.names import DEFAULT_TENANT
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import Operator, OperatorRole, Operators
from tenure.cli.audited import noted
from tenure.cli.connections import database
from tenure.cli.options import AsJson, one_line, tenant_named
from tenure.cli.tables import aligned

OPERATOR: Final = "operator"
HEADS: Final = ("EMAIL", "ROLE", "STATUS", "SINCE", "NAME")

RoleOption = Annotated[OperatorRole, Parameter(name_transform=str.lower)]


def add(email: str, /, *, role: RoleOption, name: str | None = None, tenant: str = DEFAULT_TENANT) -> None:
    """Add an operator, or change the role of one; one who was disabled may sign in again.

    Parameters
    ----------
    email
        The address to which sign-in links are mailed.
    role
        What they may do.
    name
        Their name.
    tenant
        The tenant whose console they use.
    """
    address, named = _address(email), None if name is None else one_line(name, "name")
    after, before = asyncio.run(_add(address, role, named, tenant_named(tenant)))
    print(_added(after, before))


def list_(*, tenant: str = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the operators of a tenant.

    Parameters
    ----------
    tenant
        The tenant whose operators are listed.
    as_json
        Print JSON instead of text.
    """
    found = asyncio.run(_list(tenant_named(tenant)))
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2, default=moment))
        return
    for line in aligned(HEADS, [_cells(one) for one in found]) if found else [f"no operators of tenant {tenant} yet"]:
        print(line)


def disable(email: str, /, *, tenant: str = DEFAULT_TENANT) -> None:
    """End an operator's access and sessions; the last admin stays.

    Parameters
    ----------
    email
        Their address.
    tenant
        The tenant whose operator it is.
    """
    disabled = asyncio.run(_disable(_address(email), tenant_named(tenant)))
    print(f"{shown_address(disabled.email)} is disabled: `tenure operators add` lets them sign in again")


def link(email: str, /, *, tenant: str = DEFAULT_TENANT) -> None:
    """Print a link that signs an operator in to the console once.

    It can be used within 15 minutes: for when mails do not arrive.

    Parameters
    ----------
    email
        Their address.
    tenant
        The tenant whose operator it is.
    """
    print(asyncio.run(_link(_address(email), tenant_named(tenant))))


async def _add(email: str, role: OperatorRole, name: str | None, tenant: str) -> tuple[Operator, Operator | None]:
    async with _operators() as (engine, operators):
        async with noted(engine, "operators add", AuditTarget(OPERATOR), tenant=tenant) as asked:
            after, before = await operators.add(email, role, tenant=tenant, name=name)
            asked.target = after.id
        return after, before


async def _list(tenant: str) -> Sequence[Operator]:
    async with _operators() as (_, operators):
        return await operators.list(tenant)


async def _disable(email: str, tenant: str) -> Operator:
    async with _operators() as (engine, operators):
        async with noted(engine, "operators disable", AuditTarget(OPERATOR), tenant=tenant) as asked:
            disabled = await operators.disable(email, tenant=tenant)
            asked.target = disabled.id
        return disabled


async def _link(email: str, tenant: str) -> str:
    settings = load_settings(Process.OPERATORS_LINK)
    async with (
        database(settings) as engine,
        noted(engine, "operators link", AuditTarget(OPERATOR), tenant=tenant) as asked,
    ):
        operator = await Operators(engine).active(email, tenant=tenant)
        asked.target = operator.id
        return await new_sign_in_link(engine, operator, settings.public_url)


@asynccontextmanager
async def _operators() -> AsyncIterator[tuple[AsyncEngine, Operators]]:
    async with database(load_settings(Process.OPERATORS)) as engine:
        yield engine, Operators(engine)


def _address(text: str) -> str:
    try:
        return mail_address(text.strip()).lower()
    except ValueError as error:
        raise Malformed(f"{text!r} is not a mail address: {error}", field="email") from None


def _added(after: Operator, before: Operator | None) -> str:
    email = shown_address(after.email)
    if before is None:
        return f"added {email} as {after.role}"
    changes = [f"was {before.role}, is {after.role} now"] if before.role is not after.role else []
    if before.disabled_at is not None:
        changes.append("may sign in again")
    return f"{email} {' and '.join(changes)}" if changes else f"{email} is {after.role} already"


def _cells(one: Operator) -> tuple[str, ...]:
    status = "active" if one.disabled_at is None else f"disabled {moment(one.disabled_at)}"
    return (shown_address(one.email), one.role, status, moment(one.created_at), one.name)
