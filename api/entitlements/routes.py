"""What customers are entitled to, and what they have used: questions that change nothing."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from api.entitlements.check import EntitlementCheck
from api.entitlements.lookup import WithEntitlements, about_customer, check_quantity, check_value, feature_named
from api.entitlements.views import (
    CustomerUsageView,
    EntitlementCheckResult,
    EntitlementsView,
    FeatureUsageView,
    PlanRef,
    SubscriptionRef,
)
from api.http.auth import Reader
from api.http.dependencies import dependencies_of
from api.http.fast_path import FastPath, caller_of
from api.http.fields import Code, ExternalId
from api.http.openapi import READING
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import MAX_QUANTITY
from storage.access.api_keys import Role

router = APIRouter(prefix="/v1/customers/{external_id:path}", tags=["Entitlements"], responses=READING)

CustomerId = Annotated[ExternalId, Path(description="the product's own id for its customer", examples=["user-1815"])]
FeatureCode = Annotated[Code, Path(description="a feature's code", examples=["images_per_month"])]
Wanted = Annotated[
    int | None, Query(ge=1, le=MAX_QUANTITY, description="so much of it; of what is counted, so much more")
]
WantedValue = Annotated[Code | None, Query(description="of a level or a set: this one", examples=["dalle3"])]


@router.get(
    "/entitlements",
    operation_id="getEntitlements",
    summary="Everything a customer is entitled to",
    response_model=EntitlementsView,
)
async def entitlements(external_id: CustomerId, caller: Reader, entitlements: WithEntitlements) -> Response:
    snapshot = await entitlements.of(caller.tenant, external_id)
    features = snapshot.features.values()
    found = {one.code: EntitlementCheck(external_id, snapshot, one).entitlement() for one in features}
    return as_json(EntitlementsView(**owner_fields(external_id, snapshot), entitlements=found))


@router.get(
    "/entitlements/{feature}",
    operation_id="checkEntitlement",
    summary="May this customer use this?",
    response_model=EntitlementCheckResult,
)
async def entitlement(
    external_id: CustomerId,
    feature: FeatureCode,
    caller: Reader,
    entitlements: WithEntitlements,
    quantity: Wanted = None,
    value: WantedValue = None,
) -> Response:
    snapshot = await entitlements.of(caller.tenant, external_id)
    asked = feature_named(feature, snapshot)
    check_value(value, asked)
    check_quantity(quantity, asked)
    answer = EntitlementCheck(external_id, snapshot, asked, quantity, value).entitlement()
    return as_json(EntitlementCheckResult(**owner_fields(external_id, snapshot), **dict(answer)))


async def _read_check(request: Request) -> dict[str, Any] | None:
    caller = await caller_of(request, *Role)
    about, feature = about_customer(request), request.path_params["feature"]
    # One that today's catalog has is plainly well; another may still be of the customer's own catalog.
    if about is None or request.scope["query_string"] or feature not in dependencies_of(request).catalog.features:
        return None
    return about | {"feature": feature, "caller": caller}


FAST_PATHS: Final = (FastPath("GET", f"{router.prefix}/entitlements/{{feature}}", _read_check, entitlement),)


@router.get(
    "/usage",
    operation_id="getUsage",
    summary="What a customer has used in the periods that go on",
    response_model=CustomerUsageView,
)
async def usage(external_id: CustomerId, caller: Reader, entitlements: WithEntitlements) -> Response:
    snapshot = await entitlements.of(caller.tenant, external_id)
    counted = [one for one in snapshot.features.values() if one.window is not None]
    found = {one.code: FeatureUsageView.of(snapshot, one, snapshot.counter(one)) for one in counted}
    about = owner_fields(external_id, snapshot)
    return as_json(CustomerUsageView(customer=external_id, plan=about["plan"], basis=about["basis"], usage=found))


def owner_fields(customer: str, snapshot: EntitlementSnapshot) -> dict[str, Any]:
    """Whose entitlements they are, and what they come from."""
    standing = snapshot.standing
    return {
        "customer": customer,
        "plan": PlanRef.of(snapshot),
        "basis": standing.basis,
        "subscription": SubscriptionRef.of(standing),
    }


def as_json(view: BaseModel) -> Response:
    """The view as it is: what is asked thousands of times a second is not checked a second time."""
    return Response(view.model_dump_json(), media_type="application/json")
