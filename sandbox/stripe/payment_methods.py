"""Payment methods: test cards that get attached to customers."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sandbox.stripe.cards import OK, TEST_CARDS, Decline, TestCard
from sandbox.stripe.errors import StripeFailure, invalid, missing_resource
from sandbox.stripe.events import changes, shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import Params
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def attach(world: World, ids: Params, params: Params) -> Object:
    customer = world.given("customer", params["customer"], "customer")
    return attach_to(world, ids["payment_method"], customer["id"], in_path=True)


def attach_to(world: World, reference: str, customer: str, *, in_path: bool = False, set_up: bool = False) -> Object:
    """Attach a card to a customer; each use of a test card's name creates a payment method.

    Raises:
        StripeFailure: it is unknown, belongs to another customer, or its bank declines it.

    """
    method = world.store.get(reference, "payment_method")
    if method is not None:
        return _attach_again(method, customer)
    return keep(world, entered(world, reference, customer, in_path=in_path, set_up=set_up), customer)


def entered(world: World, reference: str, customer: str, *, in_path: bool = False, set_up: bool = False) -> Object:
    """A new payment method of a test card, which a customer has entered; it is not attached to them yet.

    Raises:
        StripeFailure: there is no such test card, or its bank declines it.

    """
    card = TEST_CARDS.get(reference)
    if card is None:
        raise missing_resource("PaymentMethod", reference, param="payment_method", status=404 if in_path else 400)
    if card.on_attach != OK:
        raise StripeFailure(402, "card_error", ran=True, **Decline(card.on_attach).as_error())
    owner = "everybody" if card.everybodys else world.clocks.name(customer)
    return world.store.save(_new_method(card, _fingerprint(reference, owner), world.now(customer), set_up))


def keep(world: World, method: Object, customer: str) -> Object:
    """Attach a new payment method to its customer."""
    method["customer"] = customer
    world.store.save(method)
    world.events.emit("payment_method.attached", method, customer=customer)
    return method


def _attach_again(method: Object, customer: str) -> Object:
    if method["customer"] == customer:
        return method
    if method["customer"] is None:
        raise invalid(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again."
        )
    raise invalid("The payment method you provided has already been attached to a customer.")


def _fingerprint(name: str, owner: str) -> str:
    """The same for a card that is used again. A test name is a different card for each customer."""
    return hashlib.sha256(f"{name} of {owner}".encode()).hexdigest()[:16]


def _new_method(card: TestCard, fingerprint: str, now: int, set_up: bool) -> Object:
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None},
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "US",
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": datetime.fromtimestamp(now, UTC).year + card.expires_in_years,
            "fingerprint": fingerprint,
            "funding": "credit",
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": now,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_on_charge": card.on_charge,
        "_set_up": set_up,
    }


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("payment_method", ids["payment_method"], param="payment_method")


def detach(world: World, ids: Params, _params: Params) -> Object:
    method = world.named("payment_method", ids["payment_method"], param="payment_method")
    customer = method["customer"]
    if customer is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    method["customer"] = None
    world.store.save(method)
    _forget_default(world, customer, method["id"])
    world.events.emit("payment_method.detached", method, customer=customer, before={"customer": customer})
    return method


def _forget_default(world: World, customer: str, reference: str) -> None:
    owner = world.named("customer", customer)
    if owner["invoice_settings"]["default_payment_method"] == reference:
        before = shown(owner)
        owner["invoice_settings"]["default_payment_method"] = None
        world.store.save(owner)
        world.events.emit("customer.updated", owner, customer=customer, before=changes(before, owner))


def change_expiry(world: World, reference: str, month: int, year: int, *, announced: bool) -> Object:
    """Change the card's expiry date; *announced*: the card networks have notified Stripe."""
    method = world.named("payment_method", reference)
    before = shown(method)
    method["card"].update(exp_month=month, exp_year=year)
    world.store.save(method)
    if announced:
        changed = changes(before, method)
        world.events.emit("payment_method.automatically_updated", method, customer=method["customer"], before=changed)
    return method


def list_of_customer(world: World, ids: Params, params: Params) -> Object:
    customer = world.named("customer", ids["customer"], param="customer")
    methods = world.store.find("payment_method", customer=customer["id"])
    return page(methods, params, f"/v1/customers/{customer['id']}/payment_methods")


def owned(world: World, reference: str, customer: str, param: str) -> Object:
    """The payment method *reference* if it is attached to *customer*."""
    method = world.store.get(reference, "payment_method")
    if method is None:
        raise missing_resource("PaymentMethod", reference, param=param, status=400)
    if method["customer"] != customer:
        raise invalid(
            f"The customer does not have a payment method with the ID {reference}. The payment method must be "
            "attached to the customer.",
            param=param,
            code="resource_missing",
        )
    return method


def default_of(world: World, customer: Object, subscription: Any = None) -> Object | None:
    """The card to charge: the subscription's, or else the customer's."""
    own = subscription["default_payment_method"] if subscription else None
    for reference in (own, customer["invoice_settings"]["default_payment_method"]):
        method = world.store.get(reference, "payment_method") if reference else None
        if method is not None and method["customer"] == customer["id"]:
            return method
    return None
