"""Invoice previews: what a change of a subscription would bill."""

import copy

from sandbox.stripe import invoices, lines
from sandbox.stripe.errors import invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.params import TEXT, WHOLE, Many, Params, Shape, Text
from sandbox.stripe.store import Object
from sandbox.stripe.subscription_calls import first_lines, new
from sandbox.stripe.subscription_changes import ANCHOR, ITEM, apply_plan
from sandbox.stripe.subscriptions import end_of_period, items_list, period_of, with_period
from sandbox.stripe.world import World

PREVIEW = Shape(
    {
        "customer": TEXT,
        "subscription": TEXT,
        "subscription_details": Shape(
            {
                "items": Many(ITEM),
                "billing_cycle_anchor": ANCHOR,
                "proration_behavior": Text("create_prorations", "always_invoice", "none"),
                "proration_date": WHOLE,
            }
        ),
    }
)


def create_preview(world: World, _ids: Params, params: Params) -> Object:
    """The immediate invoice of the change; if there is none, the next renewal's with pending items.

    Without a subscription, the first invoice of a new one.
    """
    if "subscription" not in params:
        return _first(world, params)
    subscription = copy.deepcopy(world.given("subscription", params["subscription"], "subscription"))
    change = apply_plan(world, subscription, params.get("subscription_details", {}))
    now = world.now(subscription["customer"])
    its_lines, period = change.now, (now, now)
    items = subscription["items"]["data"]
    if not change.bills:
        its_lines, period = (
            [*change.later, *lines.by_use(world, subscription, items, period_of(subscription)[1])],
            period_of(subscription),
        )
        its_lines += _next_period(world, subscription)
    subscription["latest_invoice"] = f"upcoming_{new_id('in')}"
    waiting = invoices.waiting_lines(world, subscription)
    return _settled(invoices.assembled(world, subscription, [*waiting, *its_lines], "upcoming", period))


def _first(world: World, params: Params) -> Object:
    if "customer" not in params:
        raise invalid("You must provide a customer or a subscription.", param="customer", code="parameter_missing")
    customer = world.given("customer", params["customer"], "customer")
    terms = params.get("subscription_details", {})
    subscription = new(world, customer["id"], {"items": terms.get("items", [])})
    subscription["latest_invoice"] = f"upcoming_{new_id('in')}"
    its_lines, now = first_lines(world, subscription, terms), subscription["start_date"]
    return _settled(invoices.assembled(world, subscription, its_lines, "upcoming", (now, now)))


def _settled(invoice: Object) -> Object:
    due, left = invoices.shared(invoice["total"] + invoice["starting_balance"], invoice["currency"])
    invoice.update(amount_due=due, amount_remaining=due, ending_balance=left)
    return invoice


def _next_period(world: World, subscription: Object) -> list[Object]:
    items = subscription["items"]["data"]
    start = period_of(subscription)[1]
    end = end_of_period(items[0], subscription["billing_cycle_anchor"], start)
    renewed = {**subscription, "items": items_list(subscription["id"], with_period(items, start, end))}
    return lines.whole_period(world, renewed)
