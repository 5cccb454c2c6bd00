"""Live subscriptions of unpublished catalogs: the current catalog applies to them, by the name of their plan."""

import re
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.subscription.lifecycle import Status
from storage.db.engine import transaction
from storage.schema.tables import subscriptions
from storage.schema.usage_tables import catalog_versions

_VERSION = re.compile(r"[a-z][a-z0-9_]*_v[0-9]+")

Followers = Mapping[str, Mapping[str, int]]
"""How many there are, by original catalog and plan; under '' if the catalog is unknown."""


async def followers(engine: AsyncEngine) -> Followers:
    """Across all tenants. There are none once every original catalog is published."""
    it = subscriptions.c
    counted = (
        select(it.catalog, it.plan, func.count())
        .select_from(subscriptions.outerjoin(catalog_versions, catalog_versions.c.name == it.catalog))
        .where(it.status != Status.CANCELED.value, catalog_versions.c.name.is_(None))
        .group_by(it.catalog, it.plan)
        .order_by(it.catalog, it.plan)
    )
    found: dict[str, dict[str, int]] = {}
    async with transaction(engine) as connection:
        for catalog, plan, count in await connection.execute(counted):
            # A price outside a catalog has no name to derive the catalog from.
            plans = found.setdefault(catalog if _VERSION.fullmatch(catalog) else "", {})
            plans[plan] = plans.get(plan, 0) + count
    return found
