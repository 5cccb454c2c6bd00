"""The customer's plan: entitlements, usage, and changing it."""

from datetime import datetime

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from examples.social_suite.people import User
from tenure.client import AsyncTenure, Entitlement, NotFound, Person, Plan, Standing, Subscription


class Bar(BaseModel):
    """One bar of the page: usage out of a limit."""

    name: str
    used: int
    limit: int | None
    percent: int | None
    level: str | None
    resets_at: datetime | None

    @classmethod
    def of(cls, one: Entitlement) -> "Bar":
        return cls(
            name=one.name,
            used=one.used or 0,
            limit=one.limit,
            percent=one.percent,
            level=one.level,
            resets_at=one.resets_at,
        )


class Offer(BaseModel):
    code: str
    name: str
    month: int | None
    year: int | None
    is_yours: bool

    @classmethod
    def of(cls, plan: Plan, standing: Standing) -> "Offer":
        amounts = {interval: price.amount for interval, price in plan.prices.items()}
        is_yours = standing.plan is not None and plan.code == standing.plan.code
        return cls(
            code=plan.code, name=plan.name, month=amounts.get("month"), year=amounts.get("year"), is_yours=is_yours
        )


class PlanPage(BaseModel):
    """Everything a plan page shows, in one response."""

    plan: str | None
    status: str | None
    bars: dict[str, Bar]
    has: dict[str, bool]
    offers: list[Offer]


class TrialRequest(BaseModel):
    plan: str
    email: str


class UpgradeRequest(BaseModel):
    plan: str
    card: str | None = None
    """A payment method id from Stripe's form in the browser."""


class PlanState(BaseModel):
    plan: str
    status: str
    amount: int
    later: str | None
    """The plan after a scheduled change."""

    @classmethod
    def of(cls, it: Subscription) -> "PlanState":
        later = it.pending_change.plan if it.pending_change is not None else None
        return cls(plan=it.plan, status=it.status, amount=it.amount, later=later)


def plan_page(tenure: AsyncTenure) -> APIRouter:
    router = APIRouter(prefix="/plan", tags=["Plan"])

    @router.get("")
    async def page(user: User) -> PlanPage:
        own, sold = await tenure.entitlements(user), await tenure.plans()
        every = own.entitlements
        return PlanPage(
            plan=own.plan.name if own.plan is not None else None,
            status=own.subscription.status if own.subscription is not None else None,
            bars={code: Bar.of(one) for code, one in every.items() if one.is_counted},
            has={code: one.allowed for code, one in every.items() if one.kind == "switch"},
            offers=[Offer.of(plan, own) for plan in sold.data],
        )

    @router.post("/trial", status_code=201)
    async def trial(request: TrialRequest, user: User) -> PlanState:
        return PlanState.of(await tenure.start_trial(Person(user, request.email), request.plan))

    @router.post("/change")
    async def change(request: UpgradeRequest, user: User) -> PlanState:
        own = await _subscription(tenure, user)
        if request.card is not None:
            own = await tenure.put_payment_method(own.id, request.card)
        if own.plan != request.plan:
            own = await tenure.change_plan(own.id, plan=request.plan)
        if own.status == "trialing" and request.card is not None:
            own = await tenure.convert(own.id, when="now")
        return PlanState.of(own)

    @router.post("/card")
    async def card(user: User) -> str:
        """The URL of a page where the customer enters a card."""
        return (await tenure.checkout(user)).url

    return router


async def _subscription(tenure: AsyncTenure, user: str) -> Subscription:
    try:
        found = (await tenure.customer(user)).subscription
    except NotFound:
        found = None
    if found is None or found.status == "canceled":
        raise HTTPException(409, "start a trial first")
    return found
