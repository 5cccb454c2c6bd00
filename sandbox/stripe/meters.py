"""Billing meters, usage, and the usage of a billing period."""

import re

from sandbox.stripe.errors import invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import METADATA, PAGING, TEXT, WHOLE, Params, Shape, Text
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

DAY = 86_400
OLDEST, AHEAD = 35 * DAY, 300
"""How many seconds back and ahead usage may be reported."""
REMEMBERED = DAY
"""For how many seconds an identifier is known; at Stripe this is the minimum."""
LONGEST = 100
"""Maximum length of an event's name, and of an identifier."""

_KEY = Shape({"event_payload_key": TEXT}, required=["event_payload_key"])
METER_CREATE = Shape(
    {
        "display_name": TEXT,
        "event_name": TEXT,
        "default_aggregation": Shape({"formula": Text("sum")}, required=["formula"]),
        "customer_mapping": Shape(
            {"event_payload_key": TEXT, "type": Text("by_id")}, required=["event_payload_key", "type"]
        ),
        "value_settings": _KEY,
    },
    required=["display_name", "event_name", "default_aggregation"],
)
METER_LIST = Shape({**PAGING, "status": Text("active", "inactive")})


EVENT_CREATE = Shape(
    {"event_name": TEXT, "payload": METADATA, "identifier": TEXT, "timestamp": WHOLE},
    required=["event_name", "payload"],
)


def create_meter(world: World, _ids: Params, params: Params) -> Object:
    name = params["event_name"]
    if len(name) > LONGEST:
        raise invalid(f"The event name has more than {LONGEST} characters.", param="event_name")
    if _meter_of(world, name) is not None:
        raise invalid(f"There is already an active meter with event name {name}.", param="event_name")
    now = world.now(None)
    return world.store.save(
        {
            "id": new_id("mtr"),
            "object": "billing.meter",
            "created": now,
            "customer_mapping": params.get(
                "customer_mapping", {"event_payload_key": "stripe_customer_id", "type": "by_id"}
            ),
            "default_aggregation": params["default_aggregation"],
            "display_name": params["display_name"],
            "event_name": name,
            "event_time_window": None,
            "livemode": False,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": now,
            "value_settings": params.get("value_settings", {"event_payload_key": "value"}),
        }
    )


def _meter_of(world: World, event_name: str) -> Object | None:
    active = (each for each in world.store.find("billing.meter") if each["status"] == "active")
    return next((each for each in active if each["event_name"] == event_name), None)


def retrieve_meter(world: World, ids: Params, _params: Params) -> Object:
    return world.named("billing.meter", ids["meter"])


def list_meters(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("billing.meter")
    if "status" in params:
        found = [each for each in found if each["status"] == params["status"]]
    return page(found, params, "/v1/billing/meters")


def deactivate_meter(world: World, ids: Params, _params: Params) -> Object:
    meter = retrieve_meter(world, ids, {})
    now = world.now(None)
    meter.update(status="inactive", updated=now, status_transitions={"deactivated_at": now})
    return world.store.save(meter)


def create_event(world: World, _ids: Params, params: Params) -> Object:
    """Record usage.

    Raises:
        StripeFailure: the meter or customer is unknown, the value is invalid, the time is too far away, or the
            identifier was used before.

    """
    name, payload = params["event_name"], params["payload"]
    meter = _meter_of(world, name)
    if meter is None:
        raise invalid(f"No active meter found for event name {name}.", param="event_name")
    customer = world.given("customer", _field(meter, "customer_mapping", payload), "payload")["id"]
    value = _field(meter, "value_settings", payload)
    if not re.fullmatch(r"-?\d{1,15}", value):
        raise invalid(f"The value of a meter event is a whole number, not {value!r}.", param="payload")
    now = world.now(customer)
    moment: int = params.get("timestamp", now)
    if not now - OLDEST <= moment <= now + AHEAD:
        raise invalid(
            "The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.",
            param="timestamp",
        )
    event: Object = {
        "object": "billing.meter_event",
        "created": now,
        "event_name": name,
        "identifier": _unused(world, customer, params.get("identifier") or new_id("mtrev"), now),
        "livemode": False,
        "payload": payload,
        "timestamp": moment,
    }
    kept = {"id": new_id("mtrev"), "_customer": customer, "_meter": meter["id"], "_value": int(value)}
    world.store.save({**event, **kept})
    return event


def _field(meter: Object, setting: str, payload: Params) -> str:
    key = meter[setting]["event_payload_key"]
    if key not in payload:
        raise invalid(f"The payload lacks {key}.", param="payload")
    return str(payload[key])


def _unused(world: World, customer: str, identifier: str, now: int) -> str:
    if len(identifier) > LONGEST:
        raise invalid(f"The identifier has more than {LONGEST} characters.", param="identifier")
    for each in world.store.find("billing.meter_event", customer=customer):
        if each["identifier"] == identifier and each["created"] > now - REMEMBERED:
            raise invalid(f"An event already exists with identifier {identifier}.")
    return identifier


def is_metered(item: Object) -> bool:
    """True if an item is billed by usage, not by quantity."""
    return (item["price"]["recurring"] or {}).get("usage_type") == "metered"


def used(world: World, customer: str, price: Object, start: int, end: int) -> int:
    """A customer's usage on a price's meter, from *start* until before *end*."""
    events = world.store.find("billing.meter_event", customer=customer, parent=price["recurring"]["meter"])
    return sum(each["_value"] for each in events if start <= each["timestamp"] < end)


def cost_of(price: Object, quantity: int) -> int:
    """The price of this usage or quantity."""
    rule = price["transform_quantity"]
    if rule is not None:
        whole, rest = divmod(quantity, rule["divide_by"])
        quantity = whole + (rest > 0 and rule["round"] == "up")
    return int(price["unit_amount"] * max(0, quantity))
