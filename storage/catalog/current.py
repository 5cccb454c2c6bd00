"""The catalog in force, for processes without a catalog file, and whichever API process answers."""

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.catalog.plans import Catalog, Selection
from storage.catalog.catalogs import catalog_from_json
from storage.db.engine import Scope, transaction
from storage.schema.usage_tables import catalog_versions


async def put_in_force(engine: AsyncEngine, name: str, *, again: bool = False) -> None:
    """Records that an API uses a published catalog; the first time that one does puts it in force.

    A process of the previous release that starts again during a rollout changes nothing. *again* puts a catalog back in
    force after a later one: after a release was taken back.
    """
    it, since = catalog_versions, catalog_versions.c.in_force_since
    now = func.clock_timestamp()
    changed = it.update().where(it.c.name == name).values(in_force_since=now if again else func.coalesce(since, now))
    async with transaction(engine) as connection:
        await connection.execute(changed)


class CatalogInForce:
    """Implements `domain.purchases.ports.PlansOnSale`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def sells(self, selection: Selection) -> bool:
        """Of another product, or before any catalog is published, everything counts as sold."""
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            catalog = await in_force(connection)
        if catalog is None or selection.catalog.rpartition("_v")[0] != catalog.product:
            return True
        plan = catalog.plans.get(selection.plan)
        return (
            plan is not None
            and selection.interval in plan.prices
            and selection.add_ons.keys() <= catalog.add_ons.keys()
        )


async def in_force(connection: AsyncConnection) -> Catalog | None:
    """The catalog that was put in force last; None if none is published.

    The time of publication says nothing: a catalog can be published before an API starts with it, or only for old
    subscriptions. Before the first API starts, it is the newest version.
    """
    it = catalog_versions.c
    version = cast(it.content["version"].astext, Integer)
    likeliest = (it.in_force_since.desc().nulls_last(), version.desc(), it.published_at.desc())
    content = (await connection.execute(select(it.content).order_by(*likeliest).limit(1))).scalar_one_or_none()
    return None if content is None else catalog_from_json(content)
