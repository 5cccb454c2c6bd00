"""Suggests a plan for an intended usage."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.entitlements.lookup import WithEntitlements, check_quantity, check_value, feature_named
from api.entitlements.routes import RequestedQuantity, RequestedValue
from api.entitlements.views import PlanName, PlanRef, UpgradeSuggestionView
from api.http.auth import Reader
from api.http.fields import Code, ExternalId
from api.http.openapi import READING
from domain.access import Basis
from domain.entitlements.suggestions import Wanted, cheapest, plans_with, suggestions

router = APIRouter(prefix="/v1/plans", tags=["Plans"], responses=READING)

NO_CUSTOMER = ""
"""No customer has an empty external id, so this gets what unknown customers get."""


class PlanSuggestionView(BaseModel):
    """The plans and upgrades that allow an intended usage."""

    customer: str | None = Field(description="null if none was given", examples=["user-1815"])
    plan: PlanRef | None = Field(description="the current plan; null if there is none")
    basis: Basis
    feature: str = Field(examples=["users"])
    quantity: int | None
    value: str | None
    enough: bool = Field(description="whether the current plan and add-ons allow it")
    plans: list[PlanName] = Field(description="plans that allow it without add-ons")
    cheapest: UpgradeSuggestionView | None = Field(
        description="the cheapest option that allows it and fits current usage; null if there is none"
    )
    upgrades: list[UpgradeSuggestionView] = Field(description="what this customer can change to or add, best first")


@router.get("/suggest", operation_id="suggestPlan", summary="Suggest a plan for an intended usage")
async def suggest(
    caller: Reader,
    entitlements: WithEntitlements,
    feature: Annotated[Code, Query(description="feature code", examples=["users"])],
    customer: Annotated[
        ExternalId | None, Query(description="the customer whose quantity, add-ons and interval apply")
    ] = None,
    quantity: RequestedQuantity = None,
    value: RequestedValue = None,
) -> PlanSuggestionView:
    snapshot = await entitlements.of(caller.tenant, customer or NO_CUSTOMER)
    resolved = feature_named(feature, snapshot)
    check_value(value, resolved)
    check_quantity(quantity, resolved)
    wanted = Wanted(resolved, quantity, value)
    least = cheapest(snapshot, wanted)
    enough = wanted.is_met_by(snapshot.has(resolved))
    return PlanSuggestionView(
        customer=customer,
        plan=PlanRef.of(snapshot),
        basis=snapshot.standing.basis,
        feature=resolved.code,
        quantity=quantity,
        value=value,
        enough=enough,
        plans=PlanName.all(plans_with(snapshot.today, wanted)),
        cheapest=UpgradeSuggestionView.of(least, resolved) if least is not None else None,
        upgrades=[] if enough else [UpgradeSuggestionView.of(one, resolved) for one in suggestions(snapshot, wanted)],
    )
