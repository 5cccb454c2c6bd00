"""The pricing page as JSON, for products that draw their own."""

from pydantic import BaseModel, Field

from api.catalog.views import AddOnView, PriceView, trial_days_of
from api.entitlements.views import OverageView, ValueView, shown
from api.pricing.content import PricingSource, yearly_saving
from domain.catalog.features import FeatureKind, UsageWindow
from domain.catalog.plans import Interval, TaxBehavior
from domain.catalog.presentation import ShownPlan, WordsInLanguage


class PricingPlanView(BaseModel):
    """A plan as it is offered."""

    code: str = Field(examples=["starter"])
    name: str
    description: str
    recommended: bool
    free: bool
    contact_url: str | None = Field(description="where customers ask for the plan; null if it has prices or is free")
    trial_days: int = Field(description="0 if there is no trial", examples=[14])
    prices: dict[Interval, PriceView]
    yearly_saving: int = Field(description="percent that a year costs less than twelve months", examples=[10])
    sign_up_urls: dict[Interval, str] = Field(description="where the plan is bought, by interval; empty if nowhere")
    overage: dict[str, OverageView] = Field(description="by feature: the price of usage beyond its limit")


class PricingFeatureView(BaseModel):
    """A feature with every plan's value."""

    code: str = Field(examples=["users"])
    name: str
    help: str
    group: str | None = Field(description="null if it is in no group")
    kind: FeatureKind
    window: UsageWindow | None = Field(description="period over which usage is counted; null if it is not counted")
    per_unit: bool = Field(description="whether a plan's number applies per unit of the subscription's quantity")
    values: dict[str, ValueView] = Field(description="by plan; null if unlimited")
    value_names: dict[str, str] = Field(description="by value of a level or set: what customers read")


class QuestionView(BaseModel):
    """A question that customers ask, and its answer."""

    question: str
    answer: str


class PricingView(BaseModel):
    """What is for sale, in the words of one language."""

    product: str
    version: int
    language: str = Field(examples=["en"])
    currency: str
    tax_behavior: TaxBehavior | None = Field(description="whether prices include tax; null if it is not known")
    intervals: list[Interval]
    plans: list[PricingPlanView]
    groups: list[str]
    features: list[PricingFeatureView]
    add_ons: list[AddOnView]
    questions: list[QuestionView]

    @classmethod
    def of(cls, source: PricingSource, language: str) -> "PricingView":
        """Return the offer with the words of a language."""
        catalog, words = source.catalog, source.presentation.in_language(language)
        add_ons = [AddOnView.of(one) for one in catalog.add_ons.values()]
        return cls(
            product=catalog.product,
            version=catalog.version,
            language=language,
            currency=catalog.currency,
            tax_behavior=catalog.tax_behavior,
            intervals=list(source.sold_for),
            plans=[_plan(one, source, words) for one in source.presentation.plans],
            groups=[words.group(one) for one in source.presentation.groups],
            features=[_feature(code, source, words) for code in catalog.features],
            add_ons=[one.model_copy(update={"name": words.add_on(one.code).name}) for one in add_ons],
            questions=[QuestionView(question=one.question, answer=one.answer) for one in words.questions],
        )


def _plan(offered: ShownPlan, source: PricingSource, words: WordsInLanguage) -> PricingPlanView:
    plan, named = source.plan(offered), words.plan(offered.code)
    prices = plan.prices if plan is not None else {}
    links = {interval: source.link(plan, interval) for interval in source.sold_for} if plan is not None else {}
    overage = {code: OverageView.of(one) for code, one in plan.overage.items()} if plan is not None else {}
    return PricingPlanView(
        code=offered.code,
        name=named.name,
        description=named.description,
        recommended=offered.is_highlighted,
        free=plan is not None and plan.is_free,
        contact_url=offered.contact_url or None,
        trial_days=trial_days_of(plan, source.trial_days) if plan is not None else 0,
        prices={interval: PriceView.of(price) for interval, price in prices.items()},
        yearly_saving=yearly_saving(prices),
        sign_up_urls={interval: link for interval, link in links.items() if link},
        overage={code: one for code, one in overage.items() if one is not None},
    )


def _feature(code: str, source: PricingSource, words: WordsInLanguage) -> PricingFeatureView:
    feature, named = source.catalog.features[code], words.feature(code)
    group = source.presentation.group_of.get(code)
    return PricingFeatureView(
        code=code,
        name=named.name,
        help=named.help,
        group=None if group is None else words.group(group),
        kind=feature.kind,
        window=feature.window,
        per_unit=feature.per_unit,
        values={plan.code: shown(plan.entitlements.get(code, False)) for plan in source.presentation.plans},
        value_names={value: named.values.get(value, value) for value in feature.values},
    )
