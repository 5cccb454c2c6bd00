"""Ingests batches of usage events; each is validated, counted and reported on its own."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from api.entitlements.lookup import EntitlementLookup, metered, unknown_feature
from api.entitlements.views import PlanRef
from api.http.errors import validation_detail
from api.http.fields import (
    Code,
    ExternalId,
    RequestModel,
    Timestamp,
    UsageKey,
)
from domain.access import Basis
from domain.catalog.plans import Catalog
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import MAX_QUANTITY, Action, Counted, Outcome, UsageChange, UsageLevel

MAX_EVENTS = 1000
IDENTIFYING_FIELDS = ("key", "customer", "meter")
"""Fields that identify an event in its result, even if it is malformed."""


class EventAction(StrEnum):
    """What an event does to a meter."""

    RECORD = "record"
    RELEASE = "release"
    SET = "set"


class IngestOutcome(StrEnum):
    """The outcome of an event."""

    COUNTED = "counted"
    REPEATED = "repeated"
    REFUSED = "refused"


class UsageEventRequest(RequestModel):
    """Usage that was recorded, released or set."""

    customer: ExternalId
    meter: Code
    quantity: Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]
    key: UsageKey
    at: Timestamp | None = None
    action: EventAction = EventAction.RECORD


class UsageEventResult(BaseModel):
    """The result of one event, in the order in which they were sent."""

    key: str | None = Field(description="as sent; null if missing or not valid text")
    customer: str | None
    meter: str | None
    outcome: IngestOutcome
    plan: PlanRef | None = Field(default=None, description="null if the customer has none, or the event is malformed")
    basis: Basis | None = Field(default=None, description="null if the event is malformed")
    code: str | None = Field(
        default=None, description="machine-readable reason of a refusal", examples=["in_the_future"]
    )
    detail: str | None = Field(default=None, description="the reason in words")
    used: int | None = Field(default=None, description="of the meter's feature that is nearest to its limit")
    limit: int | None = Field(default=None, description="null if unlimited")
    level: UsageLevel | None = Field(
        default=None, description="null if there is no limit, or the plan does not include it"
    )


class IngestResult(BaseModel):
    """The results of all events."""

    counted: int
    repeated: int
    refused: int
    results: list[UsageEventResult]


_REFUSALS = {
    Outcome.KEY_REUSED: ("key_reused", "the key was already used for other usage: use a new key for each event"),
    Outcome.NO_PLAN: ("no_plan", "the customer has no plan, and there is no free plan"),
    Outcome.NOT_IN_PLAN: (
        "feature_not_in_plan",
        "nothing of this name is counted in the catalog of the customer's plan",
    ),
    Outcome.NOT_A_GAUGE: ("not_a_gauge", "only gauges can be released or set; usage of other meters is recorded"),
    Outcome.TOO_MUCH: ("nothing_to_release", "cannot release more than is in use"),
    Outcome.IN_THE_FUTURE: ("in_the_future", "`at` is more than 5 minutes ahead of our clock"),
    Outcome.TOO_LATE: ("too_late", "`at` is more than 35 days ago"),
}


async def ingest(events: Sequence[Any], tenant: str, entitlements: EntitlementLookup) -> IngestResult:
    """Count all valid events in one round trip, and return the result of each."""
    read = [_read(event) for event in events]
    uses = [_use(event, entitlements.dependencies.catalog) for event in read if isinstance(event, UsageEventRequest)]
    usage, rules = entitlements.repositories.usage, entitlements.dependencies.entitlement_rules
    counted = zip(uses, await usage.use_all(uses, rules, tenant=tenant), strict=True)
    results = [
        await _result(event, *next(counted), tenant, entitlements) if isinstance(event, UsageEventRequest) else event
        for event in read
    ]
    return _totals(results)


def _read(raw: Any) -> UsageEventRequest | UsageEventResult:
    """Return the event, or a result that says what is wrong with it."""
    try:
        event = UsageEventRequest.model_validate(raw)
        if event.quantity == 0 and event.action is not EventAction.SET:
            return _refused(raw, "malformed", "quantity: must be at least 1, except with action set")
        if event.at is not None and event.action is EventAction.SET:
            return _refused(raw, "malformed", "at: leave it out, a gauge is always set as of now")
        if event.at is not None and not 2000 <= event.at.year <= 2200:
            return _refused(raw, "malformed", "at: the year must be between 2000 and 2200")
    except ValidationError as error:
        return _refused(raw, "malformed", validation_detail(error, "event"))
    return event


def _refused(raw: Any, code: str, detail: str) -> UsageEventResult:
    given = raw if isinstance(raw, dict) else {}
    key, customer, meter = (_echo(given.get(name)) for name in IDENTIFYING_FIELDS)
    return UsageEventResult(
        key=key, customer=customer, meter=meter, outcome=IngestOutcome.REFUSED, code=code, detail=detail
    )


def _echo(value: object) -> str | None:
    """Return a name as sent, unless it contains lone surrogates, which cannot be sent back."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _use(event: UsageEventRequest, today: Catalog) -> UsageChange:
    feature = metered(event.meter, today)
    meter = feature.meter if feature is not None and feature.meter else event.meter
    at = event.at.astimezone(UTC) if isinstance(event.at, datetime) else None
    return UsageChange(event.customer, meter, event.quantity, event.key, Action(event.action), at)


async def _result(
    event: UsageEventRequest, use: UsageChange, counted: Counted, tenant: str, entitlements: EntitlementLookup
) -> UsageEventResult:
    counted, snapshot = await entitlements.settle(use, event.meter, counted, tenant)
    known: dict[str, Any] = {
        "key": event.key,
        "customer": event.customer,
        "meter": event.meter,
        "plan": PlanRef.of(snapshot),
        "basis": snapshot.standing.basis,
    }
    if counted.outcome not in (Outcome.COUNTED, Outcome.REPEATED):
        code, detail = _refusal(event, counted, snapshot)
        return UsageEventResult(**known, outcome=IngestOutcome.REFUSED, code=code, detail=detail)
    return UsageEventResult(**known, outcome=IngestOutcome(counted.outcome), **_counts(counted, snapshot))


def _counts(counted: Counted, snapshot: EntitlementSnapshot) -> dict[str, Any]:
    nearest = snapshot.nearest(snapshot.seen(counted).counters)
    if nearest is None:
        return {}
    feature = snapshot.features.get(nearest.feature)
    level = snapshot.level(nearest, feature) if feature is not None and nearest.included else None
    return {"used": nearest.used, "limit": nearest.included, "level": level}


def _refusal(event: UsageEventRequest, counted: Counted, snapshot: EntitlementSnapshot) -> tuple[str, str]:
    if counted.outcome in (Outcome.NO_PLAN, Outcome.NOT_IN_PLAN) and not _is_known(
        event.meter, (snapshot.today, snapshot.catalog)
    ):
        unknown = unknown_feature(event.meter, snapshot.today, snapshot.catalog)
        return "unknown_meter", unknown.message
    return _REFUSALS[counted.outcome]


def _is_known(name: str, catalogs: Iterable[Catalog]) -> bool:
    return any(metered(name, catalog) is not None for catalog in catalogs)


def _totals(results: list[UsageEventResult]) -> IngestResult:
    of = [one.outcome for one in results]
    return IngestResult(**{each.value: of.count(each) for each in IngestOutcome}, results=results)
