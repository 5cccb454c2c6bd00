"""Registered webhook endpoints.

The simulator sends its events to `webhook_url`, whatever is registered; endpoints are only listed.
"""

import secrets
from collections.abc import Sequence
from typing import get_args

from stripe.params import WebhookEndpointCreateParams

from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import (
    FLAG,
    METADATA,
    PAGING,
    TEXT,
    Clearable,
    Many,
    Params,
    Shape,
    Text,
    merged_metadata,
)
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

VERSIONS: Sequence[str] = get_args(get_args(WebhookEndpointCreateParams.__annotations__["api_version"])[0])
EVENTS: Sequence[str] = get_args(get_args(WebhookEndpointCreateParams.__annotations__["enabled_events"])[0])
"""The event types and versions of an endpoint: long lists, taken from the SDK."""
ENDPOINT_CREATE = Shape(
    {
        "url": TEXT,
        "enabled_events": Many(Text(*EVENTS)),
        "api_version": Text(*VERSIONS),
        "description": Clearable(TEXT),
        "metadata": METADATA,
    },
    required=["url", "enabled_events"],
)
ENDPOINT_UPDATE = Shape({"enabled_events": Many(Text(*EVENTS)), "url": TEXT, "disabled": FLAG, "metadata": METADATA})
ENDPOINT_LIST = Shape({**PAGING})


def create_endpoint(world: World, _ids: Params, params: Params) -> Object:
    endpoint: Object = {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": None,
        "created": int(world.now(None)),
        "description": params.get("description"),
        "enabled_events": params["enabled_events"],
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "status": "enabled",
        "url": params["url"],
    }
    # The secret is shown once, and not stored.
    return {**world.store.save(endpoint), "secret": f"whsec_{secrets.token_urlsafe(24)}"}


def retrieve_endpoint(world: World, ids: Params, _params: Params) -> Object:
    return world.named("webhook_endpoint", ids["endpoint"])


def update_endpoint(world: World, ids: Params, params: Params) -> Object:
    endpoint = world.named("webhook_endpoint", ids["endpoint"])
    for name in ("enabled_events", "url"):
        endpoint[name] = params.get(name, endpoint[name])
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    return world.store.save(endpoint)


def list_endpoints(world: World, _ids: Params, params: Params) -> Object:
    return page(world.store.find("webhook_endpoint"), params, "/v1/webhook_endpoints")
