"""Refunds."""

from sandbox.stripe.errors import StripeFailure, invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import METADATA, PAGING, TEXT, WHOLE, Params, Shape, Text, merged_metadata
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

REFUND_CREATE = Shape(
    {
        "charge": TEXT,
        "payment_intent": TEXT,
        "amount": WHOLE,
        "reason": Text("duplicate", "fraudulent", "requested_by_customer"),
        "metadata": METADATA,
    }
)
REFUND_LIST = Shape({**PAGING, "charge": TEXT, "payment_intent": TEXT})


def create_refund(world: World, _ids: Params, params: Params) -> Object:
    charge = _charge_of(world, params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if _is_charged_back(world, charge):
        raise _refused("charge_disputed", f"Charge {charge['id']} has been charged back; cannot issue a refund.")
    if not charge["paid"]:
        raise _refused(None, f"Charge {charge['id']} has not been paid; cannot issue a refund.")
    if not left:
        raise _refused("charge_already_refunded", f"Charge {charge['id']} has already been refunded.")
    if not 0 < amount <= left:
        raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).", param="amount")
    return refund_charge(world, charge, amount, params)


def _is_charged_back(world: World, charge: Object) -> bool:
    """An inquiry alone does not keep a charge from being refunded."""
    disputes = world.store.find("dispute", customer=charge["customer"])
    return any(each["charge"] == charge["id"] and not each["is_charge_refundable"] for each in disputes)


def _refused(code: str | None, message: str) -> StripeFailure:
    return StripeFailure(400, "invalid_request_error", message, ran=True, code=code)


def _charge_of(world: World, params: Params) -> Object:
    if "charge" in params:
        return world.given("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
            param="payment_intent",
        )
    intent = world.given("payment_intent", params["payment_intent"], "payment_intent")
    if not intent["latest_charge"]:
        raise _refused(None, f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return world.named("charge", intent["latest_charge"])


def refund_charge(world: World, charge: Object, amount: int, params: Params) -> Object:
    refund: Object = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": world.now(charge["customer"]),
        "currency": charge["currency"],
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
        "_customer": charge["customer"],
    }
    world.store.save(refund)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.store.save(charge)
    world.events.emit("refund.created", refund, customer=charge["customer"])
    world.events.emit("charge.refunded", charge, customer=charge["customer"])
    return refund


def retrieve_refund(world: World, ids: Params, _params: Params) -> Object:
    return world.named("refund", ids["refund"])


def list_refunds(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("refund", parent=params.get("charge"))
    if "payment_intent" in params:
        found = [each for each in found if each["payment_intent"] == params["payment_intent"]]
    return page(found, params, "/v1/refunds")


def latest_paid_charge(world: World, name: str, customers: list[str]) -> Object:
    """The newest charge of *customers*, which share *name*, that is paid and neither refunded nor disputed.

    Raises:
        ValueError: there is none.

    """
    for customer in customers:
        for charge in world.store.find("charge", customer=customer):
            if charge["paid"] and not charge["refunded"] and not charge["disputed"]:
                return charge
    raise ValueError(f"{name!r} has no paid charge that could be reversed; let them pay an invoice first")
