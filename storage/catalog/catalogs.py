"""Published catalogs. A subscription keeps the entitlements of the catalog it was chosen from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import case, delete, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.catalog.features import features_of
from domain.catalog.plans import Catalog, Plan
from domain.errors import Rejected
from domain.subscription.lifecycle import Status
from storage.db.engine import Scope, transaction
from storage.schema.tables import customers, subscriptions
from storage.schema.usage_tables import catalog_versions, plan_limits

_CATALOG = TypeAdapter(Catalog)


def catalog_to_json(catalog: Catalog) -> dict[str, Any]:
    found: dict[str, Any] = _CATALOG.dump_python(catalog, mode="json")
    return found


def catalog_from_json(content: Mapping[str, Any]) -> Catalog:
    return _CATALOG.validate_python(content)


@dataclass(frozen=True)
class Holders:
    """How many subscriptions have what, across all tenants."""

    live: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Subscriptions that are not canceled, by published catalog and plan."""
    followers: Mapping[str, int] = field(default_factory=dict)
    """Subscriptions of unpublished catalogs, by plan: the current catalog applies to them."""
    without: int = 0
    """Customers without a subscription."""
    add_ons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Subscriptions that are not canceled and have units of an add-on, by published catalog and add-on."""


class Catalogs:
    """Publishes and finds catalogs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[int, Catalog]] = {}

    async def publish(self, catalog: Catalog, *, in_place: bool = False) -> bool:
        """Publishes a catalog, so that its plans grant entitlements. Returns whether anything was new. Safe to repeat.

        Raises:
            Rejected: code `catalog_differs`; a catalog with this name was published with other content, and *in_place*
                is not set, which would change it for all subscriptions of its plans.
        """
        content = catalog_to_json(catalog)
        table, revision = catalog_versions, 1
        async with transaction(self._engine) as connection:
            made = insert(table).values(name=catalog.name, content=content).on_conflict_do_nothing()
            if (await connection.execute(made.returning(table.c.name))).first() is None:
                where = table.c.name == catalog.name
                known = (await connection.execute(select(table.c.content).where(where).with_for_update())).scalar_one()
                # Not by the stored text: an earlier release's lacks later additions.
                if catalog_from_json(known) == catalog:
                    return False
                if not in_place:
                    raise Rejected(
                        f"{catalog.name} was published with other content: raise its version, so that running "
                        "subscriptions keep what they have",
                        code="catalog_differs",
                    )
                changed = table.update().where(where).values(content=content, revision=table.c.revision + 1)
                revision = (await connection.execute(changed.returning(table.c.revision))).scalar_one()
            await _put_limits(connection, catalog, revision)
        return True

    async def get(self, name: str, *, revision: int | None = None) -> Catalog | None:
        """The catalog with this name, at this revision or a later one; None if it was not published.

        Without *revision*, as it is now: another process may have changed it in place.
        """
        known = self._known.get(name)
        if known is not None and revision is not None and known[0] >= revision:
            return known[1]
        table = catalog_versions
        # A catalog that is known already is not read again.
        unknown = case((table.c.revision != (known[0] if known is not None else 0), table.c.content))
        wanted = select(table.c.revision, unknown.label("content")).where(table.c.name == name)
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            found = (await connection.execute(wanted)).one_or_none()
        if found is None:
            return None
        if found.content is None and known is not None:
            return known[1]
        catalog = catalog_from_json(found.content)
        self._known[name] = (found.revision, catalog)
        return catalog

    async def products(self) -> set[str]:
        """All products with a published catalog."""
        product = catalog_versions.c.content["product"].astext
        async with transaction(self._engine) as connection:
            return set(await connection.scalars(select(product).distinct()))

    async def versions(self, product: str) -> list[Catalog]:
        """All published catalogs of a product in their current state, oldest version first."""
        content = catalog_versions.c.content
        async with transaction(self._engine) as connection:
            rows = await connection.execute(select(content).where(content["product"].astext == product))
            return sorted((catalog_from_json(row.content) for row in rows), key=lambda catalog: catalog.version)

    async def holders(self) -> Holders:
        """How many subscriptions a change would affect."""
        it = subscriptions.c
        is_live = it.status != Status.CANCELED.value
        published = catalog_versions.c.name
        counted = (
            select(published.label("catalog"), it.plan, func.count())
            .select_from(subscriptions.outerjoin(catalog_versions, published == it.catalog))
            .where(is_live)
            .group_by(published, it.plan)
            .order_by(published, it.plan)
        )
        has_one = select(it.id).where(it.customer == customers.c.id, is_live).exists()
        unit = func.jsonb_each_text(it.add_ons).table_valued("key", "value")
        with_add_ons = (
            select(it.catalog, unit.c.key, func.count())
            .select_from(subscriptions.join(unit, true()))
            .where(is_live, it.catalog.in_(select(published)), unit.c.value != "0")
            .group_by(it.catalog, unit.c.key)
        )
        live: dict[str | None, dict[str, int]] = {}
        add_ons: dict[str, dict[str, int]] = {}
        async with transaction(self._engine) as connection:
            for catalog, plan, count in await connection.execute(counted):
                live.setdefault(catalog, {})[plan] = count
            for catalog, add_on, count in await connection.execute(with_add_ons):
                add_ons.setdefault(catalog, {})[add_on] = count
            rest = select(func.count()).select_from(customers).where(~has_one)
            without = (await connection.execute(rest)).scalar_one()
        return Holders({name: plans for name, plans in live.items() if name}, live.get(None, {}), without, add_ons)


async def _put_limits(connection: AsyncConnection, catalog: Catalog, revision: int) -> None:
    it = plan_limits.c
    await connection.execute(delete(plan_limits).where(it.catalog == catalog.name))
    rows = [
        {"catalog": catalog.name, "plan": plan.code, "revision": revision, **limit}
        for plan in catalog.plans.values()
        for limit in _limits(plan, catalog)
    ]
    if rows:
        await connection.execute(insert(plan_limits).values(rows))


def _limits(plan: Plan, catalog: Catalog) -> Iterator[dict[str, Any]]:
    for code, feature in catalog.features.items():
        if feature.window is None:
            continue
        overage = plan.overage.get(code)
        yield {
            "meter": feature.meter,
            "feature": code,
            "per": feature.window.value,
            "included": plan.entitlements[code],
            "per_unit": feature.per_unit,
            "adds": {add_on.code: add_on.adds[code] for add_on in catalog.add_ons.values() if code in add_on.adds},
            "mails": list(feature.limit.mails),
            "hard": feature.limit.hard,
            "grace_days": feature.limit.grace_days,
            "overage_price": catalog.overage_price(plan.code, code) if overage is not None else None,
            "overage_at_most": overage.at_most if overage is not None else None,
            "is_one_of_several": len(features_of(feature.meter, catalog.features)) > 1,
        }
