"""Which plan to take for what one wants to use."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.entitlements.lookup import WithEntitlements, check_quantity, check_value, feature_named
from api.entitlements.routes import Wanted as WantedQuantity
from api.entitlements.routes import WantedValue
from api.entitlements.views import PlanName, PlanRef, UpgradeSuggestionView
from api.http.auth import Reader
from api.http.fields import Code, ExternalId
from api.http.openapi import READING
from domain.access import Basis
from domain.entitlements.suggestions import Wanted, cheapest, plans_with, suggestions

router = APIRouter(prefix="/v1/plans", tags=["Plans"], responses=READING)

NOBODY = ""
"""No customer's external id is empty: they have what those have who never signed up."""


class PlanSuggestionView(BaseModel):
    """What to take for a wanted use."""

    customer: str | None = Field(description="null: asked for nobody in particular", examples=["user-1815"])
    plan: PlanRef | None = Field(description="what there is now; null: nothing")
    basis: Basis
    feature: str = Field(examples=["users"])
    quantity: int | None
    value: str | None
    enough: bool = Field(description="whether what there is now allows it")
    plans: list[PlanName] = Field(description="that allow it by themselves, without add-ons")
    cheapest: UpgradeSuggestionView | None = Field(
        description="what allows it for the least money, and fits what is used now; null: nothing does"
    )
    upgrades: list[UpgradeSuggestionView] = Field(description="what this customer may change to, or add; best first")


@router.get("/suggest", operation_id="suggestPlan", summary="What to take for a wanted use")
async def suggest(
    caller: Reader,
    entitlements: WithEntitlements,
    feature: Annotated[Code, Query(description="a feature's code", examples=["users"])],
    customer: Annotated[ExternalId | None, Query(description="whose seats, add-ons and interval count")] = None,
    quantity: WantedQuantity = None,
    value: WantedValue = None,
) -> PlanSuggestionView:
    snapshot = await entitlements.of(caller.tenant, customer or NOBODY)
    asked = feature_named(feature, snapshot)
    check_value(value, asked)
    check_quantity(quantity, asked)
    wanted = Wanted(asked, quantity, value)
    least = cheapest(snapshot, wanted)
    enough = wanted.is_met_by(snapshot.has(asked))
    return PlanSuggestionView(
        customer=customer,
        plan=PlanRef.of(snapshot),
        basis=snapshot.standing.basis,
        feature=asked.code,
        quantity=quantity,
        value=value,
        enough=enough,
        plans=PlanName.all(plans_with(snapshot.today, wanted)),
        cheapest=UpgradeSuggestionView.of(least, asked) if least is not None else None,
        upgrades=[] if enough else [UpgradeSuggestionView.of(one, asked) for one in suggestions(snapshot, wanted)],
    )
