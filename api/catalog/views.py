"""What callers are shown of a catalog: plans, what each gives, and two of them side by side."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from api.entitlements.views import OverageView, ValueView, shown
from api.http.errors import STATUS_OF_CODE
from domain.catalog.comparison import ComparisonVerdict, FeatureLine, PriceLine, priced, side_by_side
from domain.catalog.features import Feature, FeatureKind, LimitRule, UsageWindow, Value
from domain.catalog.plans import AddOn, Catalog, Interval, Plan
from domain.money import Money


class PriceView(BaseModel):
    """An amount in the currency's minor unit: 4900 usd is forty-nine dollars."""

    amount: int = Field(examples=[4900])
    currency: str = Field(examples=["usd"])

    @classmethod
    def of(cls, money: Money) -> "PriceView":
        return cls(amount=money.amount, currency=money.currency)


class AddOnView(BaseModel):
    """Something sold by the unit on top of a plan."""

    code: str = Field(examples=["users"])
    name: str
    prices: dict[Interval, PriceView]
    adds: dict[str, int] = Field(description="by feature, what one unit adds to the plan's number")

    @classmethod
    def of(cls, add_on: AddOn) -> "AddOnView":
        prices = _prices(add_on.prices.items())
        return cls(code=add_on.code, name=add_on.name, prices=prices, adds=dict(add_on.adds))


class LimitRuleView(BaseModel):
    """What happens near a limit, in percent of it."""

    warn: int = Field(description="from here on answers carry a hint", examples=[80])
    mails: list[int] = Field(description="where the customer is written to", examples=[[90, 100]])
    hard: int | None = Field(description="how far use may go; null: it is never refused", examples=[110])
    grace_days: int = Field(description="how long use may go on beyond 100 %", examples=[7])
    status: int = Field(description="of a refusal: 429 or 402", examples=[429])

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
    """Something that plans differ in."""

    code: str = Field(examples=["images_per_month"])
    name: str = Field(examples=["Images a month"])
    kind: FeatureKind
    values: list[str] = Field(description="of a level from the least to the most, or of a set")
    window: UsageWindow | None = Field(description="over which time use is counted; null: it is not counted")
    meter: str | None = Field(description="what is counted; features of one meter are used up together")
    per_unit: bool = Field(description="whether a plan's number is for each unit of the subscription's quantity")
    limits: LimitRuleView | None = Field(description="null: it is not counted")

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
    """What a plan gives of one feature."""

    feature: str = Field(examples=["images_per_month"])
    name: str = Field(examples=["Images a month"])
    kind: FeatureKind
    value: ValueView = Field(description="a switch, a number, a level, a set, or a multiplier; null: unlimited")
    unlimited: bool
    window: UsageWindow | None = Field(description="over which time use is counted; null: it is not counted")
    per_unit: bool = Field(description="whether the number is for each unit of the subscription's quantity")
    limits: LimitRuleView | None = Field(description="what happens near the limit; null: it is not counted")
    overage: OverageView | None = Field(description="what use beyond the limit costs; null: it is not sold")

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
    """One plan; without prices it is free."""

    code: str = Field(examples=["starter"])
    name: str = Field(examples=["Starter"])
    description: str
    trial_days: int = Field(description="0: it is not tried out", examples=[14])
    prices: dict[Interval, PriceView]
    entitlements: dict[str, PlanEntitlementView] = Field(description="what it gives of every feature")
    overage: dict[str, OverageView] = Field(description="by feature, what use beyond its limit costs")
    upgrades_to: list[str] | None = Field(description="suggested upgrades, best first; null: every dearer plan")

    @classmethod
    def of(cls, plan: Plan, catalog: Catalog, default_trial_days: int) -> "PlanView":
        given = plan.entitlements
        costs = {code: OverageView.of(overage) for code, overage in plan.overage.items()}
        return cls(
            code=plan.code,
            name=plan.name,
            description=plan.description,
            trial_days=_trial_days(plan, default_trial_days),
            prices=_prices(plan.prices.items()),
            entitlements={
                code: PlanEntitlementView.of(plan, feature, given[code]) for code, feature in catalog.features.items()
            },
            overage={code: cost for code, cost in costs.items() if cost is not None},
            upgrades_to=None if plan.upgrades_to is None else list(plan.upgrades_to),
        )


class CatalogView(BaseModel):
    """Everything for sale."""

    product: str
    version: int
    currency: str
    data: list[PlanView]
    add_ons: list[AddOnView]
    features: list[FeatureView] = Field(description="what the plans differ in, in the order to show it")

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
    """What two plans cost by one interval."""

    interval: Interval
    # `from` is a word of Python's.
    before: PriceView | None = Field(serialization_alias="from", description="null: not sold by this interval")
    after: PriceView | None = Field(serialization_alias="to", description="null: not sold by this interval")
    difference: int | None = Field(
        description="minor units that `to` costs more; null: one of them is not sold by this interval", examples=[15000]
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
    """One feature as two plans give it."""

    feature: str = Field(examples=["users"])
    name: str = Field(examples=["Users"])
    kind: FeatureKind
    window: UsageWindow | None
    before: ValueView = Field(serialization_alias="from", description="null: unlimited", examples=[3])
    after: ValueView = Field(serialization_alias="to", description="null: unlimited", examples=[25])
    change: ComparisonVerdict = Field(description="what `to` is, seen from `from`; a set that loses something is worse")

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
    features: list[ComparedFeatureView] = Field(description="every feature, in the order to show it")

    @classmethod
    def of(cls, catalog: Catalog, before: Plan, after: Plan) -> "PlanComparisonView":
        return cls(
            before=ComparedPlanView(code=before.code, name=before.name),
            after=ComparedPlanView(code=after.code, name=after.name),
            prices=[ComparedPriceView.of(line, catalog.currency) for line in priced(catalog, before, after)],
            features=[ComparedFeatureView.of(line) for line in side_by_side(catalog, before, after)],
        )


def _trial_days(plan: Plan, default: int) -> int:
    if plan.is_free:
        return 0
    return default if plan.trial_days is None else plan.trial_days


def _prices(prices: Iterable[tuple[Interval, Money]]) -> dict[Interval, PriceView]:
    return {interval: PriceView.of(money) for interval, money in prices}
