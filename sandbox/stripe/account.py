"""The account itself and its events."""

from sandbox.stripe.lists import page
from sandbox.stripe.params import FLAG, PAGING, RANGE, TEXT, Many, Params, Shape
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

MERCHANT = "Tenure Sandbox"
"""Whom customers buy from, as the pages say."""
EVENT_LIST = Shape({**PAGING, "type": TEXT, "types": Many(TEXT), "delivery_success": FLAG, "created": RANGE})


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
    event = world.named("event", ids["event"])
    return _with_pending(world, [event])[0]


def list_events(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("event")
    types = [*params.get("types", []), *([params["type"]] if "type" in params else [])]
    if types:
        found = [each for each in found if any(_matches(each["type"], wanted) for wanted in types)]
    if "delivery_success" in params:
        states = dict(world.store.query("SELECT event, state FROM deliveries WHERE state != 'delivered'"))
        wanted = params["delivery_success"]
        found = [each for each in found if (each["id"] not in states) == wanted]
    return page(_with_pending(world, found), params, "/v1/events")


def _matches(kind: str, wanted: str) -> bool:
    if wanted.endswith("*"):
        return kind.startswith(wanted[:-1])
    return kind == wanted


def _with_pending(world: World, events: list[Object]) -> list[Object]:
    """*events* with `pending_webhooks` as it is now."""
    delivered = {row[0] for row in world.store.query("SELECT event FROM deliveries WHERE state = 'delivered'")}
    return [{**each, "pending_webhooks": 0} if each["id"] in delivered else each for each in events]
