"""Events of use, many in one request: each looked at, counted and answered by itself."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from api.entitlements.lookup import EntitlementLookup, metered, unknown_feature
from api.entitlements.views import PlanRef
from api.http.errors import said_of
from api.http.fields import Code, ExternalId, Timestamp, UsageKey
from api.http.request_model import RequestModel
from domain.access import Basis
from domain.catalog.plans import Catalog
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import MAX_QUANTITY, Action, Counted, Outcome, UsageLevel, Use

MAX_EVENTS = 1000
NAMES = ("key", "customer", "meter")
"""What an event is told by in its result, however wrong it is."""


class EventAction(StrEnum):
    """What has happened to a meter."""

    RECORD = "record"
    RELEASE = "release"
    SET = "set"


class IngestOutcome(StrEnum):
    """What came of an event."""

    COUNTED = "counted"
    REPEATED = "repeated"
    REFUSED = "refused"


class UsageEventRequest(RequestModel):
    """Something that was used, released or set."""

    customer: ExternalId
    meter: Code
    quantity: Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]
    key: UsageKey
    at: Timestamp | None = None
    action: EventAction = EventAction.RECORD


class UsageEventResult(BaseModel):
    """What came of one event, in the order in which they were sent."""

    key: str | None = Field(description="as it was sent; null: there was none, or none that can be written")
    customer: str | None
    meter: str | None
    outcome: IngestOutcome
    plan: PlanRef | None = Field(default=None, description="null: nothing entitles, or the event made no sense")
    basis: Basis | None = Field(default=None, description="null: the event made no sense")
    code: str | None = Field(default=None, description="why it was refused, for programs", examples=["in_the_future"])
    detail: str | None = Field(default=None, description="the same for people")
    used: int | None = Field(default=None, description="of what the meter uses up, that which is nearest to its limit")
    limit: int | None = Field(default=None, description="null: unlimited")
    level: UsageLevel | None = Field(default=None, description="null: there is no limit, or nothing is in the plan")


class IngestResult(BaseModel):
    """What came of all events."""

    counted: int
    repeated: int
    refused: int
    results: list[UsageEventResult]


_REFUSALS = {
    Outcome.KEY_REUSED: ("key_reused", "the key named another use before: give each event a key of its own"),
    Outcome.NO_PLAN: ("no_plan", "the customer has no plan, and there is no free one to count by"),
    Outcome.NOT_IN_PLAN: (
        "feature_not_in_plan",
        "in the catalog of the customer's plan nothing of this name is counted",
    ),
    Outcome.NOT_A_GAUGE: ("not_a_gauge", "what is used over a time is recorded; only gauges are released or set"),
    Outcome.TOO_MUCH: ("nothing_to_release", "more was to be released than is in use"),
    Outcome.IN_THE_FUTURE: ("in_the_future", "`at` is more than 5 minutes ahead of our clock"),
    Outcome.TOO_LATE: ("too_late", "`at` is more than 35 days ago"),
}


async def ingest(events: Sequence[Any], tenant: str, entitlements: EntitlementLookup) -> IngestResult:
    """Count what can be counted, in one round trip, and say of each event what came of it."""
    read = [_read(event) for event in events]
    uses = [_use(body, entitlements.dependencies.catalog) for body in read if isinstance(body, UsageEventRequest)]
    usage, ground = entitlements.repositories.usage, entitlements.dependencies.ground
    counted = zip(uses, await usage.use_all(uses, ground, tenant=tenant), strict=True)
    results = [
        await _result(body, *next(counted), tenant, entitlements) if isinstance(body, UsageEventRequest) else body
        for body in read
    ]
    return _summed(results)


def _read(event: Any) -> UsageEventRequest | UsageEventResult:
    """The event, or what is wrong with it."""
    try:
        body = UsageEventRequest.model_validate(event)
        if body.quantity == 0 and body.action is not EventAction.SET:
            return _refused(event, "malformed", "quantity: at least 1, unless a gauge is set")
        if body.at is not None and body.action is EventAction.SET:
            return _refused(event, "malformed", "at: how much there is is set as of now; leave it out")
        if body.at is not None and not 2000 <= body.at.year <= 2200:
            return _refused(event, "malformed", "at: the year must lie between 2000 and 2200")
    except ValidationError as error:
        return _refused(event, "malformed", said_of(error, "event"))
    return body


def _refused(event: Any, code: str, detail: str) -> UsageEventResult:
    given = event if isinstance(event, dict) else {}
    key, customer, meter = (_echo(given.get(name)) for name in NAMES)
    return UsageEventResult(
        key=key, customer=customer, meter=meter, outcome=IngestOutcome.REFUSED, code=code, detail=detail
    )


def _echo(told: object) -> str | None:
    """A name as it was sent; JSON may come with half of a character, which cannot be sent back."""
    if not isinstance(told, str):
        return None
    try:
        told.encode()
    except UnicodeEncodeError:
        return None
    return told


def _use(body: UsageEventRequest, today: Catalog) -> Use:
    feature = metered(body.meter, today)
    meter = feature.meter if feature is not None and feature.meter else body.meter
    at = body.at.astimezone(UTC) if isinstance(body.at, datetime) else None
    return Use(body.customer, meter, body.quantity, body.key, Action(body.action), at)


async def _result(
    body: UsageEventRequest, use: Use, counted: Counted, tenant: str, entitlements: EntitlementLookup
) -> UsageEventResult:
    counted, snapshot = await entitlements.settled(use, body.meter, counted, tenant)
    known: dict[str, Any] = {
        "key": body.key,
        "customer": body.customer,
        "meter": body.meter,
        "plan": PlanRef.of(snapshot),
        "basis": snapshot.standing.basis,
    }
    if counted.outcome not in (Outcome.COUNTED, Outcome.REPEATED):
        code, detail = _why_not(body, counted, snapshot)
        return UsageEventResult(**known, outcome=IngestOutcome.REFUSED, code=code, detail=detail)
    return UsageEventResult(**known, outcome=IngestOutcome(counted.outcome), **_counts(counted, snapshot))


def _counts(counted: Counted, snapshot: EntitlementSnapshot) -> dict[str, Any]:
    nearest = snapshot.nearest(snapshot.seen(counted).counters)
    if nearest is None:
        return {}
    feature = snapshot.features.get(nearest.feature)
    level = snapshot.level(nearest, feature) if feature is not None and nearest.included else None
    return {"used": nearest.used, "limit": nearest.included, "level": level}


def _why_not(body: UsageEventRequest, counted: Counted, snapshot: EntitlementSnapshot) -> tuple[str, str]:
    if counted.outcome in (Outcome.NO_PLAN, Outcome.NOT_IN_PLAN) and not _is_known(
        body.meter, (snapshot.today, snapshot.catalog)
    ):
        unknown = unknown_feature(body.meter, snapshot.today, snapshot.catalog)
        return "unknown_meter", unknown.message
    return _REFUSALS[counted.outcome]


def _is_known(name: str, catalogs: Iterable[Catalog]) -> bool:
    return any(metered(name, catalog) is not None for catalog in catalogs)


def _summed(results: list[UsageEventResult]) -> IngestResult:
    of = [one.outcome for one in results]
    return IngestResult(**{each.value: of.count(each) for each in IngestOutcome}, results=results)
