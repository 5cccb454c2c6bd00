"""What is for sale."""

from collections.abc import Iterable

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth import Reader
from api.docs import READING
from api.parts import HasParts
from domain.errors import Rejected
from domain.money import Money
from domain.plans import AddOn, Interval, Plan

router = APIRouter(prefix="/v1/plans", tags=["Plans"], responses=READING)


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

    @classmethod
    def of(cls, add_on: AddOn) -> "AddOnView":
        return cls(code=add_on.code, name=add_on.name, prices=_prices(add_on.prices.items()))


class PlanView(BaseModel):
    """One plan; without prices it is free."""

    code: str = Field(examples=["starter"])
    name: str = Field(examples=["Starter"])
    description: str
    trial_days: int = Field(examples=[14])
    prices: dict[Interval, PriceView]

    @classmethod
    def of(cls, plan: Plan, default_trial_days: int) -> "PlanView":
        return cls(
            code=plan.code,
            name=plan.name,
            description=plan.description,
            trial_days=default_trial_days if plan.trial_days is None else plan.trial_days,
            prices=_prices(plan.prices.items()),
        )


class CatalogView(BaseModel):
    """Everything for sale."""

    product: str
    version: int
    currency: str
    data: list[PlanView]
    add_ons: list[AddOnView]


def _prices(prices: Iterable[tuple[Interval, Money]]) -> dict[Interval, PriceView]:
    return {interval: PriceView.of(money) for interval, money in prices}


@router.get("", operation_id="listPlans", summary="List the plans and add-ons")
async def list_plans(_caller: Reader, parts: HasParts) -> CatalogView:
    catalog, trial_days = parts.catalog, parts.policy.trial.days
    return CatalogView(
        product=catalog.product,
        version=catalog.version,
        currency=catalog.currency,
        data=[PlanView.of(plan, trial_days) for plan in catalog.plans.values()],
        add_ons=[AddOnView.of(add_on) for add_on in catalog.add_ons.values()],
    )


@router.get("/{code}", operation_id="getPlan", summary="Get one plan")
async def get_plan(code: str, _caller: Reader, parts: HasParts) -> PlanView:
    plan = parts.catalog.plans.get(code)
    if plan is None:
        raise Rejected(
            f"there is no plan {code[:64]!r}; known plans: {', '.join(parts.catalog.plans)}", code="unknown_plan"
        )
    return PlanView.of(plan, parts.policy.trial.days)
