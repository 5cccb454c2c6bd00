"""The catalog and the policy in force, as operators see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.catalog.current import in_force
from storage.db.engine import Scope, transaction
from storage.schema.usage_tables import catalog_versions, policy_versions


@dataclass(frozen=True)
class Published:
    """A catalog or a policy that is published."""

    name: str
    published_at: datetime
    revision: int = 1
    """Of a catalog: grows when it is changed in place."""
    in_force_since: datetime | None = None
    """Of a catalog: when it was put in force; None: no API has used it yet."""


class Offered:
    """Reads what is published."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def catalog(self) -> Published | None:
        """The catalog in force; None: none is published."""
        it = catalog_versions.c
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            current = await in_force(connection)
            if current is None:
                return None
            wanted = select(it.revision, it.published_at, it.in_force_since).where(it.name == current.name)
            row = (await connection.execute(wanted)).one()
        return Published(current.name, row.published_at, row.revision, row.in_force_since)

    async def policy(self, version: str) -> Published | None:
        """A policy by its version; None: it is not published."""
        wanted = select(policy_versions.c.published_at).where(policy_versions.c.version == version)
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            published_at = (await connection.execute(wanted)).scalar_one_or_none()
        return None if published_at is None else Published(version, published_at)
