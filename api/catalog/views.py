"""Responses about the catalog: plans, what each includes, and comparisons."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from api.entitlements.views import OverageView, ValueView, shown
from api.http.errors import STATUS_OF_CODE
from domain.catalog.comparison import ComparisonVerdict, FeatureLine, PriceLine, priced, side_by_side
from domain.catalog.features import Feature, FeatureKind, LimitRule, UsageWindow, Value
from domain.catalog.plans import AddOn, Catalog, Interval, Plan
from domain.money import Money


class PriceView(BaseModel):
    """An amount in the currency's minor unit: 4900 usd is 49 dollars."""

    amount: int = Field(examples=[4900])
    currency: str = Field(examples=["usd"])

    @classmethod
    def of(cls, money: Money) -> "PriceView":
        return cls(amount=money.amount, currency=money.currency)


class AddOnView(BaseModel):
    """Sold by the unit on top of a plan."""

    code: str = Field(examples=["users"])
    name: str
    prices: dict[Interval, PriceView]
    adds: dict[str, int] = Field(description="by feature: how much one unit adds to the plan's number")

    @classmethod
    def of(cls, add_on: AddOn) -> "AddOnView":
        prices = _prices(add_on.prices.items())
        return cls(code=add_on.code, name=add_on.name, prices=prices, adds=dict(add_on.adds))


class LimitRuleView(BaseModel):
    """What happens near and beyond a limit, in percent of it."""

    warn: int = Field(description="from here on, responses carry a hint", examples=[80])
    mails: list[int] = Field(description="thresholds at which the customer gets a mail", examples=[[90, 100]])
    hard: int | None = Field(description="maximum usage; null if usage is never refused", examples=[110])
    grace_days: int = Field(description="days for which usage may continue beyond 100 %", examples=[7])
    status: int = Field(description="HTTP status of a refusal: 429 or 402", examples=[429])

    @classmethod
    def of(cls, rule: LimitRule) -> "LimitRuleView":
        return cls(
            warn=rule.warn,
            mails=list(rule.mails),
            hard=rule.hard,
            grace_days=rule.grace_days,
            status=STATUS_OF_CODE["quota_used_up" if rule.is_for_sale else "limit_reached"],
        )


class FeatureView(BaseModel):
    """Something in which plans differ."""

    code: str = Field(examples=["images_per_month"])
    name: str = Field(examples=["Images a month"])
    kind: FeatureKind
    values: list[str] = Field(description="for a level, from lowest to highest; for a set, all members")
    window: UsageWindow | None = Field(description="period over which usage is counted; null if it is not counted")
    meter: str | None = Field(description="what is counted; features with the same meter are consumed together")
    per_unit: bool = Field(description="whether a plan's number applies per unit of the subscription's quantity")
    limits: LimitRuleView | None = Field(description="null if usage is not counted")

    @classmethod
    def of(cls, feature: Feature) -> "FeatureView":
        is_counted = feature.window is not None
        return cls(
            code=feature.code,
            name=feature.name,
            kind=feature.kind,
            values=list(feature.values),
            window=feature.window,
            meter=feature.meter or None,
            per_unit=feature.per_unit,
            limits=LimitRuleView.of(feature.limit) if is_counted else None,
        )


class PlanEntitlementView(BaseModel):
    """What a plan includes of one feature."""

    feature: str = Field(examples=["images_per_month"])
    name: str = Field(examples=["Images a month"])
    kind: FeatureKind
    value: ValueView = Field(description="a switch, number, level, set or multiplier; null if unlimited")
    unlimited: bool
    window: UsageWindow | None = Field(description="period over which usage is counted; null if it is not counted")
    per_unit: bool = Field(description="whether the number applies per unit of the subscription's quantity")
    limits: LimitRuleView | None = Field(description="what happens near the limit; null if usage is not counted")
    overage: OverageView | None = Field(description="price of usage beyond the limit; null if it is not sold")

    @classmethod
    def of(cls, plan: Plan, feature: Feature, value: Value) -> "PlanEntitlementView":
        return cls(
            feature=feature.code,
            name=feature.name,
            kind=feature.kind,
            value=shown(value),
            unlimited=value is None,
            window=feature.window,
            per_unit=feature.per_unit,
            limits=LimitRuleView.of(feature.limit) if feature.window is not None else None,
            overage=OverageView.of(plan.overage.get(feature.code)),
        )


class PlanView(BaseModel):
    """A plan; without prices it is free."""

    code: str = Field(examples=["starter"])
    name: str = Field(examples=["Starter"])
    description: str
    trial_days: int = Field(description="0 if there is no trial", examples=[14])
    hidden: bool = Field(description="true if it is not for sale: those who have it keep it")
    prices: dict[Interval, PriceView]
    entitlements: dict[str, PlanEntitlementView] = Field(description="by feature")
    overage: dict[str, OverageView] = Field(description="by feature: the price of usage beyond its limit")
    upgrades_to: list[str] | None = Field(
        description="suggested upgrades, best first; null if every more expensive plan is one"
    )

    @classmethod
    def of(cls, plan: Plan, catalog: Catalog, default_trial_days: int) -> "PlanView":
        given = plan.entitlements
        costs = {code: OverageView.of(overage) for code, overage in plan.overage.items()}
        return cls(
            code=plan.code,
            name=plan.name,
            description=plan.description,
            trial_days=trial_days_of(plan, default_trial_days),
            hidden=plan.is_hidden,
            prices=_prices(plan.prices.items()),
            entitlements={
                code: PlanEntitlementView.of(plan, feature, given[code]) for code, feature in catalog.features.items()
            },
            overage={code: cost for code, cost in costs.items() if cost is not None},
            upgrades_to=None if plan.upgrades_to is None else list(plan.upgrades_to),
        )


class CatalogView(BaseModel):
    """All plans, add-ons and features."""

    product: str
    version: int
    currency: str
    data: list[PlanView]
    add_ons: list[AddOnView]
    features: list[FeatureView] = Field(description="in display order")

    @classmethod
    def of(cls, catalog: Catalog, default_trial_days: int) -> "CatalogView":
        return cls(
            product=catalog.product,
            version=catalog.version,
            currency=catalog.currency,
            data=[PlanView.of(plan, catalog, default_trial_days) for plan in catalog.plans.values()],
            add_ons=[AddOnView.of(add_on) for add_on in catalog.add_ons.values()],
            features=[FeatureView.of(feature) for feature in catalog.features.values()],
        )


class ComparedPlanView(BaseModel):
    """One side of a comparison."""

    code: str = Field(examples=["starter"])
    name: str = Field(examples=["Starter"])


class ComparedPriceView(BaseModel):
    """What two plans cost at one interval."""

    interval: Interval
    # `from` is a Python keyword.
    before: PriceView | None = Field(serialization_alias="from", description="null if not sold at this interval")
    after: PriceView | None = Field(serialization_alias="to", description="null if not sold at this interval")
    difference: int | None = Field(
        description="minor units that `to` costs more; null if one is not sold at this interval", examples=[15000]
    )
    currency: str = Field(examples=["usd"])

    @classmethod
    def of(cls, line: PriceLine, currency: str) -> "ComparedPriceView":
        return cls(
            interval=line.interval,
            before=PriceView.of(line.before) if line.before else None,
            after=PriceView.of(line.after) if line.after else None,
            difference=line.difference,
            currency=currency,
        )


class ComparedFeatureView(BaseModel):
    """One feature in two plans."""

    feature: str = Field(examples=["users"])
    name: str = Field(examples=["Users"])
    kind: FeatureKind
    window: UsageWindow | None
    before: ValueView = Field(serialization_alias="from", description="null if unlimited", examples=[3])
    after: ValueView = Field(serialization_alias="to", description="null if unlimited", examples=[25])
    change: ComparisonVerdict = Field(description="`to` compared with `from`; a set that loses a member is worse")

    @classmethod
    def of(cls, line: FeatureLine) -> "ComparedFeatureView":
        feature = line.feature
        return cls(
            feature=feature.code,
            name=feature.name,
            kind=feature.kind,
            window=feature.window,
            before=shown(line.before),
            after=shown(line.after),
            change=line.verdict,
        )


class PlanComparisonView(BaseModel):
    """Two plans side by side."""

    before: ComparedPlanView = Field(serialization_alias="from")
    after: ComparedPlanView = Field(serialization_alias="to")
    prices: list[ComparedPriceView]
    features: list[ComparedFeatureView] = Field(description="every feature, in display order")

    @classmethod
    def of(cls, catalog: Catalog, before: Plan, after: Plan) -> "PlanComparisonView":
        return cls(
            before=ComparedPlanView(code=before.code, name=before.name),
            after=ComparedPlanView(code=after.code, name=after.name),
            prices=[ComparedPriceView.of(line, catalog.currency) for line in priced(catalog, before, after)],
            features=[ComparedFeatureView.of(line) for line in side_by_side(catalog, before, after)],
        )


def trial_days_of(plan: Plan, default: int) -> int:
    """Return the days of trial that a sign-up for a plan begins with."""
    if plan.is_free:
        return 0
    return default if plan.trial_days is None else plan.trial_days


def _prices(prices: Iterable[tuple[Interval, Money]]) -> dict[Interval, PriceView]:
    return {interval: PriceView.of(money) for interval, money in prices}
