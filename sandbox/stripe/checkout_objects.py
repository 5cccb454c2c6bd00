"""The objects of a checkout: the session, and the setup intent of one that only stores a card."""

from typing import Any

from sandbox.stripe.ids import new_id
from sandbox.stripe.params import Params
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

OPEN_FOR = 24 * 3600
AS_GIVEN = (
    "allowed_payment_method_types",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer_creation",
    "customer_email",
    "locale",
)
"""Parameters that the session repeats; null if they were left out."""
NOTHING = (
    "adaptive_pricing",
    "after_expiration",
    "allow_promotion_codes",
    "amount_subtotal",
    "amount_total",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency",
    "currency_conversion",
    "customer_details",
    "discounts",
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
"""Fields that are null in a session that stores a card."""


def blank_session(world: World, params: Params, customer: Object | None) -> Object:
    """An open session. One that will create its customer has none yet, and a clock of its own."""
    reference = new_id("cs_test", 58)
    owner = customer["id"] if customer else reference
    now = world.now(owner)
    return {
        "id": reference,
        "object": "checkout.session",
        **dict.fromkeys(NOTHING),
        **{name: params.get(name) for name in AS_GIVEN},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": now,
        "currency": params.get("currency"),
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": customer["id"] if customer else None,
        "customer_details": _details(customer, params),
        "expires_at": params.get("expires_at", now + OPEN_FOR),
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "mode": params["mode"],
        "payment_method_collection": "always",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("allowed_payment_method_types", ["card"]),
        "payment_status": "no_payment_required" if params["mode"] == "setup" else "unpaid",
        "phone_number_collection": {"enabled": False},
        "redirect_on_completion": "always",
        "shipping_options": [],
        "status": "open",
        "success_url": params["success_url"],
        "tax_id_collection": {"enabled": False, "required": "never"} | params.get("tax_id_collection", {}),
        "ui_mode": "hosted_page",
        "url": f"{world.base_url}/c/pay/{reference}",
        "_customer": owner,
        "_customer_update": params.get("customer_update", {}),
        "_setup_metadata": params.get("setup_intent_data", {}).get("metadata") or {},
        "_line_items": params.get("line_items", []),
        "_subscription_data": params.get("subscription_data", {}),
    }


def _details(customer: Object | None, params: Params) -> Object | None:
    if customer is None and "customer_email" not in params:
        return None
    known: Any = customer or {}
    return {
        "address": known.get("address"),
        "business_name": None,
        "email": known.get("email") or params.get("customer_email"),
        "individual_name": None,
        "name": known.get("name"),
        "phone": known.get("phone"),
        "tax_exempt": "none",
        "tax_ids": None,
    }


def setup_intent(world: World, session: Object) -> Object:
    """The setup intent of a session of mode `setup`."""
    reference = new_id("seti")
    return {
        "id": reference,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{reference}_secret_{new_id('s')[2:]}",
        "created": world.now(session["customer"] or session["id"]),
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
        "_customer": session["customer"] or session["id"],
    }
