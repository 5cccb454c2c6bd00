"""Responses about a customer's entitlements and usage."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from fastapi import Response
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
    """The plan that entitles the customer, and its catalog version."""

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
    """A plan by its code and name."""

    code: str = Field(examples=["pro"])
    name: str = Field(examples=["Pro"])

    @classmethod
    def all(cls, plans: Iterable[Plan]) -> "list[PlanName]":
        return [cls(code=plan.code, name=plan.name) for plan in plans]


class SubscriptionRef(BaseModel):
    """The subscription behind the entitlements: the live one, or else the last."""

    id: str
    status: str = Field(examples=["active"])
    access: str = Field(examples=["full"])

    @classmethod
    def of(cls, standing: EntitlementBasis) -> "SubscriptionRef | None":
        if standing.subscription is None:
            return None
        return cls(id=standing.subscription, status=standing.status or "", access=standing.access or "")


class UpgradeSuggestionView(BaseModel):
    """An upgrade that would allow more: a plan, or units of an add-on."""

    plan: str | None = Field(description="null for an add-on", examples=["pro"])
    add_on: str | None = Field(default=None, description="null for a plan")
    units: int | None = Field(default=None, description="additional units of the add-on")
    add_ons: dict[str, int] = Field(default_factory=dict, description="add-on units needed with the plan")
    name: str = Field(examples=["Pro"])
    interval: Interval
    amount: int = Field(
        description="minor units per period: of the plan as a whole, or of these add-on units", examples=[7900]
    )
    currency: str = Field(examples=["usd"])
    price_difference: int | None = Field(
        description="minor units per period more than now; null if the current interval differs",
        examples=[5000],
    )
    value: ValueView = Field(description="value of the feature after the upgrade; null if unlimited, or none")
    limit: int | None = Field(description="the value as a number; null if unlimited, or not a number", examples=[50])
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
    """The price of usage beyond the limit."""

    amount: int = Field(description="minor units per `units`", examples=[200])
    currency: str = Field(examples=["usd"])
    units: int = Field(examples=[1000])
    at_most: int | None = Field(description="units beyond the limit from which on usage is refused; null if never")

    @classmethod
    def of(cls, overage: Overage | None) -> "OverageView | None":
        if overage is None:
            return None
        price = overage.price
        return cls(amount=price.amount, currency=price.currency, units=overage.units, at_most=overage.at_most)


class UsageCountView(BaseModel):
    """How much was used, and how much may be."""

    limit: int | None = Field(description="null if unlimited or not counted", examples=[100])
    unlimited: bool
    used: int | None = Field(description="in the current period; null if not counted", examples=[80])
    remaining: int | None = Field(description="up to the limit; null if unlimited", examples=[20])
    percent: int | None = Field(description="of the limit, rounded down; null if there is no limit", examples=[80])
    level: UsageLevel | None = Field(
        description="how near the limit; null if there is no limit, or the plan does not include it"
    )
    window: UsageWindow | None = Field(description="period over which it is counted; null if it is not")
    resets_at: datetime | None = Field(description="when the count resets; null if it does not")
    grace_ends_at: datetime | None = Field(
        description="until when usage beyond the limit is allowed; null if it is not, or if the count resets before"
    )


class FeatureUsageView(UsageCountView):
    """Usage of one feature in the current period."""

    feature: str = Field(examples=["images_per_month"])
    name: str = Field(examples=["Images a month"])
    meter: str = Field(description="what is counted; features with the same meter are consumed together")
    starts_at: datetime | None = Field(description="start of the period; null for a gauge")

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
    """Whose entitlements these are, and what they come from."""

    customer: str = Field(description="the product's own id of the customer", examples=["user-1815"])
    plan: PlanRef | None = Field(description="null if there is none")
    basis: Basis


class EntitlementView(UsageCountView):
    """What a customer has of one feature, and whether they may use it now."""

    feature: str = Field(examples=["image_models"])
    name: str = Field(examples=["Image models"])
    kind: FeatureKind
    allowed: bool = Field(
        description="whether the requested amount may be used now; for a counted feature, one more by default"
    )
    reason: Denial | None = Field(description="why it is not allowed")
    detail: str | None = Field(description="the reason in words")
    refusal_status: int | None = Field(
        default=None, description="HTTP status with which consuming it would be refused; null if it is allowed"
    )
    retry_at: datetime | None = Field(
        default=None, description="when waiting helps: the count that blocks it resets; null if it does not"
    )
    limited_by: str | None = Field(
        description="another feature of the same meter whose limit blocks this one; `detail`, `plans` and `upgrades` "
        "refer to it"
    )
    value: ValueView = Field(description="the value in effect; null if unlimited, or a level that is not included")
    overage: OverageView | None = Field(description="price of usage beyond the limit; null if it is not sold")
    plans: list[PlanName] = Field(
        description="plans that include the requested amount; if it is denied, on top of current usage"
    )
    available: list[str] = Field(description="for a level or a set, the values that may be used")
    upgrades: list[UpgradeSuggestionView] = Field(
        description="what would allow more, if it is denied or near the limit"
    )


class EntitlementsView(EntitlementOwnerView):
    """All entitlements of a customer."""

    subscription: SubscriptionRef | None
    entitlements: dict[str, EntitlementView] = Field(description="by feature")


class EntitlementCheckResult(EntitlementView, EntitlementOwnerView):
    """Whether a customer may use a feature."""

    subscription: SubscriptionRef | None


class CustomerUsageView(EntitlementOwnerView):
    """A customer's usage in the current periods."""

    usage: dict[str, FeatureUsageView] = Field(description="by counted feature")


class ReleaseResult(BaseModel):
    """Usage of a counter that was given back; a repeat returns the same."""

    released: int = Field(
        description="how much was taken off: the quantity of the usage, or 0 if an operator has reset the counter since"
    )
    used: int = Field(description="in the period, after it was given back")


class ConsumeResult(UsageCountView, EntitlementOwnerView):
    """What was consumed, and what is left."""

    allowed: bool = True
    repeated: bool = Field(description="true if this key was counted before; nothing was counted again")
    feature: str = Field(examples=["images_per_month"])
    meter: str | None = Field(description="what was counted; null if the feature is not counted")
    quantity: int
    key: str
    hint: str | None = Field(description="a message for a customer near a limit")
    upgrades: list[UpgradeSuggestionView] = Field(description="what would allow more; present with a hint")
    limits: list[FeatureUsageView] = Field(description="every feature that the meter counts towards")


class DenialView(UsageCountView, EntitlementOwnerView):
    """The details of a refusal: how much was used, and what would help."""

    feature: str = Field(description="the feature whose limit is reached, or that the plan does not include")
    plans: list[PlanName] = Field(description="plans that would allow it, on top of current usage")
    available: list[str] = Field(description="for a level or a set, the values that may be used")
    upgrades: list[UpgradeSuggestionView]


class DenialProblem(DenialView, Problem):
    """Why usage was denied."""


def shown(value: Value) -> ValueView:
    return list(value) if isinstance(value, tuple) else None if value == "" else value


def number_of(value: Value, feature: Feature) -> int | None:
    return value if feature.kind is FeatureKind.NUMBER and isinstance(value, int) else None


def available(feature: Feature, value: Value) -> list[str]:
    """The values that may be used: for a level, itself and all below it."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and value in feature.values:
        return list(feature.values[: feature.values.index(value) + 1])
    return []


def count(snapshot: EntitlementSnapshot, feature: Feature, counter: Counter) -> dict[str, Any]:
    """The fields of a `UsageCountView`."""
    limit, is_in_plan = counter.included, counter.included != 0
    grace = grace_ends(counter.over_since, feature.limit, counter.ends)
    return {
        "limit": limit,
        "unlimited": limit is None,
        "used": counter.used,
        "remaining": None if limit is None else max(0, limit - counter.used),
        "percent": share(counter.used, limit) if is_in_plan else None,
        "level": snapshot.level(counter, feature) if is_in_plan and limit is not None else None,
        "window": feature.window,
        "resets_at": counter.ends,
        "grace_ends_at": grace if snapshot.overage(feature) is None else None,
    }


def not_counted(feature: Feature, value: Value) -> dict[str, Any]:
    """The fields of a `UsageCountView` of a feature that is not counted."""
    return {
        "limit": number_of(value, feature),
        "unlimited": feature.kind is FeatureKind.NUMBER and value is None,
        **dict.fromkeys(("used", "remaining", "percent", "level", "window", "resets_at", "grace_ends_at")),
    }


def names_known(catalogs: Iterable[Catalog]) -> list[str]:
    """The names of all features and meters."""
    known: dict[str, None] = {}
    for catalog in catalogs:
        for code, feature in catalog.features.items():
            known[code] = None
            if feature.meter:
                known[feature.meter] = None
    return list(known)


def as_json(view: BaseModel) -> Response:
    """Serialize the view directly: FastAPI would validate it again, which is too slow for hot paths."""
    return Response(view.model_dump_json(), media_type="application/json")
