"""Customers."""

import secrets
from typing import Any

from sandbox.stripe.events import changes, shown
from sandbox.stripe.frozen_clocks import delete_customer, put_on
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import (
    CLEAR,
    METADATA,
    PAGING,
    RANGE,
    TEXT,
    WHOLE,
    Clearable,
    Many,
    Params,
    Shape,
    merged_metadata,
)
from sandbox.stripe.payment_methods import attach_to, owned
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

_ADDRESS = {name: Clearable(TEXT) for name in ("city", "country", "line1", "line2", "postal_code", "state")}
_FIELDS: dict[str, Any] = {
    "address": Clearable(Shape(_ADDRESS)),
    "description": Clearable(TEXT),
    "email": Clearable(TEXT),
    "name": Clearable(TEXT),
    "phone": Clearable(TEXT),
    "balance": WHOLE,
    "preferred_locales": Many(TEXT),
    "metadata": METADATA,
    "invoice_settings": Shape({"default_payment_method": Clearable(TEXT)}),
}
CREATE = Shape({**_FIELDS, "payment_method": TEXT, "test_clock": TEXT})
UPDATE = Shape(_FIELDS)
DELETE = Shape({})
LIST = Shape({**PAGING, "email": TEXT, "test_clock": TEXT, "created": RANGE})


def create(world: World, _ids: Params, params: Params) -> Object:
    customer = _blank(new_id("cus", 14))
    _introduce(world, customer["id"], params.get("metadata") or {})
    if "test_clock" in params:
        put_on(world, customer, params["test_clock"])
    customer["created"] = world.now(customer["id"])
    _apply(customer, params)
    world.store.save(customer)
    world.events.emit("customer.created", customer, customer=customer["id"])
    default = params.get("invoice_settings", {}).get("default_payment_method") or None
    if "payment_method" in params:
        method = attach_to(world, params["payment_method"], customer["id"])
        # Stripe's test names refer to the payment method just created from them.
        default = method["id"] if default == params["payment_method"] else default
    if default:
        _set_default(world, customer, default)
        world.store.save(customer)
    return customer


def _blank(reference: str) -> Object:
    return {
        "id": reference,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": 0,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": secrets.token_hex(4).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _introduce(world: World, customer: str, metadata: Any) -> None:
    external_id = metadata.get("external_id") if metadata else None
    if external_id:
        world.bank.carry_over(customer, external_id)
        world.clocks.introduce(customer, external_id)


def _apply(customer: Object, params: Params) -> None:
    for name in ("address", "description", "email", "name", "phone", "balance", "preferred_locales"):
        if name in params:
            customer[name] = None if params[name] == CLEAR else params[name]
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])


def _set_default(world: World, customer: Object, reference: str) -> None:
    method = owned(world, reference, customer["id"], "invoice_settings[default_payment_method]")
    customer["invoice_settings"]["default_payment_method"] = method["id"]
    world.bank.card_came_on_file(customer["id"], method["id"])


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    reference = ids["customer"]
    if world.store.get(reference, "deleted_customer"):
        return {"id": reference, "object": "customer", "deleted": True}
    return world.named("customer", reference)


def update(world: World, ids: Params, params: Params) -> Object:
    customer = world.named("customer", ids["customer"])
    before = shown(customer)
    _introduce(world, customer["id"], params.get("metadata") or {})
    _apply(customer, params)
    settings = params.get("invoice_settings", {})
    if settings.get("default_payment_method") == CLEAR:
        customer["invoice_settings"]["default_payment_method"] = None
    elif "default_payment_method" in settings:
        _set_default(world, customer, settings["default_payment_method"])
    world.store.save(customer)
    changed = changes(before, customer)
    if changed:
        world.events.emit("customer.updated", customer, customer=customer["id"], before=changed)
    return customer


def delete(world: World, ids: Params, _params: Params) -> Object:
    """Delete permanently: subscriptions end at once, nothing more is billed, and this id can never be charged."""
    customer = world.named("customer", ids["customer"])
    delete_customer(world, customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


def list_all(world: World, _ids: Params, params: Params) -> Object:
    # Customers on a test clock are listed only with that clock as a filter.
    found = [each for each in world.store.find("customer") if each["test_clock"] == params.get("test_clock")]
    if "email" in params:
        found = [each for each in found if each["email"] == params["email"]]
    return page(found, params, "/v1/customers")


def make_default(world: World, reference: str, method: str) -> None:
    """The customer selected this card outside the API."""
    customer = world.named("customer", reference)
    before = shown(customer)
    _set_default(world, customer, method)
    world.store.save(customer)
    world.events.emit("customer.updated", customer, customer=reference, before=changes(before, customer))
