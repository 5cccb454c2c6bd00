"""`tenure tenants`."""

import asyncio
from collections.abc import Sequence

from configuration.loading import Process, load_settings
from domain.audit import AuditTarget
from storage.access.tenants import Tenant, Tenants
from tenure.cli.audited import noted
from tenure.cli.connections import database
from tenure.cli.tables import aligned


def add(tenant: str, /, *, name: str = "") -> None:
    """Add a tenant: a region, a reseller or an environment of the product; safe to repeat.

    Parameters
    ----------
    tenant
        Its id: lower-case letters, digits, _ and -.
    name
        What people call it; by default its id.
    """
    is_new = asyncio.run(_add(tenant, name or tenant))
    print(f"tenant {tenant} added" if is_new else f"tenant {tenant} is there already")


def list_() -> None:
    """List the tenants."""
    rows = [(one.id, one.name, f"{one.created_at:%Y-%m-%d}") for one in asyncio.run(_all())]
    print("\n".join(aligned(("TENANT", "NAME", "SINCE"), rows)))


async def _add(tenant: str, name: str) -> bool:
    async with (
        database(load_settings(Process.TENANTS)) as engine,
        noted(engine, "tenants add", AuditTarget("tenant", tenant)),
    ):
        return await Tenants(engine).add(tenant, name)


async def _all() -> Sequence[Tenant]:
    async with database(load_settings(Process.TENANTS)) as engine:
        return await Tenants(engine).all()
