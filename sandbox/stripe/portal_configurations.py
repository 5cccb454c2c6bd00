"""What a customer portal allows, as the account's owner has set it; until they have, as Tenure's set-up guide says."""

from typing import Any

from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import FLAG, METADATA, PAGING, TEXT, Clearable, Many, Params, Shape, Text, merged_metadata
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

KIND = "billing_portal.configuration"
OURS = "bpc_sandbox"
"""Holds while there is none. It is listed once it has been changed, so that an account begins without any."""

_SWITCH = {"enabled": FLAG}
_FEATURES: dict[str, Any] = {
    "customer_update": Shape({**_SWITCH, "allowed_updates": Many(TEXT)}, required=["enabled"]),
    "invoice_history": Shape(_SWITCH, required=["enabled"]),
    "payment_method_update": Shape(_SWITCH, required=["enabled"]),
    "subscription_cancel": Shape(
        {**_SWITCH, "mode": Text("at_period_end", "immediately")},
        required=["enabled"],
    ),
    "subscription_update": Shape({**_SWITCH, "default_allowed_updates": Many(TEXT)}, required=["enabled"]),
}
CREATE = Shape(
    {"features": Shape(_FEATURES), "default_return_url": Clearable(TEXT), "metadata": METADATA}, required=["features"]
)
UPDATE = Shape({"features": Shape(_FEATURES), "active": FLAG, "metadata": METADATA})
LIST = Shape({**PAGING, "active": FLAG, "is_default": FLAG})


def in_force(world: World) -> Object:
    """The default; no cancellation and no change of plan while there is none."""
    made = next((each for each in world.store.find(KIND) if each["is_default"]), None)
    allowed = {"invoice_history": {"enabled": True}, "payment_method_update": {"enabled": True}}
    return made or _configuration(OURS, 1_700_000_000, {"features": allowed}, is_default=True)


def create(world: World, _ids: Params, params: Params) -> Object:
    # At Stripe the Dashboard makes the default; here the first one is it.
    is_default = not world.store.find(KIND)
    return world.store.save(_configuration(new_id("bpc"), int(world.now(None)), params, is_default=is_default))


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    default = in_force(world)
    return default if default["id"] == ids["configuration"] else world.named(KIND, ids["configuration"])


def update(world: World, ids: Params, params: Params) -> Object:
    configuration = retrieve(world, ids, {})
    configuration["features"] = _with(configuration["features"], params.get("features", {}))
    configuration["active"] = params.get("active", configuration["active"])
    return world.store.save(configuration)


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find(KIND)
    for name in ("active", "is_default"):
        if name in params:
            found = [each for each in found if each[name] == params[name]]
    return page(found, params, "/v1/billing_portal/configurations")


def _configuration(reference: str, now: int, params: Params, *, is_default: bool) -> Object:
    return {
        "id": reference,
        "object": KIND,
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": now,
        "default_return_url": params.get("default_return_url"),
        "features": _with(_nothing(), params["features"]),
        "is_default": is_default,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "name": None,
        "updated": now,
    }


def _nothing() -> Object:
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
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": [],
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def _with(before: Object, given: Params) -> Object:
    return {name: {**feature, **given.get(name, {})} for name, feature in before.items()}
