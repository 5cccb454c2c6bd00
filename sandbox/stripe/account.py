"""The account itself and its events."""

from sandbox.stripe.lists import page
from sandbox.stripe.params import FLAG, PAGING, RANGE, TEXT, Many, Params, Shape
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

MERCHANT = "Tenure Sandbox"
"""Whom customers buy from, as the pages say."""
EVENT_LIST = Shape({**PAGING, "type": TEXT, "types": Many(TEXT), "delivery_success": FLAG, "created": RANGE})
UNDELIVERED = "SELECT event FROM deliveries WHERE state IN ('pending', 'dropped', 'failed') ORDER BY seq DESC"
DELIVERED = "SELECT 1 FROM deliveries WHERE event = ? AND state = 'delivered'"


def retrieve(_world: World, _ids: Params, _params: Params) -> Object:
    return {
        "id": "acct_sandbox00000000",
        "object": "account",
        "business_profile": {"name": MERCHANT},
        "business_type": None,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


def retrieve_event(world: World, ids: Params, _params: Params) -> Object:
    return _with_pending(world, world.named("event", ids["event"]))


def list_events(world: World, _ids: Params, params: Params) -> Object:
    found = _among(world, params.get("delivery_success"))
    types = [*params.get("types", []), *([params["type"]] if "type" in params else [])]
    if types:
        found = [each for each in found if any(_matches(each["type"], wanted) for wanted in types)]
    listed = page(found, params, "/v1/events")
    return {**listed, "data": [_with_pending(world, each) for each in listed["data"]]}


def _among(world: World, delivered: bool | None) -> list[Object]:
    """All events, newest first, or only those that are or are not delivered. These few are read alone."""
    if delivered is None:
        return world.store.find("event")
    missed = [reference for (reference,) in world.store.query(UNDELIVERED)]
    if delivered:
        unheard = set(missed)
        return [each for each in world.store.find("event") if each["id"] not in unheard]
    # The others are thin events.
    return [event for reference in missed if (event := world.store.get(reference, "event")) is not None]


def _matches(kind: str, wanted: str) -> bool:
    if wanted.endswith("*"):
        return kind.startswith(wanted[:-1])
    return kind == wanted


def _with_pending(world: World, event: Object) -> Object:
    """*event* with `pending_webhooks` as it is now."""
    return {**event, "pending_webhooks": 0} if world.store.query(DELIVERED, event["id"]) else event
