"""`tenure keys`: API keys."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Final
from uuid import uuid4

from cyclopts import Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from configuration.loading import Process, load_settings
from domain.api_keys import KeyMode
from domain.audit import AuditTarget
from domain.formatting import moment
from domain.names import DEFAULT_TENANT
from storage.access.api_keys import LONGEST_LIFE, LONGEST_OVERLAP, ApiKeys, KeyRecord, KeyStatus, Role
from storage.db.cursors import PageRequest
from tenure.cli.audited import noted
from tenure.cli.connections import database, plain
from tenure.cli.dates import length
from tenure.cli.options import AsJson, one_line, tenant_named
from tenure.cli.tables import aligned
from worker.composition.gateways import key_mode

API_KEY: Final = "api_key"
CREATED_BY: Final = "tenure keys"
HEADS: Final = ("ID", "KEY", "ROLE", "STATUS", "CREATED", "LAST USED", "EXPIRES", "CREATED BY", "NAME")

# As the API spells roles: with underscores.
RoleOption = Annotated[Role, Parameter(name_transform=str.lower)]


def create(*, role: RoleOption, name: str = "", tenant: str = DEFAULT_TENANT, expires_in: str | None = None) -> None:
    """Create an API key and print it; it cannot be shown again.

    Parameters
    ----------
    role
        What the key permits.
    name
        What the key is for; its role if left out.
    tenant
        The tenant whose data it opens.
    expires_in
        How long it is valid, such as 12h or 90d; it does not expire if left out.
    """
    life = _life(expires_in)
    print(asyncio.run(_create(role, one_line(name, "name") or role.value, tenant_named(tenant), life)))


def list_(*, tenant: str = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the API keys of a tenant, newest first, with when each was last used.

    Parameters
    ----------
    tenant
        The tenant whose keys are listed.
    as_json
        Print JSON instead of text.
    """
    found = asyncio.run(_list(tenant_named(tenant)))
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2, default=moment))
        return
    for line in _table(found) if found else [f"no API keys of tenant {tenant}: `tenure keys create` makes one"]:
        print(line)


def rotate(
    key_id: str, /, *, overlap: str = "24h", tenant: str = DEFAULT_TENANT, expires_in: str | None = None
) -> None:
    """Create a key of the same name and role and print it; the old one stays valid for a while.

    Parameters
    ----------
    key_id
        The id of the old key, as `tenure keys list` shows it.
    overlap
        How long the old key stays valid, such as 30m or 24h; 0 ends it now.
    tenant
        The tenant whose key it is.
    expires_in
        How long the new key is valid; as long as the old one was meant to be if left out.
    """
    both = length(overlap, field="overlap", least=timedelta(), most=LONGEST_OVERLAP)
    plaintext, old = asyncio.run(_rotate(key_id, tenant_named(tenant), both, _life(expires_in)))
    print(plaintext)
    print(f"the old key {old.hint or old.id} is valid until {_when(old)}", file=sys.stderr)


def revoke(key_id: str, /, *, tenant: str = DEFAULT_TENANT) -> None:
    """End an API key within seconds; it cannot be brought back.

    Parameters
    ----------
    key_id
        The id of the key, as `tenure keys list` shows it.
    tenant
        The tenant whose key it is.
    """
    ended = asyncio.run(_revoke(key_id, tenant_named(tenant)))
    print(f"revoked {ended.hint or ended.id} ({ended.name}): every process refuses it within 3 seconds")


async def _create(role: Role, name: str, tenant: str, life: timedelta | None) -> str:
    async with _keys() as (engine, keys, mode):
        id_ = uuid4()
        async with noted(engine, "keys create", AuditTarget(API_KEY, str(id_)), tenant=tenant):
            issued = await keys.issue(id_, role, name, tenant=tenant, mode=mode, expires_in=life, created_by=CREATED_BY)
        return str(issued.plaintext)


async def _list(tenant: str) -> list[KeyRecord]:
    found: list[KeyRecord] = []
    cursor: str | None = None
    async with _keys() as (_, keys, _):
        while True:
            page = await keys.find(tenant, PageRequest(100, cursor))
            found += page.rows
            cursor = page.next_cursor
            if cursor is None:
                return found


async def _rotate(key_id: str, tenant: str, overlap: timedelta, life: timedelta | None) -> tuple[str, KeyRecord]:
    async with _keys() as (engine, keys, mode):
        async with noted(engine, "keys rotate", AuditTarget(API_KEY, key_id), tenant=tenant):
            issued = await keys.rotate(
                key_id, uuid4(), tenant=tenant, mode=mode, overlap=overlap, expires_in=life, created_by=CREATED_BY
            )
        return str(issued.plaintext), await keys.get(key_id, tenant=tenant)


async def _revoke(key_id: str, tenant: str) -> KeyRecord:
    async with _keys() as (engine, keys, _), noted(engine, "keys revoke", AuditTarget(API_KEY, key_id), tenant=tenant):
        return await keys.revoke(key_id, tenant=tenant)


@asynccontextmanager
async def _keys() -> AsyncIterator[tuple[AsyncEngine, ApiKeys, KeyMode]]:
    settings = load_settings(Process.KEYS)
    async with database(settings) as engine:
        keys, provider_key = ApiKeys(engine), plain(settings.stripe_api_key)
        known = await keys.mode_of_newest() if provider_key is None else None
        yield engine, keys, known or key_mode(provider_key)


def _life(expires_in: str | None) -> timedelta | None:
    least = timedelta(seconds=1)
    return None if expires_in is None else length(expires_in, field="expires_in", least=least, most=LONGEST_LIFE)


def _table(found: list[KeyRecord]) -> list[str]:
    return aligned(HEADS, [_cells(one) for one in found])


def _cells(one: KeyRecord) -> tuple[str, ...]:
    used = moment(one.last_used_at) if one.last_used_at else "never"
    return (one.id, one.hint, one.role, one.status, moment(one.created_at), used, _when(one), one.created_by, one.name)


def _when(one: KeyRecord) -> str:
    """When a key ends or has ended."""
    ends = one.revoked_at if one.status is KeyStatus.REVOKED else one.expires_at
    return "never" if ends is None else moment(ends)
