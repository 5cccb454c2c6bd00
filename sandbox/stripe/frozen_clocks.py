"""Test clocks: the time of their customers stands still until a call advances it."""

from datetime import UTC, datetime

from sandbox.stripe import subscriptions
from sandbox.stripe.clock import TEST_CLOCK as KIND
from sandbox.stripe.errors import StripeFailure, invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import PAGING, TEXT, WHOLE, Params, Shape
from sandbox.stripe.periods import nth
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

MOST_CUSTOMERS = 3
MOST_SUBSCRIPTIONS = 3
"""Of each customer."""
INTERVALS = 2
"""Of the shortest subscription: how far a clock can advance at once."""
YEARS = 2
"""How far it can advance without a subscription."""
YEARS_AHEAD = 5
"""How far in the future a clock may start."""
KEPT_FOR = 30 * 86_400

CREATE = Shape({"frozen_time": WHOLE, "name": TEXT}, required=["frozen_time"])
ADVANCE = Shape({"frozen_time": WHOLE}, required=["frozen_time"])
DELETE = Shape({})
LIST = Shape({**PAGING})


def create(world: World, _ids: Params, params: Params) -> Object:
    now, at = world.now(None), params["frozen_time"]
    if not 0 < at <= nth(now, "year", YEARS_AHEAD, 1):
        raise invalid("Invalid timestamp: can be no more than five years in the future.", param="frozen_time")
    clock: Object = {
        "id": new_id("clock"),
        "object": KIND,
        "created": now,
        "deletes_after": now + KEPT_FOR,
        "frozen_time": at,
        "livemode": False,
        "name": params.get("name"),
        "status": "ready",
        "status_details": {},
    }
    return _told(world, clock, "created")


def _told(world: World, clock: Object, what: str) -> Object:
    world.store.save(clock)
    world.events.emit(f"{KIND}.{what}", clock, customer=None)
    return clock


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named(KIND, ids["test_clock"], param="test_clock")


def list_all(world: World, _ids: Params, params: Params) -> Object:
    return page(world.store.find(KIND), params, "/v1/test_helpers/test_clocks")


def advance(world: World, ids: Params, params: Params) -> Object:
    """Start advancing; the simulator does what is due on the way, and reports when the clock has arrived."""
    clock = retrieve(world, ids, {})
    refuse_if_advancing(clock)
    _check_way(world, clock, params["frozen_time"])
    clock.update(status="advancing", status_details={"advancing": {"target_frozen_time": params["frozen_time"]}})
    world.on_advancing()
    return _told(world, clock, "advancing")


def _check_way(world: World, clock: Object, to: int) -> None:
    at, furthest = clock["frozen_time"], _furthest(world, clock)
    stands = f"The frozen time of this clock is {_moment(at)}."
    if to <= at:
        raise invalid(f"{stands} You can only advance it to a later time.", param="frozen_time")
    if to > furthest:
        raise invalid(
            f"{stands} You can only advance it up to {_moment(furthest)}. You can only advance a test clock up to two "
            "intervals from the current frozen time at a time, based on the shortest subscription interval in the test "
            "clock. For example, if a test clock has a monthly and yearly subscription, you may only advance up to two "
            "months at a time. If the test clock has no subscriptions or subscription schedules, you can advance up to "
            "2 years from the current frozen time.",
            param="frozen_time",
        )


def _moment(epoch: int) -> str:
    return f"{epoch} ({datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M:%S} UTC)"


def _furthest(world: World, clock: Object) -> int:
    at = clock["frozen_time"]
    terms = [
        item["price"]["recurring"]
        for customer in world.clocks.standing_on(clock["id"])
        for subscription in _running(world, customer)
        for item in subscription["items"]["data"]
    ]
    ends = [nth(at, each["interval"], each["interval_count"], INTERVALS) for each in terms]
    return min(ends, default=nth(at, "year", 1, YEARS))


def _running(world: World, customer: str) -> list[Object]:
    found = world.store.find("subscription", customer=customer)
    return [each for each in found if each["status"] not in subscriptions.OVER]


def advancing(world: World) -> list[Object]:
    return [each for each in world.store.find(KIND) if each["status"] == "advancing"]


def target_of(clock: Object) -> int:
    """The target of a clock that is being advanced."""
    return int(clock["status_details"]["advancing"]["target_frozen_time"])


def arrive(world: World, reference: str) -> None:
    with world.store.transaction():
        clock = world.named(KIND, reference)
        clock.update(frozen_time=target_of(clock), status="ready", status_details={})
        _told(world, clock, "ready")


def break_off(world: World, reference: str) -> None:
    with world.store.transaction():
        clock = world.named(KIND, reference)
        clock.update(status="internal_failure", status_details={})
        _told(world, clock, "internal_failure")


def refuse_if_advancing(clock: Object | None) -> None:
    """Raise if this clock's objects cannot be changed at the moment.

    Raises:
        StripeFailure: 429.

    """
    if clock is not None and clock["status"] == "advancing":
        raise StripeFailure(
            429,
            "invalid_request_error",
            f"Test clock advancement underway - cannot perform modifications: {clock['id']}",
        )


def put_on(world: World, customer: Object, reference: str) -> None:
    """The customer is on this clock from the start."""
    clock = world.given(KIND, reference, "test_clock")
    refuse_if_advancing(clock)
    if len(world.clocks.standing_on(clock["id"])) >= MOST_CUSTOMERS:
        raise invalid(f"A test clock can have at most {MOST_CUSTOMERS} customers.", param="test_clock")
    customer["test_clock"] = clock["id"]
    world.clocks.stand(customer["id"], clock["id"])


def refuse_more_subscriptions(world: World, customer: Object) -> None:
    """Raise if a customer on a test clock would have too many subscriptions."""
    if customer["test_clock"] and len(_running(world, customer["id"])) >= MOST_SUBSCRIPTIONS:
        raise invalid(
            f"A customer on a test clock can have at most {MOST_SUBSCRIPTIONS} subscriptions.", param="customer"
        )


def delete(world: World, ids: Params, _params: Params) -> Object:
    """Delete it with its customers; their subscriptions end."""
    clock = retrieve(world, ids, {})
    refuse_if_advancing(clock)
    for customer in world.clocks.standing_on(clock["id"]):
        delete_customer(world, world.named("customer", customer))
    world.clocks.release(clock["id"])
    world.store.forget(clock["id"])
    world.events.emit(f"{KIND}.deleted", clock, customer=None)
    return {"id": clock["id"], "object": KIND, "deleted": True}


def delete_customer(world: World, customer: Object) -> None:
    """Delete a customer permanently: their subscriptions end, and only a tombstone remains."""
    for subscription in _running(world, customer["id"]):
        subscriptions.end(world, subscription)
    world.events.emit("customer.deleted", customer, customer=customer["id"])
    world.store.forget(customer["id"])
    world.store.save({"id": customer["id"], "object": "deleted_customer"})
