"""Checkout sessions that store a card."""

from sandbox.stripe.cards import TEST_CARDS
from sandbox.stripe.errors import StripeFailure, invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.params import LANGUAGES, METADATA, TEXT, WHOLE, Many, Params, Shape, Text
from sandbox.stripe.payment_methods import attach_to
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

OPEN_FOR = 24 * 3600
CREATE = Shape(
    {
        "mode": Text("setup"),
        "customer": TEXT,
        "success_url": TEXT,
        "cancel_url": TEXT,
        "client_reference_id": TEXT,
        "currency": TEXT,
        "expires_at": WHOLE,
        "locale": Text(*LANGUAGES, "hi-IN"),
        "metadata": METADATA,
        "allowed_payment_method_types": Many(Text("card")),
        "setup_intent_data": Shape({"metadata": METADATA, "description": TEXT}),
        "ui_mode": Text("hosted_page"),
    },
    required=["mode", "customer", "success_url"],
)


def create(world: World, _ids: Params, params: Params) -> Object:
    if not params.keys() & {"currency", "allowed_payment_method_types"}:
        raise invalid(
            "Missing required param: currency. In setup mode give `currency` or `allowed_payment_method_types`.",
            param="currency",
            code="parameter_missing",
        )
    customer = world.given("customer", params["customer"], "customer")
    session = _blank(world, customer, params)
    return save(world, session)


def _blank(world: World, customer: Object, params: Params) -> Object:
    now = world.now(customer["id"])
    reference = new_id("cs_test", 58)
    nothing = (
        "adaptive_pricing",
        "after_expiration",
        "allow_promotion_codes",
        "amount_subtotal",
        "amount_total",
        "billing_address_collection",
        "client_secret",
        "collected_information",
        "consent",
        "consent_collection",
        "currency_conversion",
        "customer_creation",
        "customer_email",
        "invoice",
        "invoice_creation",
        "origin_context",
        "payment_intent",
        "payment_link",
        "payment_method_configuration_details",
        "permissions",
        "recovered_from",
        "saved_payment_method_options",
        "setup_intent",
        "shipping_address_collection",
        "shipping_cost",
        "submit_type",
        "subscription",
        "total_details",
        "wallet_options",
    )
    return {
        "id": reference,
        "object": "checkout.session",
        **dict.fromkeys(nothing),
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": now,
        "currency": params.get("currency"),
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": customer["id"],
        "customer_details": {
            "address": None,
            "email": customer["email"],
            "name": customer["name"],
            "phone": customer["phone"],
            "tax_exempt": None,
            "tax_ids": None,
        },
        "discounts": None,
        "expires_at": params.get("expires_at", now + OPEN_FOR),
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata") or {},
        "mode": "setup",
        "payment_method_collection": "always",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("allowed_payment_method_types", ["card"]),
        "payment_status": "no_payment_required",
        "phone_number_collection": {"enabled": False},
        "redirect_on_completion": "always",
        "shipping_options": [],
        "status": "open",
        "success_url": params["success_url"],
        "ui_mode": "hosted_page",
        "url": f"{world.base_url}/c/pay/{reference}",
        "_setup_metadata": params.get("setup_intent_data", {}).get("metadata") or {},
    }


def save(world: World, session: Object) -> Object:
    return world.store.save(session, due=session["expires_at"] if session["status"] == "open" else None)


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("checkout.session", ids["session"], param="session")


def expire(world: World, ids: Params, _params: Params) -> Object:
    session = retrieve(world, ids, {})
    if session["status"] != "open":
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status '
            f"of `{session['status']}`."
        )
    expire_now(world, session)
    return session


def expire_now(world: World, session: Object) -> None:
    session.update(status="expired", url=None)
    save(world, session)
    world.events.emit("checkout.session.expired", session, customer=session["customer"])


def is_too_late(world: World, session: Object) -> bool:
    """True if an open session's time is over, even before the clock has expired it."""
    return bool(session["status"] == "open" and session["expires_at"] <= world.now(session["customer"]))


def success_url(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def complete(world: World, reference: str, payment_method: str) -> Object:
    """Enter this card, as the customer does on the page. Idempotent.

    Raises:
        StripeFailure: the session is unknown or expired, or the bank declines the card.

    """
    session = world.named("checkout.session", reference, param="session")
    if session["status"] == "complete":
        return session
    if session["status"] != "open" or is_too_late(world, session):
        raise invalid("This Checkout Session has expired; ask for a new link.")
    if payment_method not in TEST_CARDS:
        raise invalid(f"Unknown test card '{payment_method}'; known are {', '.join(sorted(TEST_CARDS))}.")
    intent = _setup_intent(world, session)
    try:
        method = attach_to(world, payment_method, session["customer"], set_up=True)
    except StripeFailure as refusal:
        raise _declined(world, intent, refusal) from refusal
    intent.update(status="succeeded", payment_method=method["id"])
    world.store.save(intent)
    session.update(status="complete", setup_intent=intent["id"], url=None)
    save(world, session)
    world.events.emit("setup_intent.succeeded", intent, customer=session["customer"])
    world.events.emit("checkout.session.completed", session, customer=session["customer"])
    return session


def _declined(world: World, intent: Object, refusal: StripeFailure) -> StripeFailure:
    error = refusal.body["error"]
    intent["last_setup_error"] = error
    world.store.save(intent)
    world.events.emit("setup_intent.setup_failed", intent, customer=intent["customer"])
    fields = {name: value for name, value in error.items() if name not in ("type", "message", "doc_url")}
    return StripeFailure(402, "card_error", error["message"], keeps=True, **fields)


def _setup_intent(world: World, session: Object) -> Object:
    reference = new_id("seti")
    return {
        "id": reference,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{reference}_secret_{new_id('s')[2:]}",
        "created": world.now(session["customer"]),
        "customer": session["customer"],
        "description": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": session["_setup_metadata"],
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": session["payment_method_types"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }


def retrieve_setup_intent(world: World, ids: Params, _params: Params) -> Object:
    return world.named("setup_intent", ids["intent"], param="intent")
