"""Which of a customer's current usage does not fit a change of plan."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog.plans import Catalog, Selection
from domain.entitlements.downgrade_fit import LimitConflict, unfit
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.subscription.excess_use import counts
from domain.subscription.journal import FitCheck
from domain.subscription.state import Subscription
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import in_force
from storage.db.engine import transaction
from storage.schema.tables import customers
from storage.usage.counting import EntitlementRules, Usage

UNREADABLE = (ValueError, TypeError, LookupError)
"""The exceptions raised for a catalog of another release."""


class UsageFit:
    """Compares recorded usage with the entitlements after the change."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def limit_conflicts(self, subscription: Subscription, check: FitCheck) -> tuple[LimitConflict, ...]:
        """What does not fit; empty if this release cannot read one of the catalogs."""
        try:
            return await self._limit_conflicts(subscription, check)
        except UNREADABLE:
            return ()

    async def _limit_conflicts(self, subscription: Subscription, check: FitCheck) -> tuple[LimitConflict, ...]:
        named = select(customers.c.external_id).where(customers.c.id == UUID(subscription.customer))
        async with transaction(self._engine, subscription.tenant) as connection:
            today = await in_force(connection)
            customer = (await connection.execute(named)).scalar_one_or_none()
        if today is None or customer is None:
            return ()
        rules = EntitlementRules(today.name, today.free_plan.plan if today.free_plan is not None else "")
        standing, tallies = await Usage(self._engine).standing(customer, rules, tenant=subscription.tenant)
        catalogs = Catalogs(self._engine)
        was, will_be = [await _catalog_of(one, catalogs, today) for one in (check.before, check.after)]
        holding = EntitlementSnapshot(standing, was, today, tallies)
        found = unfit(holding, (check.before, was), (check.after, will_be), at_once=not check.is_ahead)
        return tuple(one for one in found if counts(check, one))


async def _catalog_of(selection: Selection, catalogs: Catalogs, today: Catalog) -> Catalog:
    """The catalog something was chosen from; the current one if that is unknown or unpublished."""
    return (await catalogs.get(selection.catalog) if selection.catalog else None) or today
