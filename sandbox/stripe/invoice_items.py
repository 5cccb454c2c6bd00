"""Given amounts on the next invoice of a subscription."""

from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import FLAG, METADATA, PAGING, TEXT, WHOLE, Params, Shape, merged_metadata
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

CREATE = Shape(
    {
        "customer": TEXT,
        "subscription": TEXT,
        "amount": WHOLE,
        "currency": TEXT,
        "description": TEXT,
        "metadata": METADATA,
        "period": Shape({"start": WHOLE, "end": WHOLE}, required=["start", "end"]),
    },
    required=["customer", "subscription", "amount", "currency"],
)
LIST = Shape({**PAGING, "customer": TEXT, "invoice": TEXT, "pending": FLAG})


def create(world: World, _ids: Params, params: Params) -> Object:
    customer = world.given("customer", params["customer"], "customer")
    subscription = world.given("subscription", params["subscription"], "subscription")
    now = world.now(customer["id"])
    item: Object = {
        "id": new_id("ii"),
        "object": "invoiceitem",
        "amount": params["amount"],
        "currency": params["currency"],
        "customer": customer["id"],
        "date": now,
        "description": params.get("description"),
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "net_amount": params["amount"],
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription["id"]},
        },
        "period": params.get("period", {"start": now, "end": now}),
        "pricing": None,
        "proration": False,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": customer["test_clock"],
        "_subscription": subscription["id"],
    }
    return world.store.save({**item, "_line": line_of(item)})


def line_of(item: Object) -> Object:
    """The line of an invoice item on its invoice."""
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": item["amount"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": item["metadata"],
        "parent": {
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": item["_subscription"],
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": item["period"],
        "pretax_credit_amounts": [],
        "pricing": None,
        "quantity": 1,
        "subtotal": item["amount"],
        "taxes": [],
    }


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("invoiceitem", customer=params.get("customer"))
    if "invoice" in params:
        found = [each for each in found if each["invoice"] == params["invoice"]]
    if "pending" in params:
        found = [each for each in found if (each["invoice"] is None) == params["pending"]]
    return page(found, params, "/v1/invoiceitems")
