"""Live subscriptions of no published catalog: they have what today's gives under their plan's name."""

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
"""How many there are, by the catalog that they were chosen from, and by plan; of no catalog that is known: under ''."""


async def followers(engine: AsyncEngine) -> Followers:
    """Of all tenants; none is left once every catalog is published from which one was chosen."""
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
            # Where the price is not a catalog's, its name tells of none.
            plans = found.setdefault(catalog if _VERSION.fullmatch(catalog) else "", {})
            plans[plan] = plans.get(plan, 0) + count
    return found
