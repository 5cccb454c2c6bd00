"""Looks up a customer's entitlements for a request, and features by name."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request

from api.entitlements.views import names_known
from api.http.dependencies import AppDependencies, Repositories, dependencies_of, repositories_of
from domain.catalog.features import Feature, FeatureKind, features_of
from domain.catalog.plans import Catalog
from domain.did_you_mean import near
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import Counted, Tally, UsageChange
from domain.errors import GatewayUnavailable, Malformed, Rejected


@dataclass(frozen=True)
class EntitlementLookup:
    """Looks up customers' entitlements."""

    dependencies: AppDependencies
    repositories: Repositories

    async def of(self, tenant: str, customer: str) -> EntitlementSnapshot:
        """Return what a customer has now; an unknown customer has the free plan."""
        standing, tallies = await self.repositories.usage.standing(
            customer, self.dependencies.entitlement_rules, tenant=tenant
        )
        return await self.at(standing, tallies)

    async def at(self, standing: EntitlementBasis, tallies: tuple[Tally, ...] = ()) -> EntitlementSnapshot:
        """Return the snapshot for a customer's basis.

        Raises:
            GatewayUnavailable: no catalog is published yet, so no plan is known.
        """
        if standing.plan is not None and standing.revision is None:
            raise GatewayUnavailable(self.repositories.crossings.offer.reason_unpublished, code="catalog_unpublished")
        own = await self.catalog_named(standing.catalog, revision=standing.revision)
        return EntitlementSnapshot(standing, own, self.dependencies.catalog, tallies)

    async def settle(
        self, use: UsageChange, name: str, counted: Counted, tenant: str
    ) -> tuple[Counted, EntitlementSnapshot]:
        """Return the outcome of a usage and the customer's entitlements; triggers notices of crossed thresholds.

        If the customer's own catalog counts *name* by another meter, the usage is counted there.
        """
        snapshot = await self.at(counted.standing)
        own = metered(name, snapshot.catalog)
        if not counted.counters and own is not None and own.window is not None and own.meter != use.meter:
            use = replace(use, meter=own.meter)
            counted = await self.repositories.usage.use(use, self.dependencies.entitlement_rules, tenant=tenant)
        if counted.noticed:
            self.repositories.crossings.notices.nudge()
        return counted, snapshot

    async def catalog_named(self, name: str | None, *, revision: int | None = None) -> Catalog:
        """Return the catalog of this name, or today's if none was published."""
        today = self.dependencies.catalog
        if not name:
            return today
        # Even today's is read as published: it may have changed in place since this process started.
        return await self.repositories.catalogs.get(name, revision=revision) or today


async def _entitlements(request: Request) -> EntitlementLookup:
    return EntitlementLookup(dependencies_of(request), repositories_of(request))


WithEntitlements = Annotated[EntitlementLookup, Depends(_entitlements)]


def feature_named(name: str, snapshot: EntitlementSnapshot) -> Feature:
    """Return the feature by its code, or by a meter that only it uses.

    Raises:
        Rejected: code `unknown_feature`, with similar names or those of the meter's features.
    """
    found = snapshot.features.get(name)
    if found is not None:
        return found
    together = features_of(name, snapshot.features)
    if not together:
        raise unknown_feature(name, snapshot.catalog, snapshot.today)
    if len(together) > 1:
        codes = [one.code for one in together]
        raise Rejected(
            f"{name!r} is a meter of several features: use {' or '.join(codes)}",
            code="unknown_feature",
            details={"near": codes},
        )
    return together[0]


def metered(name: str, catalog: Catalog) -> Feature | None:
    """Return the feature with this code or meter, or None if the catalog has neither."""
    named = catalog.features.get(name)
    if named is not None:
        return named
    return next(iter(features_of(name, catalog.features)), None)


def unknown_feature(name: str, *catalogs: Catalog) -> Rejected:
    """Return the error for an unknown name, with similar ones."""
    known = names_known(catalogs)
    likely = near(name, known)
    if likely:
        hint = f"did you mean {' or '.join(repr(one) for one in likely)}?"
    else:
        hint = f"known: {', '.join(known)}" if known else "the catalog declares none"
    return Rejected(
        f"there is no feature or meter {name[:64]!r}; {hint}", code="unknown_feature", details={"near": likely}
    )


def check_quantity(quantity: int | None, feature: Feature) -> None:
    """Reject a quantity of a feature that has no number.

    Raises:
        Malformed: field `quantity`.
    """
    if quantity not in (None, 1) and feature.kind not in (FeatureKind.NUMBER, FeatureKind.RATE):
        raise Malformed(f"{feature.code} is a {feature.kind}: it has no quantity", field="quantity")


def check_value(value: str | None, feature: Feature) -> None:
    """Reject a value that the feature cannot have.

    Raises:
        Malformed: field `value`.
    """
    if value is None:
        return
    if feature.kind not in (FeatureKind.LEVEL, FeatureKind.SET):
        raise Malformed(f"{feature.code} is a {feature.kind}: only levels and sets have values", field="value")
    if value not in feature.values:
        likely = near(value, feature.values) or list(feature.values)
        raise Malformed(
            f"{value[:64]!r} is not a value of {feature.code}; use one of {', '.join(likely)}", field="value"
        )
