"""`expand[]`: replaces ids by their objects, and adds parts that are shown only on request."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.stripe.clock import TEST_CLOCK
from sandbox.stripe.errors import invalid
from sandbox.stripe.events import shown
from sandbox.stripe.lists import list_of
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

STRIPES_DEEPEST = 4
KIND_OF = {
    "charge": "charge",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "default_price": "price",
    "invoice": "invoice",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "price": "price",
    "product": "product",
    "setup_intent": "setup_intent",
    "subscription": "subscription",
    "test_clock": TEST_CLOCK,
    "default_source": "card",
    "pending_setup_intent": "setup_intent",
}
"""The kind of object that a field's id refers to."""

NOT_EXPANDABLE = {("charge", "payment_method"), ("subscription_item", "subscription")}


def _payments(world: World, invoice: Object) -> Object:
    payments = world.store.find("invoice_payment", parent=invoice["id"])
    return list_of(payments, f"/v1/invoice_payments?invoice={invoice['id']}")


def _refunds(world: World, charge: Object) -> Object:
    return list_of(world.store.find("refund", parent=charge["id"]), f"/v1/charges/{charge['id']}/refunds")


def _subscriptions(world: World, customer: Object) -> Object:
    found = world.store.find("subscription", customer=customer["id"])
    running = [each for each in found if each["status"] not in ("canceled", "incomplete_expired")]
    return list_of(running, f"/v1/customers/{customer['id']}/subscriptions")


def _tax_ids(world: World, customer: Object) -> Object:
    found = world.store.find("tax_id", customer=customer["id"])
    return list_of(found, f"/v1/customers/{customer['id']}/tax_ids")


INCLUDED: Mapping[tuple[str, str], Callable[[World, Object], Object]] = {
    ("invoice", "payments"): _payments,
    ("charge", "refunds"): _refunds,
    ("customer", "subscriptions"): _subscriptions,
    ("customer", "tax_ids"): _tax_ids,
}
"""Parts of an object that are left out unless they are expanded."""


def expanded(world: World, thing: Object, paths: Sequence[str]) -> Object:
    answer = shown(thing)
    for path in paths:
        steps = path.split(".")
        if world.deepest_expansion is not None and len(steps) > world.deepest_expansion:
            raise invalid(
                f"You cannot expand more than {world.deepest_expansion} levels of a property. Property: {path}",
                param="expand",
                code="property_expansion_max_depth",
            )
        _expand(world, answer, steps, path)
    return answer


def _expand(world: World, node: Any, steps: Sequence[str], path: str) -> None:
    if isinstance(node, list):
        for each in node:
            _expand(world, each, steps, path)
        return
    if not steps or not isinstance(node, dict):
        return
    step, *rest = steps
    value = _value(world, node, step, path, last=not rest)
    _expand(world, value, rest, path)


def _value(world: World, node: Object, step: str, path: str, *, last: bool) -> Any:
    kind = str(node.get("object", ""))
    include = INCLUDED.get((kind, step))
    if include is not None and not isinstance(node.get(step), dict):
        node[step] = include(world, node)
        return node[step]
    value = node.get(step)
    if isinstance(value, str) and step in KIND_OF and (kind, step) not in NOT_EXPANDABLE:
        found = world.store.get(value, KIND_OF[step])
        node[step] = value if found is None else shown(found)
        return node[step]
    known = step in node and (isinstance(value, dict | list) or (value is None and step in KIND_OF))
    if not known or (last and not isinstance(value, dict) and value is not None):
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    return value
