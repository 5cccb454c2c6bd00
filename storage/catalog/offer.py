"""What an API offers, made known to all processes: its catalog, and its policy."""

import logging

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog.plans import Catalog
from domain.subscription.policy import Policy
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import in_force, put_in_force
from storage.catalog.policies import Policies
from storage.db.engine import transaction

_log = logging.getLogger("tenure.offer")


class Offer:
    """The catalog and the policy of an API.

    Args:
        engine: the database.
        catalog: the catalog.
        policy: the policy; None: it is compared with no other, as for a policy that is only tried.

    """

    def __init__(self, engine: AsyncEngine, catalog: Catalog, policy: Policy | None = None) -> None:
        self._engine, self._catalog, self._policy = engine, catalog, policy

    async def publish(self) -> None:
        """Publish both, and put the catalog in force unless a later one is. Safe to repeat.

        Raises:
            Rejected: code `catalog_differs` or `policy_differs`; one was published with other content.
            GatewayUnavailable: the database cannot be reached.
        """
        await Catalogs(self._engine).publish(self._catalog)
        if self._policy is not None:
            await Policies(self._engine).publish(self._policy)
        await put_in_force(self._engine, self._catalog.name)
        async with transaction(self._engine) as connection:
            current = await in_force(connection)
        if current is not None and current.name != self._catalog.name:
            _log.warning(
                "%s is in force, not %s, which this process sells: start all processes with one catalog; "
                "`tenure catalog push --in-force` goes back to an earlier one",
                current.name,
                self._catalog.name,
            )
