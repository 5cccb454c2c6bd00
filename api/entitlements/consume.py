"""Consumes counted features within their limits, and releases them again."""

from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.entitlements.check import EntitlementCheck
from api.entitlements.lookup import (
    EntitlementLookup,
    WithEntitlements,
    check_quantity,
    check_value,
    metered,
    unknown_feature,
)
from api.entitlements.routes import CustomerId
from api.entitlements.views import ConsumeResult, DenialProblem, PlanRef, ReleaseResult, as_json
from api.http.auth import Service
from api.http.errors import Problem, response_to
from api.http.fields import (
    Code,
    RequestModel,
    UsageKey,
)
from api.http.idempotency import HEADER, idempotency_key
from api.http.openapi import USING, problems
from domain.access import Basis
from domain.catalog.features import Feature, FeatureKind, features_of
from domain.entitlements.grants import EntitlementBasis, is_gauge
from domain.entitlements.snapshot import EntitlementSnapshot, denial_of, refusing
from domain.entitlements.usage import (
    MAX_QUANTITY,
    Action,
    Counted,
    Counter,
    GivenBack,
    Outcome,
    UsageChange,
    UsageVerdict,
)
from domain.errors import Malformed, Rejected, TenureError

REFUSING: Final = USING | problems(402, kinds=[DenialProblem]) | problems(403, 429, kinds=[DenialProblem, Problem])

MAX_INTEGER = 10**15 - 1
"""The largest integer of a structured field."""

router = APIRouter(prefix="/v1/customers/{external_id:path}", tags=["Entitlements"], responses=REFUSING)

Amount = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]


class UsageRequest(RequestModel):
    """Usage of a feature."""

    feature: Code = Field(description="code of a feature or meter", examples=["images_per_month"])
    quantity: Amount = 1
    key: UsageKey | None = Field(
        default=None,
        description="identifies this usage, which is counted once per key; defaults to the `Idempotency-Key` header",
        examples=["image-4711"],
    )


class ReleaseRequest(UsageRequest):
    """Units of a gauge to release, or usage of a counter to give back."""

    quantity: Amount = Field(
        default=1,
        description="for a gauge, how many to release; leave it out for a counter, which gives back all of it",
    )
    key: UsageKey | None = Field(
        default=None,
        description="for a gauge, identifies this release and defaults to the `Idempotency-Key` header; for a counter, "
        "the key of the usage to give back (required)",
        examples=["image-4711"],
    )


class ConsumeRequest(UsageRequest):
    """Usage to consume, if the customer's entitlements allow it."""

    value: Code | None = Field(default=None, description="for a level or a set, the value to use", examples=["dalle3"])


@router.post(
    "/consume",
    operation_id="consume",
    summary="Consume a feature within its limit",
    response_model=ConsumeResult,
)
async def consume(
    external_id: CustomerId, body: ConsumeRequest, request: Request, caller: Service, entitlements: WithEntitlements
) -> Response:
    key = body.key or key_in_header(request)
    feature = metered(body.feature, entitlements.dependencies.catalog)
    if feature is None or feature.window is None or body.value is not None:
        return await _consume_by_own_catalog(external_id, body, key, caller.tenant, entitlements)
    use = UsageChange(external_id, feature.meter, body.quantity, key)
    counted, response = await counted_usage(use, body.feature, caller.tenant, entitlements)
    if is_counted_nowhere(counted):
        return await _consume_by_own_catalog(external_id, body, key, caller.tenant, entitlements, refused=response)
    return response


@router.post(
    "/release",
    operation_id="release",
    summary="Release units of a gauge, or give back usage of a counter",
    response_model=ConsumeResult | ReleaseResult,
)
async def release(
    external_id: CustomerId, body: ReleaseRequest, request: Request, caller: Service, entitlements: WithEntitlements
) -> Response:
    """For a gauge, releases `quantity` units; the release has a key of its own.

    For a counter, gives back as a whole what was counted under `key`, for example because the work failed. This
    is possible until its period ends; then it is a 409 `period_over`. A repeat returns the same response. 404
    `unknown_use` means that the customer has no usage of the feature under this key.
    """
    key = body.key or key_in_header(request)
    feature = await find_feature(body.feature, external_id, caller.tenant, entitlements, suits=is_gauge)
    if is_gauge(feature):
        use = UsageChange(external_id, feature.meter, body.quantity, key, Action.RELEASE)
        counted, response = await counted_usage(use, body.feature, caller.tenant, entitlements)
        if counted.outcome in (Outcome.COUNTED, Outcome.REPEATED):
            return response
        feature = await own_feature(body.feature, external_id, caller.tenant, entitlements)
        if is_gauge(feature):
            return response
    if feature.window is None:
        raise not_a_gauge(feature, "its usage is not counted, so there is nothing to give back")
    return await _give_back(external_id, body, feature, caller.tenant, entitlements)


async def _give_back(
    customer: str, body: ReleaseRequest, feature: Feature, tenant: str, entitlements: EntitlementLookup
) -> Response:
    """Give back one usage of a counter."""
    if body.key is None:
        raise Malformed("give the key under which the usage was counted", field="key")
    quantity = body.quantity if "quantity" in body.model_fields_set else None
    of_today = metered(body.feature, entitlements.dependencies.catalog)
    meters = {one.meter for one in (feature, of_today) if one is not None and one.meter}
    result = await entitlements.repositories.usage.give_back(
        customer, sorted(meters), body.key, quantity, entitlements.dependencies.entitlement_rules, tenant=tenant
    )
    if result.verdict is UsageVerdict.GIVEN_BACK:
        # For a meter, or a feature whose own period has ended: the highest count.
        used = result.used.get(body.feature)
        return as_json(
            ReleaseResult(released=result.released, used=max(result.used.values()) if used is None else used)
        )
    raise _give_back_error(result, body.key, feature)


def _give_back_error(result: GivenBack, key: str, feature: Feature) -> TenureError:
    """Return the error for usage that cannot be given back."""
    match result.verdict:
        case UsageVerdict.ANOTHER_QUANTITY:
            return Malformed(
                f"the usage under this key is {result.quantity:,} and is given back as a whole: leave quantity out",
                field="quantity",
            )
        case UsageVerdict.PERIOD_OVER:
            return Rejected(
                f"the period of {feature.name} in which this was used has ended, so it can no longer be given back",
                code="period_over",
            )
    return Rejected(f"this customer has no usage of {feature.code} under the key {key!r}", code="unknown_use")


def not_a_gauge(feature: Feature, why: str) -> Malformed:
    """Return the error for an operation that only gauges support."""
    return Malformed(f"{feature.code} is not a gauge: {why}", field="feature", code="not_a_gauge")


def is_a_gauge(feature: Feature) -> Malformed:
    """Return the error for an operation that only counters support."""
    return Malformed(
        f"{feature.code} is a gauge, which says how many there are now: set it instead",
        field="feature",
        code="is_a_gauge",
    )


def key_in_header(request: Request) -> str:
    """Return the key from the header, for a body that has none.

    Raises:
        Malformed: there is no key at all.
    """
    key = idempotency_key(request)
    if key is None:
        raise Malformed(f"a key is required, in the body or as the header {HEADER}", field="key")
    return key


async def find_feature(
    name: str, customer: str, tenant: str, entitlements: EntitlementLookup, *, suits: Callable[[Feature], bool]
) -> Feature:
    """Return the feature from today's catalog if it suits, or else from the customer's own.

    Today's is at hand. But the customer's decides: whoever has an older version of the catalog keeps how it counts.

    Raises:
        Rejected: code `unknown_feature`.
    """
    feature = metered(name, entitlements.dependencies.catalog)
    if feature is not None and suits(feature):
        return feature
    return await own_feature(name, customer, tenant, entitlements)


async def own_feature(name: str, customer: str, tenant: str, entitlements: EntitlementLookup) -> Feature:
    """Return the feature from the customer's own catalog, or else from today's.

    Raises:
        Rejected: code `unknown_feature`.
    """
    return _own_feature(name, await entitlements.of(tenant, customer))


def _own_feature(name: str, snapshot: EntitlementSnapshot) -> Feature:
    feature = metered(name, snapshot.catalog) or metered(name, snapshot.today)
    if feature is None:
        raise unknown_feature(name, snapshot.today, snapshot.catalog)
    return feature


def is_counted_nowhere(counted: Counted) -> bool:
    """True if the customer's own plan counts nothing of this name: it may have it uncounted, or not at all."""
    return not counted.counters and counted.outcome in (Outcome.NOT_IN_PLAN, Outcome.NO_NEW_USE)


async def record_usage(use: UsageChange, name: str, tenant: str, entitlements: EntitlementLookup) -> Response:
    """Record usage and return the outcome."""
    return (await counted_usage(use, name, tenant, entitlements))[1]


async def counted_usage(
    use: UsageChange, name: str, tenant: str, entitlements: EntitlementLookup
) -> tuple[Counted, Response]:
    """Record usage and return the outcome, and how to answer it."""
    first = await entitlements.repositories.usage.use(use, entitlements.dependencies.entitlement_rules, tenant=tenant)
    counted, snapshot = await entitlements.settle(use, name, first, tenant)
    counted = snapshot.seen(counted)
    if counted.outcome in (Outcome.COUNTED, Outcome.REPEATED):
        check = EntitlementCheck(use.customer, snapshot, _feature_in_response(name, counted, snapshot), use.quantity)
        response = as_json(check.consumed(counted.counters, use.key, repeated=counted.outcome is Outcome.REPEATED))
    else:
        response = _refused(_refusal(use, name, counted, snapshot))
    response.headers.update(_limit_headers(counted.counters, snapshot))
    return counted, response


def _feature_in_response(name: str, counted: Counted, snapshot: EntitlementSnapshot) -> Feature:
    """The feature to respond with: the one that was named or, for a meter, the one nearest to its limit."""
    named = snapshot.features.get(name)
    nearest = snapshot.nearest(counted.counters)
    if named is not None or nearest is None:
        return named or next(iter(features_of(name, snapshot.features)))
    return snapshot.features[nearest.feature]


def _refusal(use: UsageChange, name: str, counted: Counted, snapshot: EntitlementSnapshot) -> TenureError:
    """Return the error for usage that was not counted."""
    outcome, feature = counted.outcome, _feature_in_response(name, counted, snapshot)
    if outcome is Outcome.IS_A_GAUGE:
        return is_a_gauge(feature)
    if use.action is Action.RESET and outcome in (Outcome.TOO_MUCH, Outcome.OVERAGE_BILLED):
        return _not_reset(use, counted, feature)
    if outcome is Outcome.NOT_A_GAUGE:
        return not_a_gauge(feature, "in the customer's own catalog it is counted over a period")
    if outcome is Outcome.KEY_REUSED:
        return Rejected(
            f"the key {use.key!r} was already used for other usage, or was given back: use a new key for each usage",
            code="key_reused",
            details=_refusal_members(use, feature, snapshot),
        )
    if outcome is Outcome.TOO_MUCH:
        used = min((one.used for one in counted.counters), default=0)
        return Rejected(
            f"{feature.name}: {use.quantity:,} cannot be released, only {used:,} are in use",
            code="nothing_to_release",
            details=_refusal_members(use, feature, snapshot) | {"used": used},
        )
    denial = denial_of(outcome)
    assert denial is not None  # noqa: S101 - the other outcomes concern usage at another time
    counter = next((one for one in counted.counters if one.feature == feature.code), None)
    counter = refusing(counted.counters, use.quantity, denial) or counter
    feature = snapshot.features[counter.feature] if counter is not None else feature
    return EntitlementCheck(use.customer, snapshot, feature, use.quantity).refusal(denial, counter)


def _not_reset(use: UsageChange, counted: Counted, feature: Feature) -> Rejected:
    if counted.outcome is Outcome.OVERAGE_BILLED:
        return Rejected(
            f"{feature.name}: usage beyond the limit is billed in this period; give single uses back by their keys, and"
            " credit at the payment provider what is on an invoice",
            code="overage_billed",
        )
    before = min(one.before for one in counted.counters)
    return Malformed(f"{before:,} are counted, and a reset only lowers: not to {use.quantity:,}", field="used")


def _refusal_members(use: UsageChange, feature: Feature, snapshot: EntitlementSnapshot) -> dict[str, object]:
    """The members of every refusal."""
    plan = PlanRef.of(snapshot)
    return {
        "customer": use.customer,
        "feature": feature.code,
        "plan": plan.model_dump(mode="json") if plan is not None else None,
        "basis": snapshot.standing.basis.value,
    }


async def _consume_by_own_catalog(
    customer: str,
    body: ConsumeRequest,
    key: str,
    tenant: str,
    entitlements: EntitlementLookup,
    *,
    refused: Response | None = None,
) -> Response:
    """Consume a feature if the customer's own catalog counts it; otherwise only check it.

    *refused* is the answer if counting it was tried already.
    """
    snapshot = await entitlements.of(tenant, customer)
    feature = _own_feature(body.feature, snapshot)
    if feature.window is not None and refused is not None:
        return refused
    check_value(body.value, feature)
    check_quantity(body.quantity, feature)
    if feature.window is not None:
        change = UsageChange(customer, feature.meter, body.quantity, key)
        return await record_usage(change, body.feature, tenant, entitlements)
    # Where today's catalog counts it, products consume it: those who have it without a limit are not refused.
    is_unlimited = refused is not None and snapshot.has(feature).value is None
    if feature.kind is FeatureKind.NUMBER and not is_unlimited:
        if refused is not None and (snapshot.standing.basis is Basis.NO_NEW_USE or not snapshot.has(feature).value):
            return refused
        raise Malformed(
            f"usage of {feature.code} is not counted: check GET .../entitlements/{feature.code}?quantity= with the "
            "total you want",
            field="feature",
            code="not_counted",
        )
    check = EntitlementCheck(customer, snapshot, feature, body.quantity, body.value)
    denial = snapshot.denial(feature, body.quantity, body.value)
    return as_json(check.consumed((), key)) if denial is None else _refused(check.refusal(denial, None))


def _refused(refusal: TenureError) -> Response:
    """Return the response to a refusal, to which headers can be added."""
    response = response_to(refusal)
    assert response is not None  # noqa: S101 - an expected error
    return response


def _limit_headers(counters: Iterable[Counter], snapshot: EntitlementSnapshot) -> Mapping[str, str]:
    """Return `RateLimit-Policy` and `RateLimit` (IETF httpapi draft 10) with an item for each limit, if there is any.

    Beyond its limit nothing remains, even while grace or overage allows more usage.
    """
    limited = [(one, one.included) for one in counters if one.included is not None]
    if not limited:
        return {}
    return {
        "RateLimit-Policy": ", ".join(_policy(one, included) for one, included in limited),
        "RateLimit": ", ".join(_state(one, included, snapshot.standing) for one, included in limited),
    }


def _policy(counter: Counter, included: int) -> str:
    window = ""
    if counter.starts is not None and counter.ends is not None:
        window = f";w={ceil((counter.ends - counter.starts).total_seconds())}"
    return f'"{counter.feature}";q={min(included, MAX_INTEGER)}{window}'


def _state(counter: Counter, included: int, standing: EntitlementBasis) -> str:
    left = min(max(0, included - counter.used), MAX_INTEGER)
    wait = ""
    if counter.ends is not None:
        wait = f";t={max(0, ceil((counter.ends - standing.moment).total_seconds()))}"
    return f'"{counter.feature}";r={left}{wait}'
