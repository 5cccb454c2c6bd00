"""Webhook endpoints and deliveries; they require an API key of role `webhooks` or `admin`, some also `operator`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Unpack

from tenure.client.core import Core, Steps, new_key
from tenure.client.endpoints import (
    Delivery,
    DeliveryDetails,
    DeliveryPage,
    MissedDeliveries,
    NewWebhookEndpoint,
    WebhookEndpoint,
    WebhookEndpointPage,
)
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.requests import Call, body_of, step_of
from tenure.client.values import DeliveryState, EndpointState, EventType

_ROOT = "/v1/webhook-endpoints"


def list_webhook_endpoints(
    core: Core, *, cursor: str | None = None, limit: int | None = None, **part: Unpack[Listing]
) -> Steps[WebhookEndpointPage]:
    """Return one page of webhook endpoints, newest first."""
    return core.ask(Call("GET", _ROOT, WebhookEndpointPage, query=body_of(cursor=cursor, limit=limit, **part)))


def webhook_endpoints(core: Core, **part: Unpack[Listing]) -> Pages[WebhookEndpoint]:
    """Iterate over all webhook endpoints, newest first; pages are fetched as needed."""
    return lambda cursor: list_webhook_endpoints(core, cursor=cursor, limit=PAGE_SIZE, **part)


def webhook_endpoint(core: Core, endpoint_id: str) -> Steps[WebhookEndpoint]:
    """Return a webhook endpoint."""
    return core.ask(Call("GET", _path(endpoint_id), WebhookEndpoint))


def create_webhook_endpoint(
    core: Core,
    url: str,
    types: Sequence[EventType] | None = None,
    *,
    description: str | None = None,
    key: str | None = None,
) -> Steps[NewWebhookEndpoint]:
    """Create a webhook endpoint for these *types* of events or for all; the result has the secret, once."""
    body = body_of(url=url, types=None if types is None else list(types), description=description)
    return core.ask(Call("POST", _ROOT, NewWebhookEndpoint, body=body, key=key or new_key()))


def update_webhook_endpoint(
    core: Core,
    endpoint_id: str,
    *,
    url: str | None = None,
    types: Sequence[EventType] | None = None,
    description: str | None = None,
    state: EndpointState | None = None,
) -> Steps[WebhookEndpoint]:
    """Change a webhook endpoint, or disable and enable it; what is not given stays."""
    listed = None if types is None else list(types)
    body = body_of(url=url, types=listed, description=description, state=state)
    return core.ask(Call("PATCH", _path(endpoint_id), WebhookEndpoint, body=body))


def delete_webhook_endpoint(core: Core, endpoint_id: str) -> Steps[None]:
    """Delete a webhook endpoint; what was on its way to it is canceled."""
    yield from core.ask(Call("DELETE", _path(endpoint_id), dict[str, object]))


def rotate_webhook_secret(core: Core, endpoint_id: str, *, key: str | None = None) -> Steps[NewWebhookEndpoint]:
    """Replace the secret of a webhook endpoint; for a day, what is sent is signed by both."""
    return core.ask(Call("POST", f"{_path(endpoint_id)}/rotate", NewWebhookEndpoint, body={}, key=key or new_key()))


def list_deliveries(
    core: Core,
    endpoint_id: str,
    *,
    state: DeliveryState | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[DeliveryPage]:
    """Return one page of what was or will be sent to an endpoint in 30 days, newest first."""
    query = body_of(state=state, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", f"{_path(endpoint_id)}/deliveries", DeliveryPage, query=query))


def deliveries(
    core: Core, endpoint_id: str, *, state: DeliveryState | None = None, **part: Unpack[Listing]
) -> Pages[Delivery]:
    """Iterate over what was or will be sent to an endpoint, newest first; pages are fetched as needed."""
    return lambda cursor: list_deliveries(core, endpoint_id, state=state, cursor=cursor, limit=PAGE_SIZE, **part)


def recover_deliveries(
    core: Core, endpoint_id: str, since: datetime, *, key: str | None = None
) -> Steps[MissedDeliveries]:
    """Send an endpoint what it has missed since a time: what failed, was canceled, or happened while it was disabled.

    Raises:
        Conflict: it is disabled.
    """
    body, path = body_of(since=since), f"{_path(endpoint_id)}/recover"
    return core.ask(Call("POST", path, MissedDeliveries, body=body, key=key or new_key()))


def delivery(core: Core, delivery_id: str) -> Steps[DeliveryDetails]:
    """Return a delivery with its attempts."""
    return core.ask(Call("GET", f"/v1/deliveries/{step_of('delivery_id', delivery_id)}", DeliveryDetails))


def resend_delivery(core: Core, delivery_id: str, *, key: str | None = None) -> Steps[Delivery]:
    """Send an event again, whatever became of it; the product can tell by the event's id that it has had it.

    Raises:
        Conflict: the endpoint is disabled.
    """
    path = f"/v1/deliveries/{step_of('delivery_id', delivery_id)}/resend"
    return core.ask(Call("POST", path, Delivery, body={}, key=key or new_key()))


def _path(endpoint_id: str) -> str:
    return f"{_ROOT}/{step_of('endpoint_id', endpoint_id)}"
