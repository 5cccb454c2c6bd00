"""Whom publishing a catalog affects."""

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
    """What publishing a catalog amounts to."""

    FIRST = "first"
    """No catalog of its product is published."""
    NONE = "none"
    """It is already published with the same content."""
    NEW_VERSION = "new_version"
    OLDER = "older"
    """A later version is published; this one serves the subscriptions that chose from it."""
    IN_PLACE = "in_place"
    """Its version is published with different content."""


@dataclass(frozen=True)
class Outlook:
    """What publishing a catalog would change, and for whom."""

    step: Step
    catalog: Catalog
    before: Catalog | None
    """The catalog it is compared with: its own published version, else the newest one."""
    changes: CatalogChanges
    holders: Holders
    today: Catalog
    """The catalog for sign-ups once an API has started with it: the newest version."""
    followers: Followers = field(default_factory=dict)
    """Subscriptions whose catalog is not published."""

    def lines(self) -> Iterator[str]:
        """The impact as lines of text."""
        name = self.catalog.name
        match self.step:
            case Step.NONE:
                yield f"{name} is already published with this content"
                yield from follow(self.followers, self.today)
                return
            case Step.OLDER:
                yield f"{name} is older than the published {self.today.name}: it serves subscriptions that chose it"
            case Step.FIRST:
                yield f"no catalog of {self.catalog.product} is published yet: {name} is the first"
            case Step.IN_PLACE:
                yield f"{name} differs from the catalog published under this name"
            case Step.NEW_VERSION:
                yield f"{name} compared with {self.before.name if self.before else ''}, which is published"
        yield from (f"  {line}" for line in self.changes.lines())
        if self.before and self.changes.are_none and self.step is not Step.OLDER:
            yield "  only the version differs"
        yield "whom it affects"
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
            yield f"customers without a subscription, who have {free.plan} ({self.holders.without:,} known)"

    def _from_now_on(self) -> Iterator[str]:
        name = self.catalog.name
        if self.step is not Step.OLDER:
            yield f"sign-ups and plan changes, once `tenure api` starts with {name}"
        own = self.followers.get(name, {})
        if own:
            yield f"{subscriptions(own)} that chose it, so far served by the current catalog ({by_plan(own)})"
        elif self.step is Step.OLDER:
            yield "nobody: no live subscription chose it"
        for other, plans in self.holders.live.items():
            if other.rpartition("_v")[0] == self.catalog.product:
                yield f"not affected: {subscriptions(plans)} of {other} ({by_plan(plans)})"

    def _at_once(self) -> Iterator[str]:
        live = self.holders.live.get(self.catalog.name, {})
        for plan in self.changes.touched:
            yield f"{plan}: {subscriptions({plan: live.get(plan, 0)})}, at once"
        holding = self.holders.add_ons.get(self.catalog.name, {})
        for add_on in self.changes.touched_add_ons:
            yield f"add-on {add_on}: {subscriptions({add_on: holding.get(add_on, 0)})}, at once"
        if not self.changes.touched and not self.changes.touched_add_ons:
            yield "no subscription: existing plans and add-ons stay as they were"


async def outlook(engine: AsyncEngine, catalog: Catalog) -> Outlook:
    """Return what publishing a catalog would change.

    Raises:
        GatewayUnavailable: the database cannot be reached, or is not migrated.
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
    """Reject changes in place to what a published version must keep.

    Raises:
        Rejected: code `not_in_place`, listing every such change.
    """
    wrong = [f"a price never changes: {one}" for one in outlook.changes.repriced]
    wrong += [
        f"overage of {one} would go unbilled: running subscriptions have no metered price for it"
        for one in outlook.changes.overage_added
    ]
    wrong += [
        f"plan {code} is removed, and its subscribers would be entitled to nothing"
        for code in outlook.changes.gone_plans
    ]
    if wrong:
        lines = "".join(f"\n  {one}" for one in wrong)
        raise Rejected(
            f"{outlook.catalog.name} cannot be changed in place: raise its version{lines}",
            code="not_in_place",
        )
