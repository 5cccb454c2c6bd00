"""What products are shown of a customer's entitlements and use."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from api.http.errors import Problem
from domain.access import Basis
from domain.catalog.features import Feature, FeatureKind, Overage, UsageWindow, Value
from domain.catalog.plans import Catalog, Interval, Plan
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import Denial, EntitlementSnapshot
from domain.entitlements.suggestions import Suggestion
from domain.entitlements.usage import Counter, UsageLevel, grace_ends, share

ValueView = bool | int | str | list[str] | None


class PlanRef(BaseModel):
    """The plan that entitles, and the version of the catalog whose it is."""

    code: str = Field(examples=["pro"])
    name: str = Field(examples=["Pro"])
    catalog: str = Field(examples=["social_v1"])

    @classmethod
    def of(cls, snapshot: EntitlementSnapshot) -> "PlanRef | None":
        code = snapshot.standing.plan
        if code is None:
            return None
        plan = snapshot.plan
        return cls(code=code, name=plan.name if plan is not None else code, catalog=snapshot.catalog.name)


class PlanName(BaseModel):
    """A plan that has something."""

    code: str = Field(examples=["pro"])
    name: str = Field(examples=["Pro"])

    @classmethod
    def all(cls, plans: Iterable[Plan]) -> "list[PlanName]":
        return [cls(code=plan.code, name=plan.name) for plan in plans]


class SubscriptionRef(BaseModel):
    """The subscription behind it: the live one, else the last."""

    id: str
    status: str = Field(examples=["active"])
    access: str = Field(examples=["full"])

    @classmethod
    def of(cls, standing: EntitlementBasis) -> "SubscriptionRef | None":
        if standing.subscription is None:
            return None
        return cls(id=standing.subscription, status=standing.status or "", access=standing.access or "")


class UpgradeSuggestionView(BaseModel):
    """Something to buy that would allow more: a plan, or units of an add-on."""

    plan: str | None = Field(description="null: it is an add-on", examples=["pro"])
    add_on: str | None = Field(default=None, description="null: it is a plan")
    units: int | None = Field(default=None, description="so many more of the add-on")
    add_ons: dict[str, int] = Field(default_factory=dict, description="units that it takes besides the plan")
    name: str = Field(examples=["Pro"])
    interval: Interval
    amount: int = Field(description="minor units: what a period costs then, or what these units cost", examples=[7900])
    currency: str = Field(examples=["usd"])
    price_difference: int | None = Field(
        description="minor units a period more than now; null: what is paid now is billed by another interval",
        examples=[5000],
    )
    value: ValueView = Field(description="what there would be of the feature; null: unlimited, or none")
    limit: int | None = Field(description="as a number; null: unlimited, or no number", examples=[50])
    unlimited: bool

    @classmethod
    def of(cls, it: Suggestion, feature: Feature) -> "UpgradeSuggestionView":
        is_add_on = it.units > 0
        return cls(
            plan=None if is_add_on else it.code,
            add_on=it.code if is_add_on else None,
            units=it.units or None,
            add_ons=dict(it.with_add_ons),
            name=it.name,
            interval=it.interval,
            amount=it.price.amount,
            currency=it.price.currency,
            price_difference=it.difference.amount if it.difference is not None else None,
            value=shown(it.value),
            limit=number_of(it.value, feature),
            unlimited=feature.kind is FeatureKind.NUMBER and it.value is None,
        )


class OverageView(BaseModel):
    """What use beyond the limit costs."""

    amount: int = Field(description="minor units for so many `units`", examples=[200])
    currency: str = Field(examples=["usd"])
    units: int = Field(examples=[1000])
    at_most: int | None = Field(description="units beyond the limit at which use is refused all the same; null: none")

    @classmethod
    def of(cls, overage: Overage | None) -> "OverageView | None":
        if overage is None:
            return None
        price = overage.price
        return cls(amount=price.amount, currency=price.currency, units=overage.units, at_most=overage.at_most)


class UsageCountView(BaseModel):
    """How much of something was used, and how much may be."""

    limit: int | None = Field(description="null: unlimited, or nothing is counted", examples=[100])
    unlimited: bool
    used: int | None = Field(description="in the period that goes on; null: nothing is counted", examples=[80])
    remaining: int | None = Field(description="until the limit; null: without end", examples=[20])
    percent: int | None = Field(description="of the limit, rounded down; null: there is none", examples=[80])
    level: UsageLevel | None = Field(description="how near the limit; null: there is none, or nothing is in the plan")
    window: UsageWindow | None = Field(description="over which time it is counted; null: it is not")
    resets_at: datetime | None = Field(description="when it starts anew; null: it does not")
    grace_ends_at: datetime | None = Field(description="until when use beyond the limit is let pass")


class FeatureUsageView(UsageCountView):
    """One feature's use in the period that goes on."""

    feature: str = Field(examples=["images_per_month"])
    name: str = Field(examples=["Images a month"])
    meter: str = Field(description="what is counted; features of one meter are used up together")
    starts_at: datetime | None = Field(description="when the period began; null: it is how much there is now")

    @classmethod
    def of(cls, snapshot: EntitlementSnapshot, feature: Feature, counter: Counter) -> Self:
        return cls(
            feature=feature.code,
            name=feature.name,
            meter=feature.meter,
            starts_at=counter.starts,
            **count(snapshot, feature, counter),
        )


class EntitlementOwnerView(BaseModel):
    """Whose entitlements they are, and what they come from."""

    customer: str = Field(description="the product's own id for them", examples=["user-1815"])
    plan: PlanRef | None = Field(description="null: nothing entitles")
    basis: Basis


class EntitlementView(UsageCountView):
    """What a customer has of one feature, and whether they may use it now."""

    feature: str = Field(examples=["image_models"])
    name: str = Field(examples=["Image models"])
    kind: FeatureKind
    allowed: bool = Field(description="whether what was asked for may be used now; of what is counted, one more")
    reason: Denial | None = Field(description="why not")
    detail: str | None = Field(description="the same in words")
    limited_by: str | None = Field(
        description="the feature that stands in the way, if it is another one of the same meter; `detail`, `plans` and "
        "`upgrades` are about it"
    )
    value: ValueView = Field(description="what there is of it; null: unlimited, or none of a level")
    overage: OverageView | None = Field(description="what use beyond the limit costs; null: it is not let pass so")
    plans: list[PlanName] = Field(
        description="that have what was asked for; where it may not be used, that would allow it beside what is used"
    )
    available: list[str] = Field(description="of a level or a set, what there is now")
    upgrades: list[UpgradeSuggestionView] = Field(description="what would allow more, when that is needed or near")


class EntitlementsView(EntitlementOwnerView):
    """Everything a customer is entitled to."""

    subscription: SubscriptionRef | None
    entitlements: dict[str, EntitlementView] = Field(description="by feature")


class EntitlementCheckResult(EntitlementView, EntitlementOwnerView):
    """Whether a customer may use something."""

    subscription: SubscriptionRef | None


class CustomerUsageView(EntitlementOwnerView):
    """What a customer has used."""

    usage: dict[str, FeatureUsageView] = Field(description="by feature, of those that are counted")


class ReleaseResult(BaseModel):
    """A use of a counter that was given back; the same whenever it is asked for again."""

    released: int = Field(
        description="so much was taken off: the use's quantity, or 0 where an operator has had it count from 0 since"
    )
    used: int = Field(description="in the period, when it was given back")


class ConsumeResult(UsageCountView, EntitlementOwnerView):
    """What was used up, and where that leaves the customer."""

    allowed: bool = True
    repeated: bool = Field(description="counted before under this key; nothing was counted again")
    feature: str = Field(examples=["images_per_month"])
    meter: str | None = Field(description="what was counted; null: nothing is counted of it")
    quantity: int
    key: str
    hint: str | None = Field(description="what to tell a customer who comes near a limit")
    upgrades: list[UpgradeSuggestionView] = Field(description="what would allow more, as soon as there is a hint")
    limits: list[FeatureUsageView] = Field(description="every feature that the meter uses up")


class DenialView(UsageCountView, EntitlementOwnerView):
    """What comes with a refusal: how much was used, and what would help."""

    feature: str = Field(description="the one whose limit is reached, or that is not in the plan")
    plans: list[PlanName] = Field(description="that would allow it, beside what is used")
    available: list[str] = Field(description="of a level or a set, what there is now")
    upgrades: list[UpgradeSuggestionView]


class DenialProblem(DenialView, Problem):
    """Why something may not be used."""


def shown(value: Value) -> ValueView:
    return list(value) if isinstance(value, tuple) else None if value == "" else value


def number_of(value: Value, feature: Feature) -> int | None:
    return value if feature.kind is FeatureKind.NUMBER and isinstance(value, int) else None


def available(feature: Feature, value: Value) -> list[str]:
    """What can be used now of a level or a set: of a level, itself and all below it."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and value in feature.values:
        return list(feature.values[: feature.values.index(value) + 1])
    return []


def count(snapshot: EntitlementSnapshot, feature: Feature, counter: Counter) -> dict[str, Any]:
    """The fields of a `UsageCountView`."""
    limit, is_in_plan = counter.included, counter.included != 0
    return {
        "limit": limit,
        "unlimited": limit is None,
        "used": counter.used,
        "remaining": None if limit is None else max(0, limit - counter.used),
        "percent": share(counter.used, limit) if is_in_plan else None,
        "level": snapshot.level(counter, feature) if is_in_plan and limit is not None else None,
        "window": feature.window,
        "resets_at": counter.ends,
        "grace_ends_at": grace_ends(counter.over_since, feature.limit) if snapshot.overage(feature) is None else None,
    }


def not_counted(feature: Feature, value: Value) -> dict[str, Any]:
    """The fields of a `UsageCountView` of a feature that is not counted."""
    return {
        "limit": number_of(value, feature),
        "unlimited": feature.kind is FeatureKind.NUMBER and value is None,
        **dict.fromkeys(("used", "remaining", "percent", "level", "window", "resets_at", "grace_ends_at")),
    }


def names_known(catalogs: Iterable[Catalog]) -> list[str]:
    """All that may be asked for: features and meters."""
    known: dict[str, None] = {}
    for catalog in catalogs:
        for code, feature in catalog.features.items():
            known[code] = None
            if feature.meter:
                known[feature.meter] = None
    return list(known)
