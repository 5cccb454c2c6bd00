"""Payment intents and charges."""

from dataclasses import dataclass

from sandbox.stripe.cards import Decline
from sandbox.stripe.events import shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page, within
from sandbox.stripe.params import PAGING, RANGE, TEXT, Params, Shape
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

CHARGE_LIST = Shape({**PAGING, "customer": TEXT, "payment_intent": TEXT, "created": RANGE})


@dataclass(frozen=True)
class Due:
    """An amount that a customer owes."""

    customer: str
    amount: int
    currency: str
    description: str


def open_intent(world: World, due: Due, method: Object | None) -> Object:
    reference = new_id("pi")
    intent: Object = {
        "id": reference,
        "object": "payment_intent",
        "amount": due.amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{reference}_secret_{new_id('s')[2:]}",
        "confirmation_method": "automatic",
        "created": world.now(due.customer),
        "currency": due.currency,
        "customer": due.customer,
        "description": due.description,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": method["id"] if method else None,
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": "off_session",
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    return world.store.save(intent)


def settle(world: World, intent: Object, method: Object, refusal: Decline | None) -> None:
    """Record the result of charging *method* for *intent*, with its events."""
    intent["payment_method"] = method["id"]
    if refusal is None:
        _succeed(world, intent, method)
    elif refusal.wants_customer:
        _wait_for_customer(world, intent)
    else:
        _fail(world, intent, method, refusal)


def _succeed(world: World, intent: Object, method: Object) -> None:
    charge = _charge(world, intent, method, None)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        last_payment_error=None,
        next_action=None,
    )
    world.store.save(intent)
    world.events.emit("charge.succeeded", charge, customer=intent["customer"])
    world.events.emit("payment_intent.succeeded", intent, customer=intent["customer"])


def _wait_for_customer(world: World, intent: Object) -> None:
    intent.update(
        status="requires_action",
        last_payment_error=None,
        next_action={
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": ""},
        },
    )
    world.store.save(intent)
    world.events.emit("payment_intent.requires_action", intent, customer=intent["customer"])


def _fail(world: World, intent: Object, method: Object, refusal: Decline) -> None:
    charge = _charge(world, intent, method, refusal)
    intent.update(
        status="requires_payment_method",
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error={
            "type": "card_error",
            "charge": charge["id"],
            **refusal.as_error(),
            "payment_method": shown(method),
        },
        payment_method=None,
    )
    world.store.save(intent)
    world.events.emit("charge.failed", charge, customer=intent["customer"])
    world.events.emit("payment_intent.payment_failed", intent, customer=intent["customer"])


def _charge(world: World, intent: Object, method: Object, refusal: Decline | None) -> Object:
    paid = refusal is None
    charge: Object = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": None,
        "captured": paid,
        "created": world.now(intent["customer"]),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": refusal.code if refusal else None,
        "failure_message": refusal.message if refusal else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(refusal),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _method_details(method),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded" if paid else "failed",
        "transfer_data": None,
        "transfer_group": None,
    }
    return world.store.save(charge)


def _outcome(refusal: Decline | None) -> Object:
    return {
        "advice_code": refusal.advice if refusal else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if refusal else "approved_by_network",
        "reason": refusal.decline_code if refusal else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline."
        if refusal
        else "Payment complete.",
        "type": "issuer_declined" if refusal else "authorized",
    }


def _method_details(method: Object) -> Object:
    card = method["card"]
    kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {
        "type": "card",
        "card": {
            **{name: card[name] for name in kept},
            "amount_authorized": None,
            "authorization_code": None,
            "installments": None,
            "mandate": None,
            "network": card["brand"],
            "network_token": None,
            "network_transaction_id": None,
            "regulated_status": card["regulated_status"],
            "three_d_secure": None,
        },
    }


def cancel_intent(world: World, intent: Object, reason: str) -> None:
    intent.update(
        status="canceled",
        cancellation_reason=reason,
        canceled_at=world.now(intent["customer"]),
        next_action=None,
    )
    world.store.save(intent)
    world.events.emit("payment_intent.canceled", intent, customer=intent["customer"])


def retrieve_intent(world: World, ids: Params, _params: Params) -> Object:
    return world.named("payment_intent", ids["intent"], param="intent")


def retrieve_charge(world: World, ids: Params, _params: Params) -> Object:
    return world.named("charge", ids["charge"])


def list_charges(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("charge", customer=params.get("customer"), parent=params.get("payment_intent"))
    if "created" in params:
        found = [each for each in found if within(each["created"], params["created"])]
    return page(found, params, "/v1/charges")
