"""Configurations of the portal: what customers may do. A new account has none."""

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import (
    CLEAR,
    FLAG,
    METADATA,
    PAGING,
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

_SWITCH = {"enabled": FLAG}
ONE_MONTH = {"interval_options": [{"interval": "month", "interval_count": 1}], "type": "interval_options"}
"""For how long a customer may pause by default."""
_OPTION = Shape({"interval": Text("day", "week", "month", "year"), "interval_count": WHOLE}, required=["interval"])
_DURATION = Shape(
    {"type": Text("indefinite", "interval_options"), "interval_options": Clearable(Many(_OPTION))}, required=["type"]
)
_FEATURES: dict[str, Any] = {
    "customer_update": Shape(
        {
            **_SWITCH,
            "allowed_updates": Clearable(Many(Text("address", "email", "name", "phone", "shipping", "tax_id"))),
        },
        required=["enabled"],
    ),
    "invoice_history": Shape(_SWITCH, required=["enabled"]),
    "payment_method_update": Shape(_SWITCH, required=["enabled"]),
    "subscription_cancel": Shape(
        {**_SWITCH, "mode": Text("at_period_end", "immediately")},
        required=["enabled"],
    ),
    "subscription_pause": Shape({**_SWITCH, "duration": _DURATION}),
    "subscription_update": Shape(
        {**_SWITCH, "default_allowed_updates": Clearable(Many(Text("price", "promotion_code", "quantity")))},
        required=["enabled"],
    ),
}
CREATE = Shape(
    {"features": Shape(_FEATURES), "default_return_url": Clearable(TEXT), "metadata": METADATA}, required=["features"]
)
UPDATE = Shape({"features": Shape(_FEATURES), "active": FLAG, "metadata": METADATA})
LIST = Shape({**PAGING, "active": FLAG, "is_default": FLAG})


def create(world: World, _ids: Params, params: Params) -> Object:
    now = int(world.now(None))
    configuration: Object = {
        "id": new_id("bpc"),
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": now,
        "default_return_url": params.get("default_return_url"),
        "features": _all_features(_blank_features(), params["features"]),
        # At Stripe the Dashboard creates the default; here it is the first one.
        "is_default": not world.store.find("billing_portal.configuration"),
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "name": None,
        "updated": now,
    }
    return world.store.save(configuration)


def _blank_features() -> Object:
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {"duration": ONE_MONTH, "enabled": False},
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def _all_features(before: Object, given: Params) -> Object:
    return {name: {**feature, **_unset(given.get(name, {}))} for name, feature in before.items()}


def _unset(given: Params) -> Params:
    return {name: [] if value == CLEAR else value for name, value in given.items()}


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("billing_portal.configuration", ids["configuration"])


def update(world: World, ids: Params, params: Params) -> Object:
    configuration = world.named("billing_portal.configuration", ids["configuration"])
    configuration["features"] = _all_features(configuration["features"], params.get("features", {}))
    configuration["active"] = params.get("active", configuration["active"])
    return world.store.save(configuration)


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("billing_portal.configuration")
    for name in ("active", "is_default"):
        if name in params:
            found = [each for each in found if each[name] == params[name]]
    return page(found, params, "/v1/billing_portal/configurations")


def default(world: World) -> Object:
    """The default configuration of portals.

    Raises:
        StripeFailure: there is none yet.

    """
    found = [each for each in world.store.find("billing_portal.configuration") if each["is_default"]]
    if not found:
        raise invalid(
            "No configuration provided and your test mode default configuration has not been created. Provide a "
            "configuration or create your default by saving your customer portal settings in test mode at "
            "https://dashboard.stripe.com/test/settings/billing/portal."
        )
    return found[0]
