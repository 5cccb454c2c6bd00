"""Use of what is counted: used up if the limit lets it, and released again."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.entitlements.check import EntitlementCheck
from api.entitlements.lookup import (
    EntitlementLookup,
    WithEntitlements,
    about_customer,
    check_quantity,
    check_value,
    metered,
    unknown_feature,
)
from api.entitlements.rate_limit_headers import limit_headers
from api.entitlements.routes import CustomerId, as_json
from api.entitlements.views import ConsumeResult, DenialProblem, PlanRef, ReleaseResult
from api.http.auth import SERVICE_ROLES, Service
from api.http.errors import Problem, response_to
from api.http.fast_path import FastPath, Read, body_as, caller_of
from api.http.fields import Code, UsageKey
from api.http.idempotency import HEADER, idempotency_key
from api.http.openapi import USING, problems
from api.http.request_model import RequestModel
from domain.catalog.features import Feature, FeatureKind, features_of
from domain.entitlements.grants import is_gauge
from domain.entitlements.snapshot import EntitlementSnapshot, denial_of, refusing
from domain.entitlements.usage import MAX_QUANTITY, Action, Counted, GivenBack, Outcome, UsageVerdict, Use
from domain.errors import Malformed, Rejected, TenureError

COUNTED: Final = {
    200: {
        "headers": {
            "RateLimit-Policy": {"description": "each limit", "schema": {"type": "string"}},
            "RateLimit": {"description": "what is left of each, and when it starts anew", "schema": {"type": "string"}},
        }
    }
}
REFUSING: Final = (
    USING | problems(402, 429, kinds=[DenialProblem]) | problems(403, kinds=[DenialProblem, Problem]) | COUNTED
)

router = APIRouter(prefix="/v1/customers/{external_id:path}", tags=["Entitlements"], responses=REFUSING)

Amount = Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]


class UsageRequest(RequestModel):
    """Something used, or no longer in use."""

    feature: Code = Field(description="a feature's code, or a meter's", examples=["images_per_month"])
    quantity: Amount = 1
    key: UsageKey | None = Field(
        default=None,
        description="names this use: the same key is counted once; left out, the header `Idempotency-Key` is taken",
        examples=["image-4711"],
    )


class ReleaseRequest(UsageRequest):
    """Something no longer in use, or a use to be given back."""

    quantity: Amount = Field(
        default=1, description="of a gauge: so much is taken off; a use of a counter is given back whole, leave it out"
    )
    key: UsageKey | None = Field(
        default=None,
        description="of a gauge it names this release, else the header `Idempotency-Key` does; of a counter it is the "
        "key of the use that is given back, and must be here",
        examples=["image-4711"],
    )


class ConsumeRequest(UsageRequest):
    """Something to be used up if the customer may."""

    value: Code | None = Field(default=None, description="of a level or a set: this one", examples=["dalle3"])


@router.post(
    "/consume",
    operation_id="consume",
    summary="Use something up, if the customer may",
    response_model=ConsumeResult,
)
async def consume(
    external_id: CustomerId, body: ConsumeRequest, request: Request, caller: Service, entitlements: WithEntitlements
) -> Response:
    key = body.key or key_in_header(request)
    feature = metered(body.feature, entitlements.dependencies.catalog)
    if feature is None or feature.window is None:
        return await _without_counting(external_id, body, key, caller.tenant, entitlements)
    check_value(body.value, feature)
    use = Use(external_id, feature.meter, body.quantity, key)
    return await record_usage(use, body.feature, caller.tenant, entitlements)


@router.post(
    "/release",
    operation_id="release",
    summary="Give back: of a gauge what is no longer in use, of a counter a use by its key",
    response_model=ConsumeResult | ReleaseResult,
)
async def release(
    external_id: CustomerId, body: ReleaseRequest, request: Request, caller: Service, entitlements: WithEntitlements
) -> Response:
    """Of a gauge `quantity` is taken off, under a key of the release's own.

    Of what is counted over a time one use is given back as a whole, by the `key` under which it was counted, while its
    period runs: work that failed need not cost quota. Asked again, the answer is the same. 404 `unknown_use`: this
    customer has used nothing of it under the key; 409 `period_over`.
    """
    key = body.key or key_in_header(request)
    feature = await find_feature(body.feature, external_id, caller.tenant, entitlements)
    if feature.window is None:
        raise not_a_gauge(feature, "use of it is not counted, so there is nothing to give back")
    if not is_gauge(feature):
        return await _given_back(external_id, body, feature, caller.tenant, entitlements)
    use = Use(external_id, feature.meter, body.quantity, key, Action.RELEASE)
    return await record_usage(use, body.feature, caller.tenant, entitlements)


async def _given_back(
    customer: str, body: ReleaseRequest, feature: Feature, tenant: str, entitlements: EntitlementLookup
) -> Response:
    """A use of a counter, taken off again."""
    if body.key is None:
        raise Malformed("name the use that is given back: the key under which it was counted", field="key")
    said = body.quantity if "quantity" in body.model_fields_set else None
    own = metered(body.feature, (await entitlements.of(tenant, customer)).catalog)
    meters = {feature.meter} | ({own.meter} if own is not None else set())
    back = await entitlements.repositories.usage.give_back(
        customer, sorted(meters), body.key, said, entitlements.dependencies.ground, tenant=tenant
    )
    if back.verdict is UsageVerdict.GIVEN_BACK:
        # Of a meter's name, or of a feature whose own period is over: what is nearest to being used up by it.
        used = back.used.get(body.feature)
        return as_json(ReleaseResult(released=back.released, used=max(back.used.values()) if used is None else used))
    raise _no_way_back(back, body.key, feature)


def _no_way_back(back: GivenBack, key: str, feature: Feature) -> TenureError:
    """Why a use is not given back."""
    match back.verdict:
        case UsageVerdict.ANOTHER_QUANTITY:
            return Malformed(
                f"the use under this key was of {back.quantity:,}, and it is given back as a whole: leave it out",
                field="quantity",
            )
        case UsageVerdict.PERIOD_OVER:
            return Rejected(
                f"the period of {feature.name} in which this was used is over, so it cannot be given back any more",
                code="period_over",
            )
    return Rejected(f"this customer has used nothing of {feature.code} under the key {key!r}", code="unknown_use")


def not_a_gauge(feature: Feature, why: str) -> Malformed:
    """The refusal of what can be done to gauges alone."""
    return Malformed(f"{feature.code} is no gauge: {why}", field="feature", code="not_a_gauge")


def _read_as(kind: type[UsageRequest]) -> Read:
    async def read(request: Request) -> dict[str, Any] | None:
        caller = await caller_of(request, *SERVICE_ROLES)
        about, body = about_customer(request), body_as(request, kind)
        if about is None or body is None:
            return None
        return about | {"body": body, "request": request, "caller": caller}

    return read


FAST_PATHS: Final = (
    FastPath("POST", f"{router.prefix}/consume", _read_as(ConsumeRequest), consume),
    FastPath("POST", f"{router.prefix}/release", _read_as(ReleaseRequest), release),
)


def key_in_header(request: Request) -> str:
    """The key of a use whose body names none.

    Raises:
        Malformed: there is none at all.
    """
    key = idempotency_key(request)
    if key is None:
        raise Malformed(f"name this use: give a key, in the body or as the header {HEADER}", field="key")
    return key


async def find_feature(name: str, customer: str, tenant: str, entitlements: EntitlementLookup) -> Feature:
    """What a use is counted of, by today's catalog or else by the customer's own.

    Raises:
        Rejected: code `unknown_feature`.
    """
    feature = metered(name, entitlements.dependencies.catalog)
    if feature is not None:
        return feature
    snapshot = await entitlements.of(tenant, customer)
    feature = metered(name, snapshot.catalog)
    if feature is None:
        raise unknown_feature(name, snapshot.today, snapshot.catalog)
    return feature


async def record_usage(use: Use, name: str, tenant: str, entitlements: EntitlementLookup) -> Response:
    """Have a use counted, and tell what came of it."""
    first = await entitlements.repositories.usage.use(use, entitlements.dependencies.ground, tenant=tenant)
    counted, snapshot = await entitlements.settled(use, name, first, tenant)
    counted = snapshot.seen(counted)
    if counted.outcome in (Outcome.COUNTED, Outcome.REPEATED):
        question = EntitlementCheck(use.customer, snapshot, _asked(name, counted, snapshot), use.quantity)
        answer = as_json(question.consumed(counted.counters, use.key, repeated=counted.outcome is Outcome.REPEATED))
    else:
        answer = _answered(_refusal(use, name, counted, snapshot))
    answer.headers.update(limit_headers(counted.counters, snapshot))
    return answer


def _asked(name: str, counted: Counted, snapshot: EntitlementSnapshot) -> Feature:
    """What an answer is about: the feature that was named; of a meter, the one that is nearest to its limit."""
    named = snapshot.features.get(name)
    nearest = snapshot.nearest(counted.counters)
    if named is not None or nearest is None:
        return named or next(iter(features_of(name, snapshot.features)))
    return snapshot.features[nearest.feature]


def _refusal(use: Use, name: str, counted: Counted, snapshot: EntitlementSnapshot) -> TenureError:
    """Why a use was not counted."""
    outcome, feature = counted.outcome, _asked(name, counted, snapshot)
    if outcome is Outcome.NOT_A_GAUGE:
        return not_a_gauge(feature, "in the catalog that the customer keeps, it is counted by time")
    if outcome is Outcome.KEY_REUSED:
        return Rejected(
            f"the key {use.key!r} named another use before, or one that was given back: give each use a key of its own",
            code="key_reused",
            details=_about(use, feature, snapshot),
        )
    if outcome is Outcome.TOO_MUCH:
        used = min((one.used for one in counted.counters), default=0)
        return Rejected(
            f"{feature.name}: {use.quantity:,} cannot be released, for {used:,} are in use",
            code="nothing_to_release",
            details=_about(use, feature, snapshot) | {"used": used},
        )
    denial = denial_of(outcome)
    assert denial is not None  # noqa: S101 - what else there is concerns use at another moment
    counter = next((one for one in counted.counters if one.feature == feature.code), None)
    counter = refusing(counted.counters, use.quantity, denial) or counter
    feature = snapshot.features[counter.feature] if counter is not None else feature
    return EntitlementCheck(use.customer, snapshot, feature, use.quantity).refusal(denial, counter)


def _about(use: Use, feature: Feature, snapshot: EntitlementSnapshot) -> dict[str, object]:
    """What every refusal of a use tells."""
    plan = PlanRef.of(snapshot)
    return {
        "customer": use.customer,
        "feature": feature.code,
        "plan": plan.model_dump(mode="json") if plan is not None else None,
        "basis": snapshot.standing.basis.value,
    }


async def _without_counting(
    customer: str, body: ConsumeRequest, key: str, tenant: str, entitlements: EntitlementLookup
) -> Response:
    """Answer of what is had or not; what turns out to be counted in the customer's own catalog is used up."""
    snapshot = await entitlements.of(tenant, customer)
    feature = metered(body.feature, snapshot.catalog) or metered(body.feature, snapshot.today)
    if feature is None:
        raise unknown_feature(body.feature, snapshot.today, snapshot.catalog)
    check_value(body.value, feature)
    check_quantity(body.quantity, feature)
    if feature.window is not None:
        return await record_usage(Use(customer, feature.meter, body.quantity, key), body.feature, tenant, entitlements)
    if feature.kind is FeatureKind.NUMBER:
        raise Malformed(
            f"use of {feature.code} is not counted here: ask GET .../entitlements/{feature.code}?quantity= with how "
            "many there would be",
            field="feature",
            code="not_counted",
        )
    question = EntitlementCheck(customer, snapshot, feature, body.quantity, body.value)
    denial = snapshot.denial(feature, body.quantity, body.value)
    return as_json(question.consumed((), key)) if denial is None else _answered(question.refusal(denial, None))


def _answered(refusal: TenureError) -> Response:
    """A refusal as an answer of its own, which takes headers."""
    answer = response_to(refusal)
    assert answer is not None  # noqa: S101 - an expected error
    return answer
