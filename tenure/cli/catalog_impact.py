"""Whom a catalog touches that is about to be published."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncEngine

from configuration.catalog_changes import CatalogChanges, changes
from domain.catalog.plans import Catalog
from domain.errors import GatewayUnavailable, Rejected
from storage.catalog.catalogs import Catalogs, Holders
from storage.catalog.unpublished import Followers, followers
from storage.db.health import check
from tenure.cli.catalog_warnings import by_plan, follow, subscriptions


class Step(StrEnum):
    """What publishing a catalog would be."""

    FIRST = "first"
    """Nothing of its product is published."""
    NONE = "none"
    """It is published as it stands."""
    NEW_VERSION = "new_version"
    OLDER = "older"
    """A later version is published: this one is for those who chose from it."""
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
    today: Catalog
    """What sign-ups go by, once an API has begun with it: the newest version."""
    followers: Followers = field(default_factory=dict)
    """Subscriptions of no published catalog."""

    def lines(self) -> Iterator[str]:
        """The outlook for people."""
        name = self.catalog.name
        match self.step:
            case Step.NONE:
                yield f"{name} is published as it stands here"
                yield from follow(self.followers, self.today)
                return
            case Step.OLDER:
                yield f"{name} is older than {self.today.name}, which is published: for those who chose from it"
            case Step.FIRST:
                yield f"nothing of {self.catalog.product} is published yet: {name} is the first"
            case Step.IN_PLACE:
                yield f"{name} differs from what is published under this name"
            case Step.NEW_VERSION:
                yield f"{name} beside {self.before.name if self.before else ''}, which is published"
        yield from (f"  {line}" for line in self.changes.lines())
        if self.before and self.changes.are_none and self.step is not Step.OLDER:
            yield "  nothing differs but the version"
        yield "whom it touches"
        yield from (f"  {line}" for line in self._touched())

    def _touched(self) -> Iterator[str]:
        if self.step is Step.IN_PLACE:
            yield from self._at_once()
        else:
            yield from self._from_now_on()
        yield from follow(
            {name: plans for name, plans in self.followers.items() if name != self.catalog.name}, self.today
        )
        free = self.catalog.free_plan
        if (
            free is not None
            and self.step is not Step.OLDER
            and (self.step is not Step.IN_PLACE or free.plan in self.changes.touched)
        ):
            yield f"whoever has no subscription, and so has {free.plan} ({self.holders.without:,} of them are known)"

    def _from_now_on(self) -> Iterator[str]:
        name = self.catalog.name
        if self.step is not Step.OLDER:
            yield f"sign-ups, and changes that name a plan, from when `tenure api` starts with {name}"
        own = self.followers.get(name, {})
        if own:
            yield f"{subscriptions(own)} that chose from it, and had what the catalog of the day gives ({by_plan(own)})"
        elif self.step is Step.OLDER:
            yield "nobody: no live subscription is of it"
        for other, plans in self.holders.live.items():
            if other.rpartition("_v")[0] == self.catalog.product:
                yield f"not touched: {subscriptions(plans)} of {other} ({by_plan(plans)})"

    def _at_once(self) -> Iterator[str]:
        live = self.holders.live.get(self.catalog.name, {})
        for plan in self.changes.touched:
            yield f"{plan}: {subscriptions({plan: live.get(plan, 0)})}, at once"
        holding = self.holders.add_ons.get(self.catalog.name, {})
        for add_on in self.changes.touched_add_ons:
            yield f"add-on {add_on}: {subscriptions({add_on: holding.get(add_on, 0)})}, at once"
        if not self.changes.touched and not self.changes.touched_add_ons:
            yield "no subscription: the plans and add-ons that there are stay as they were"


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
    before, today = same or (versions[-1] if versions else None), max([catalog, *versions], key=_version)
    step = _step(catalog, before)
    differing = changes(before, catalog) if before is not None and step is not Step.OLDER else CatalogChanges()
    return Outlook(step, catalog, before, differing, holders, today, await followers(engine))


def _version(catalog: Catalog) -> int:
    return catalog.version


def _step(catalog: Catalog, before: Catalog | None) -> Step:
    if before is None:
        return Step.FIRST
    if before.version != catalog.version:
        return Step.NEW_VERSION if catalog.version > before.version else Step.OLDER
    return Step.NONE if before == catalog else Step.IN_PLACE


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
