"""Manual entries in a customer's balance: negative is a credit, positive is added to the next invoice."""

from sandbox.stripe.errors import invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import METADATA, PAGING, RANGE, TEXT, WHOLE, Params, Shape, merged_metadata
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

CREATE = Shape(
    {"amount": WHOLE, "currency": TEXT, "description": TEXT, "metadata": METADATA},
    required=["amount", "currency"],
)
LIST = Shape({**PAGING, "created": RANGE})


def create(world: World, ids: Params, params: Params) -> Object:
    customer = world.named("customer", ids["customer"])
    currency = params["currency"]
    if customer["currency"] not in (None, currency):
        raise invalid(f"You cannot combine currencies on a single customer: theirs is {customer['currency']}.")
    customer["balance"] += params["amount"]
    customer["currency"] = currency
    world.store.save(customer)
    return world.store.save(
        {
            "id": new_id("cbtxn"),
            "object": "customer_balance_transaction",
            "amount": params["amount"],
            "checkout_session": None,
            "created": world.now(customer["id"]),
            "credit_note": None,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": params.get("description"),
            "ending_balance": customer["balance"],
            "invoice": None,
            "livemode": False,
            "metadata": merged_metadata({}, params.get("metadata", {})),
            "type": "adjustment",
        }
    )


def list_all(world: World, ids: Params, params: Params) -> Object:
    customer = world.named("customer", ids["customer"])
    found = world.store.find("customer_balance_transaction", customer=customer["id"])
    return page(found, params, f"/v1/customers/{customer['id']}/balance_transactions")
