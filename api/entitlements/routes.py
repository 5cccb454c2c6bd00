"""Reads customers' entitlements and current usage."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from api.entitlements.check import EntitlementCheck
from api.entitlements.lookup import WithEntitlements, check_quantity, check_value, feature_named
from api.entitlements.views import (
    CustomerUsageView,
    EntitlementCheckResult,
    EntitlementsView,
    FeatureUsageView,
    PlanRef,
    SubscriptionRef,
    as_json,
)
from api.http.auth import Reader
from api.http.fields import Code, ExternalId
from api.http.openapi import READING
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import MAX_QUANTITY

router = APIRouter(prefix="/v1/customers/{external_id:path}", tags=["Entitlements"], responses=READING)

CustomerId = Annotated[ExternalId, Path(description="the product's own id of the customer", examples=["user-1815"])]
FeatureCode = Annotated[Code, Path(description="feature code", examples=["images_per_month"])]
RequestedQuantity = Annotated[
    int | None,
    Query(ge=1, le=MAX_QUANTITY, description="amount to check; for a counted feature, on top of current usage"),
]
RequestedValue = Annotated[
    Code | None, Query(description="for a level or a set, the value to check", examples=["dalle3"])
]


@router.get(
    "/entitlements",
    operation_id="getEntitlements",
    summary="List a customer's entitlements",
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
    summary="Check one entitlement",
    response_model=EntitlementCheckResult,
)
async def entitlement(
    external_id: CustomerId,
    feature: FeatureCode,
    caller: Reader,
    entitlements: WithEntitlements,
    quantity: RequestedQuantity = None,
    value: RequestedValue = None,
) -> Response:
    snapshot = await entitlements.of(caller.tenant, external_id)
    resolved = feature_named(feature, snapshot)
    check_value(value, resolved)
    check_quantity(quantity, resolved)
    view = EntitlementCheck(external_id, snapshot, resolved, quantity, value).entitlement()
    return as_json(EntitlementCheckResult(**owner_fields(external_id, snapshot), **dict(view)))


@router.get(
    "/usage",
    operation_id="getUsage",
    summary="Get a customer's usage in the current periods",
    response_model=CustomerUsageView,
)
async def usage(external_id: CustomerId, caller: Reader, entitlements: WithEntitlements) -> Response:
    snapshot = await entitlements.of(caller.tenant, external_id)
    counted = [one for one in snapshot.features.values() if one.window is not None]
    found = {one.code: FeatureUsageView.of(snapshot, one, snapshot.counter(one)) for one in counted}
    owner = owner_fields(external_id, snapshot)
    return as_json(CustomerUsageView(customer=external_id, plan=owner["plan"], basis=owner["basis"], usage=found))


def owner_fields(customer: str, snapshot: EntitlementSnapshot) -> dict[str, Any]:
    """The fields of an `EntitlementOwnerView`, and the subscription."""
    standing = snapshot.standing
    return {
        "customer": customer,
        "plan": PlanRef.of(snapshot),
        "basis": standing.basis,
        "subscription": SubscriptionRef.of(standing),
    }
