"""What a customer does on a checkout page: they say who pays, enter a card, and authenticate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.stripe import checkout, customers, subscription_calls
from sandbox.stripe.cards import AUTHENTICATE, AUTHENTICATE_UNLESS_SET_UP, OK, TEST_CARDS, Decline
from sandbox.stripe.checkout_objects import setup_intent
from sandbox.stripe.errors import StripeFailure, invalid
from sandbox.stripe.events import changes, shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.payment_methods import attach_to
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

ADDRESS = ("line1", "line2", "city", "postal_code", "state", "country")
NOT_AUTHENTICATED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)


@dataclass(frozen=True)
class BillingDetails:
    """Who pays, as entered on the page."""

    name: str = ""
    address: Mapping[str, str] | None = None
    vat_id: str = ""
    """With it, the customer buys as a business, and *name* is the business's."""

    @property
    def stripes_address(self) -> Object:
        given = self.address or {"line1": "12 St James's Square", "city": "London", "country": "GB"}
        return {part: given.get(part) or None for part in ADDRESS}


def asks_to_authenticate(payment_method: str) -> bool:
    """True if the card's bank wants its owner to authenticate on the page."""
    card = TEST_CARDS.get(payment_method)
    return card is not None and card.on_charge in (AUTHENTICATE, AUTHENTICATE_UNLESS_SET_UP)


def complete(world: World, reference: str, payment_method: str, details: BillingDetails | None = None) -> Object:
    """Fill the page in and submit it; the customer authenticates if the bank wants it. Idempotent.

    Raises:
        StripeFailure: the session is unknown or expired, or the bank declines the card.

    """
    session = world.named("checkout.session", reference, param="session")
    if session["status"] == "complete":
        return session
    if session["status"] != "open" or checkout.is_too_late(world, session):
        raise invalid("This Checkout Session has expired; ask for a new link.")
    if payment_method not in TEST_CARDS:
        raise invalid(f"Unknown test card '{payment_method}'; known are {', '.join(sorted(TEST_CARDS))}.")
    if session["mode"] == "setup":
        _set_up(world, session, payment_method, details)
    else:
        _subscribe(world, session, payment_method, details)
    session.update(status="complete", url=None)
    checkout.save(world, session)
    world.events.emit("checkout.session.completed", session, customer=session["customer"])
    return session


def refuse_unauthenticated() -> None:
    """The customer did not authenticate: the page stays open.

    Raises:
        StripeFailure: always.

    """
    raise StripeFailure(402, "card_error", NOT_AUTHENTICATED, ran=True, code="setup_intent_authentication_failure")


def _set_up(world: World, session: Object, payment_method: str, details: BillingDetails | None) -> None:
    intent = setup_intent(world, session)
    card = TEST_CARDS[payment_method]
    if card.on_attach != OK:
        raise _declined(world, intent, Decline(card.on_attach))
    _settle_customer(world, session, details)
    method = attach_to(world, payment_method, session["customer"], set_up=True)
    intent.update(status="succeeded", customer=session["customer"], payment_method=method["id"])
    world.store.save(intent)
    session["setup_intent"] = intent["id"]
    world.events.emit("setup_intent.succeeded", intent, customer=session["customer"])


def _declined(world: World, intent: Object, decline: Decline) -> StripeFailure:
    refusal = StripeFailure(402, "card_error", keeps=True, **decline.as_error())
    intent["last_setup_error"] = refusal.body["error"]
    world.store.save(intent)
    world.events.emit("setup_intent.setup_failed", intent, customer=intent["_customer"])
    return refusal


def _subscribe(world: World, session: Object, payment_method: str, details: BillingDetails | None) -> None:
    """Create the customer, the subscription and its first invoice, paid. If the card is declined, nothing stays."""
    _settle_customer(world, session, details)
    method = attach_to(world, payment_method, session["customer"], set_up=True)
    params = {
        "customer": session["customer"],
        "items": session["_line_items"],
        "default_payment_method": method["id"],
        "payment_behavior": "error_if_incomplete",
        **session["_subscription_data"],
    }
    try:
        subscription = subscription_calls.create(world, {}, params, present=True)
    except StripeFailure as refusal:
        fields = {
            name: value for name, value in refusal.body["error"].items() if name in ("code", "decline_code", "charge")
        }
        raise StripeFailure(refusal.status, "card_error", str(refusal), ran=True, **fields) from refusal
    session.update(subscription=subscription["id"], invoice=subscription["latest_invoice"], payment_status="paid")


def _settle_customer(world: World, session: Object, details: BillingDetails | None) -> None:
    """Create the session's customer with what was entered, or keep it on the existing one as far as asked for."""
    given = details or BillingDetails()
    known = world.named("customer", session["customer"])["name"] if session["customer"] else None
    given = replace(given, name=given.name or known or "Card Holder")
    wants_address = session["billing_address_collection"] == "required"
    wants_tax_id = session["tax_id_collection"]["enabled"] and given.vat_id
    if session["customer"] is None:
        params = {"email": session["customer_email"], "name": given.name}
        if wants_address:
            params["address"] = given.stripes_address
        session["customer"] = customers.create(world, {}, params)["id"]
        session["_customer"] = session["customer"]
    elif session["_customer_update"]:
        _update_customer(world, session, given)
    if wants_tax_id:
        _keep_tax_id(world, session["customer"], given)
    customer = world.named("customer", session["customer"])
    session["customer_details"] = {
        "address": given.stripes_address if wants_address else None,
        "business_name": given.name if wants_tax_id else None,
        "email": customer["email"],
        "individual_name": None if wants_tax_id else given.name,
        "name": given.name,
        "phone": customer["phone"],
        "tax_exempt": customer["tax_exempt"],
        "tax_ids": [{"type": "eu_vat", "value": given.vat_id}] if wants_tax_id else None,
    }


def _update_customer(world: World, session: Object, given: BillingDetails) -> None:
    customer = world.named("customer", session["customer"])
    before, keeps = shown(customer), session["_customer_update"]
    if keeps.get("name") == "auto":
        customer["name"] = given.name
    if keeps.get("address") == "auto" and session["billing_address_collection"] == "required":
        customer["address"] = given.stripes_address
    world.store.save(customer)
    changed = changes(before, customer)
    if changed:
        world.events.emit("customer.updated", customer, customer=customer["id"], before=changed)


def _keep_tax_id(world: World, customer: str, given: BillingDetails) -> None:
    world.store.save(
        {
            "id": new_id("txi"),
            "object": "tax_id",
            "country": given.vat_id[:2],
            "created": world.now(customer),
            "customer": customer,
            "livemode": False,
            "owner": {"type": "customer", "customer": customer},
            "type": "eu_vat",
            "value": given.vat_id,
            "verification": {"status": "pending", "verified_address": None, "verified_name": None},
        }
    )
