"""Products and prices."""

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import (
    CLEAR,
    FLAG,
    METADATA,
    PAGING,
    RANGE,
    TEXT,
    WHOLE,
    Clearable,
    Many,
    Params,
    Shape,
    Text,
    merged_metadata,
)
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

_PRODUCT: dict[str, Any] = {
    "name": TEXT,
    "active": FLAG,
    "description": Clearable(TEXT),
    "metadata": METADATA,
    "unit_label": Clearable(TEXT),
    "statement_descriptor": TEXT,
    "tax_code": Clearable(TEXT),
    "url": Clearable(TEXT),
}
PRODUCT_CREATE = Shape({**_PRODUCT, "id": TEXT}, required=["name"])
PRODUCT_UPDATE = Shape({**_PRODUCT, "default_price": TEXT})
PRODUCT_LIST = Shape({**PAGING, "active": FLAG, "ids": Many(TEXT), "created": RANGE})
_INTERVAL = Text("day", "week", "month", "year")
_RECURRING = Shape(
    {"interval": _INTERVAL, "interval_count": WHOLE, "usage_type": Text("licensed", "metered"), "meter": TEXT},
    required=["interval"],
)
PRICE_CREATE = Shape(
    {
        "currency": TEXT,
        "product": TEXT,
        "unit_amount": WHOLE,
        "recurring": _RECURRING,
        "lookup_key": TEXT,
        "transfer_lookup_key": FLAG,
        "metadata": METADATA,
        "nickname": TEXT,
        "active": FLAG,
        "billing_scheme": Text("per_unit"),
        "transform_quantity": Shape({"divide_by": WHOLE, "round": Text("down", "up")}, required=["divide_by", "round"]),
        "tax_behavior": Text("exclusive", "inclusive", "unspecified"),
    },
    required=["currency", "product", "unit_amount"],
)
PRICE_UPDATE = Shape(
    {
        "active": FLAG,
        "lookup_key": Clearable(TEXT),
        "transfer_lookup_key": FLAG,
        "metadata": METADATA,
        "nickname": Clearable(TEXT),
        "tax_behavior": Text("exclusive", "inclusive", "unspecified"),
    }
)
PRICE_LIST = Shape(
    {
        **PAGING,
        "active": FLAG,
        "currency": TEXT,
        "created": RANGE,
        "lookup_keys": Many(TEXT),
        "product": TEXT,
        "type": Text("recurring", "one_time"),
        "recurring": Shape({"interval": _INTERVAL, "usage_type": Text("licensed", "metered")}),
    }
)


def create_product(world: World, _ids: Params, params: Params) -> Object:
    reference = params.get("id") or new_id("prod", 14)
    if world.store.get(reference, "product"):
        raise invalid("Product already exists.", param="id", code="resource_already_exists")
    now = world.now(None)
    product: Object = {
        "id": reference,
        "object": "product",
        "active": True,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": "",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    _apply(product, params)
    return world.store.save(product)


def _apply(thing: Object, params: Params) -> None:
    for name, value in params.items():
        if name == "metadata":
            thing["metadata"] = merged_metadata(thing["metadata"], value)
        elif name in thing:
            thing[name] = None if value == CLEAR else value


def retrieve_product(world: World, ids: Params, _params: Params) -> Object:
    return world.named("product", ids["product"])


def update_product(world: World, ids: Params, params: Params) -> Object:
    product = world.named("product", ids["product"])
    if "default_price" in params:
        world.given("price", params["default_price"], "default_price")
    _apply(product, params)
    product["updated"] = world.now(None)
    return world.store.save(product)


def list_products(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("product")
    if "active" in params:
        found = [each for each in found if each["active"] == params["active"]]
    if "ids" in params:
        found = [each for each in found if each["id"] in params["ids"]]
    return page(found, params, "/v1/products")


def create_price(world: World, _ids: Params, params: Params) -> Object:
    product = world.given("product", params["product"], "product")
    if params["unit_amount"] < 0:
        raise invalid("Invalid non-negative integer", param="unit_amount", code="parameter_invalid_integer")
    recurring = params.get("recurring")
    if recurring is not None:
        _check_meter(world, recurring)
    price: Object = {
        "id": new_id("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": "per_unit",
        "created": world.now(None),
        "currency": params["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "nickname": params.get("nickname"),
        "product": product["id"],
        "recurring": None if recurring is None else _recurrence(recurring),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": params.get("transform_quantity"),
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": params["unit_amount"],
        "unit_amount_decimal": str(params["unit_amount"]),
    }
    _take_lookup_key(world, price, params)
    return world.store.save(price)


def _check_meter(world: World, recurring: Params) -> None:
    is_metered = recurring.get("usage_type") == "metered"
    if is_metered and "meter" not in recurring:
        raise invalid("Metered prices must be backed by a meter.", param="recurring[meter]")
    if "meter" in recurring:
        if not is_metered:
            raise invalid("A meter goes with `usage_type=metered` only.", param="recurring[meter]")
        world.given("billing.meter", recurring["meter"], "recurring[meter]")


def _recurrence(given: Params) -> Object:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": given.get("meter"),
        "trial_period_days": None,
        "usage_type": given.get("usage_type", "licensed"),
    }


def _take_lookup_key(world: World, price: Object, params: Params) -> None:
    key = params.get("lookup_key")
    if key is None:
        return
    if key == CLEAR:
        price["lookup_key"] = None
        return
    for holder in world.store.find("price"):
        if holder["lookup_key"] == key and holder["id"] != price["id"]:
            if not params.get("transfer_lookup_key"):
                raise invalid(
                    f"A price (`{holder['id']}`) already uses that lookup key.",
                    param="lookup_key",
                    code="resource_already_exists",
                )
            holder["lookup_key"] = None
            world.store.save(holder)
    price["lookup_key"] = key


def retrieve_price(world: World, ids: Params, _params: Params) -> Object:
    return world.named("price", ids["price"], param="price")


def update_price(world: World, ids: Params, params: Params) -> Object:
    price = world.named("price", ids["price"], param="price")
    if price["tax_behavior"] not in ("unspecified", params.get("tax_behavior", price["tax_behavior"])):
        raise invalid(
            "You cannot change the `tax_behavior` of a price once it has been set to `inclusive` or `exclusive`.",
            param="tax_behavior",
        )
    _take_lookup_key(world, price, params)
    _apply(price, {name: value for name, value in params.items() if name != "lookup_key"})
    return world.store.save(price)


def list_prices(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("price", parent=params.get("product"))
    for name in ("active", "currency", "type"):
        if name in params:
            found = [each for each in found if each[name] == params[name]]
    if "lookup_keys" in params:
        found = [each for each in found if each["lookup_key"] in params["lookup_keys"]]
    for name, value in params.get("recurring", {}).items():
        found = [each for each in found if each["recurring"] and each["recurring"][name] == value]
    return page(found, params, "/v1/prices")
