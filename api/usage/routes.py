"""Records usage in batches, sets gauges, and resets counters for operators."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.entitlements.consume import (
    counted_usage,
    find_feature,
    is_a_gauge,
    is_counted_nowhere,
    key_in_header,
    not_a_gauge,
    own_feature,
)
from api.entitlements.lookup import EntitlementLookup, WithEntitlements
from api.entitlements.routes import CustomerId, FeatureCode
from api.entitlements.views import ConsumeResult, as_json
from api.http.audit import AuditedRoute
from api.http.auth import Caller, Operator, Service
from api.http.fields import (
    Reason,
    RequestModel,
    UsageKey,
)
from api.http.idempotency import idempotency_key
from api.http.openapi import USING
from api.usage.ingest import MAX_EVENTS, IngestResult, ingest
from domain.catalog.features import Feature
from domain.entitlements.grants import is_gauge
from domain.entitlements.usage import MAX_QUANTITY, Action, Counted, Outcome, UsageChange
from domain.errors import Malformed

router = APIRouter(tags=["Usage"], route_class=AuditedRoute, responses=USING)

Level = Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]


class SetUsageRequest(RequestModel):
    """The new value of a gauge."""

    quantity: Level
    key: UsageKey | None = Field(
        default=None, description="identifies this request; defaults to the `Idempotency-Key` header"
    )


class ResetUsageRequest(RequestModel):
    """Why a counter is reset, and to what."""

    used: Level = Field(default=0, description="what it counts from; a reset only lowers", examples=[0])
    reason: Annotated[Reason, Field(min_length=1)]
    key: UsageKey | None = Field(
        default=None, description="prevents a repeat from resetting again; defaults to the `Idempotency-Key` header"
    )


class IngestUsageRequest(RequestModel):
    """Usage events. Each is handled on its own: a malformed one does not affect the others."""

    events: list[Any] = Field(
        min_length=1,
        max_length=MAX_EVENTS,
        description="each `{customer, meter, quantity, key, at?, action?}`; action: record (default), release or set",
        examples=[[{"customer": "user-1815", "meter": "runs", "quantity": 3, "key": "run-4711"}]],
    )


@router.post("/v1/usage", operation_id="recordUsage", summary="Record usage in batches", response_model=IngestResult)
async def record(body: IngestUsageRequest, caller: Service, entitlements: WithEntitlements) -> Response:
    """Limits do not apply, because the usage has happened. Events up to 35 days old count in their own period."""
    return as_json(await ingest(body.events, caller.tenant, entitlements))


@router.post(
    "/v1/customers/{external_id:path}/usage/{feature}/set",
    operation_id="setUsage",
    summary="Set a gauge",
    response_model=ConsumeResult,
)
async def set_usage(
    external_id: CustomerId,
    feature: FeatureCode,
    body: SetUsageRequest,
    request: Request,
    caller: Service,
    entitlements: WithEntitlements,
) -> Response:
    key = body.key or key_in_header(request)
    found = await find_feature(feature, external_id, caller.tenant, entitlements, suits=is_gauge)
    if not is_gauge(found):
        raise not_a_gauge(found, "its usage is added up over a period, not set")
    use = UsageChange(external_id, found.meter, body.quantity, key, Action.SET)
    counted, response = await counted_usage(use, feature, caller.tenant, entitlements)
    if is_counted_nowhere(counted):
        own = await own_feature(feature, external_id, caller.tenant, entitlements)
        if own.window is None:
            raise not_a_gauge(own, "in the customer's own catalog its usage is not counted")
    return response


@router.post(
    "/v1/customers/{external_id:path}/usage/{feature}/reset",
    operation_id="resetUsage",
    summary="Reset a feature's usage counter, or every feature of a meter (operators)",
    response_model=ConsumeResult,
)
async def reset_usage(
    external_id: CustomerId,
    feature: FeatureCode,
    body: ResetUsageRequest,
    request: Request,
    caller: Operator,
    entitlements: WithEntitlements,
) -> Response:
    """The counter of the running period goes to `used`: a day's limit, as of API calls, is cleared until the day ends.

    It is refused for a gauge, which is set, and with 409 `overage_billed` while usage beyond the limit is billed. The
    audit has what was counted before.
    """
    key = body.key or idempotency_key(request) or str(uuid4())
    counted, response = await reset_counter(external_id, feature, body, key, caller, entitlements)
    if counted.outcome is Outcome.COUNTED:
        request.state.noted["usage"] = {
            one.feature: {"before": one.before, "after": one.used} for one in counted.counters
        }
    return response


async def reset_counter(
    external_id: str, feature: str, body: ResetUsageRequest, key: str, caller: Caller, entitlements: EntitlementLookup
) -> tuple[Counted, Response]:
    """Have a feature's counter go to `used`, once for each *key*; return what was counted, and the answer.

    Raises:
        Malformed: its usage is not counted, or set.
        Rejected: code `overage_billed`.
    """
    found = await find_feature(feature, external_id, caller.tenant, entitlements, suits=_is_counter)
    _check_is_counter(found)
    use = UsageChange(external_id, feature, body.used, key, Action.RESET, reason=body.reason, actor=caller.actor)
    counted, response = await counted_usage(use, feature, caller.tenant, entitlements)
    if is_counted_nowhere(counted):
        _check_is_counter(await own_feature(feature, external_id, caller.tenant, entitlements))
    return counted, response


def _is_counter(feature: Feature) -> bool:
    return feature.window is not None and not is_gauge(feature)


def _check_is_counter(feature: Feature) -> None:
    """Reject the reset of a feature that is not added up over a period.

    Raises:
        Malformed: its usage is not counted, or set.
    """
    if feature.window is None:
        raise Malformed(f"usage of {feature.code} is not counted", field="feature", code="not_counted")
    if is_gauge(feature):
        raise is_a_gauge(feature)
