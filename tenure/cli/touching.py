"""Whom a catalog touches that is about to be published."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncEngine

from configuration.catalog_changes import CatalogChanges, changes
from domain.errors import GatewayUnavailable, Rejected
from domain.plans import Catalog
from storage.catalogs import Catalogs, Holders
from storage.pinging import check


class Step(StrEnum):
    """What publishing a catalog would be."""

    FIRST = "first"
    """Nothing of its product is published."""
    NONE = "none"
    """It is published as it stands."""
    NEW_VERSION = "new_version"
    IN_PLACE = "in_place"
    """Its version is published with other content."""


@dataclass(frozen=True)
class Outlook:
    """What publishing a catalog would change, and for whom."""

    step: Step
    catalog: Catalog
    before: Catalog | None
    """What it is compared with: its own version as published, else the newest there is."""
    changes: CatalogChanges
    holders: Holders

    def lines(self) -> Iterator[str]:
        """The outlook for people."""
        name = self.catalog.name
        match self.step:
            case Step.NONE:
                yield f"{name} is published as it stands here"
                return
            case Step.FIRST:
                yield f"nothing of {self.catalog.product} is published yet: {name} is the first"
            case Step.IN_PLACE:
                yield f"{name} differs from what is published under this name"
            case Step.NEW_VERSION:
                yield f"{name} beside {self.before.name if self.before else ''}, which is published"
        yield from (f"  {line}" for line in self.changes.lines())
        if self.before and self.changes.are_none:
            yield "  nothing differs but the version"
        yield "whom it touches"
        yield from (f"  {line}" for line in self._touched())

    def _touched(self) -> Iterator[str]:
        if self.step is Step.IN_PLACE:
            yield from self._at_once()
        else:
            yield f"sign-ups, and changes that name a plan, from when `tenure api` starts with {self.catalog.name}"
            for name, plans in self.holders.live.items():
                if name.rpartition("_v")[0] == self.catalog.product:
                    yield f"not touched: {_count(sum(plans.values()))} of {name} ({_by_plan(plans)})"
        if self.holders.followers:
            told = f"{_count(sum(self.holders.followers.values()))} of no published catalog"
            yield f"{told}, which have what that of the day gives ({_by_plan(self.holders.followers)})"
        free = self.catalog.free_plan
        if free is not None and (self.step is not Step.IN_PLACE or free.plan in self.changes.touched):
            yield f"whoever has no subscription, and so has {free.plan} ({self.holders.without:,} of them are known)"

    def _at_once(self) -> Iterator[str]:
        live = self.holders.live.get(self.catalog.name, {})
        for plan in self.changes.touched:
            yield f"{plan}: {_count(live.get(plan, 0))}, at once"
        holding = self.holders.add_ons.get(self.catalog.name, {})
        for add_on in self.changes.touched_add_ons:
            yield f"add-on {add_on}: {_count(holding.get(add_on, 0))}, at once"
        if not self.changes.touched and not self.changes.touched_add_ons:
            yield "no subscription: the plans and add-ons that there are stay as they were"


def _count(subscriptions: int) -> str:
    return f"{subscriptions:,} live subscription{'' if subscriptions == 1 else 's'}"


def _by_plan(plans: Mapping[str, int]) -> str:
    return ", ".join(f"{plan}: {count:,}" for plan, count in plans.items())


async def outlook(engine: AsyncEngine, catalog: Catalog) -> Outlook:
    """What publishing a catalog would change.

    Raises:
        GatewayUnavailable: the database is out of reach, or not up to date.
    """
    wrong = await check(engine)
    if wrong is not None:
        raise GatewayUnavailable(wrong)
    stores = Catalogs(engine)
    versions, holders = await stores.versions(catalog.product), await stores.holders()
    same = next((one for one in versions if one.version == catalog.version), None)
    before = same or (versions[-1] if versions else None)
    if before is None:
        step = Step.FIRST
    elif same is None:
        step = Step.NEW_VERSION
    else:
        step = Step.NONE if same == catalog else Step.IN_PLACE
    differing = changes(before, catalog) if before is not None else CatalogChanges()
    return Outlook(step, catalog, before, differing, holders)


def refuse_in_place(outlook: Outlook) -> None:
    """See that a published version is not changed in what must stay.

    Raises:
        Rejected: code `not_in_place`, with all that is in the way.
    """
    wrong = [f"a price is never changed: {one}" for one in outlook.changes.repriced]
    wrong += [
        f"overage would go unbilled, of {one}: subscriptions that run are not billed by use"
        for one in outlook.changes.overage_anew
    ]
    wrong += [f"plan {code} is taken out, and whoever has it would have nothing" for code in outlook.changes.gone_plans]
    if wrong:
        lines = "".join(f"\n  {one}" for one in wrong)
        raise Rejected(
            f"{outlook.catalog.name} cannot be changed in place like this: raise its version{lines}",
            code="not_in_place",
        )
