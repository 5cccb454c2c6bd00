"""HTTP for webhook endpoints."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.auth import WebhookAdmin, WebhookOperator
from api.http.dependencies import WithDependencies, WithRepositories
from api.http.idempotency import ShownOnceRoute
from api.http.lists import WithPage
from api.http.openapi import READING, USING
from api.subscriptions.requests import EmptyRequest
from api.webhook_endpoints.ids import new_id
from api.webhook_endpoints.requests import (
    CreateWebhookEndpointRequest,
    RecoverRequest,
    UpdateWebhookEndpointRequest,
)
from api.webhook_endpoints.views import (
    DeliveryList,
    DeliveryView,
    MissedDeliveriesView,
    NewWebhookEndpointView,
    WebhookEndpointList,
    WebhookEndpointView,
)
from domain.events.deliveries import DeliveryState
from services.events.hand_over import Announcer
from storage.events.endpoints import EndpointChange, NewEndpoint

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["Events"], route_class=ShownOnceRoute)

EndpointId = Annotated[
    str, Path(max_length=64, description="the endpoint's id", examples=["5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11"])
]


@router.get("", operation_id="listWebhookEndpoints", summary="List webhook endpoints", responses=READING)
async def list_endpoints(
    caller: WebhookOperator, repositories: WithRepositories, page: WithPage
) -> WebhookEndpointList:
    found = await repositories.webhook_endpoints.find(caller.tenant, page)
    return WebhookEndpointList(data=[WebhookEndpointView.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.post(
    "",
    status_code=201,
    operation_id="createWebhookEndpoint",
    summary="Create a webhook endpoint",
    responses=USING,
)
async def create(
    body: CreateWebhookEndpointRequest,
    request: Request,
    caller: WebhookAdmin,
    dependencies: WithDependencies,
    repositories: WithRepositories,
) -> NewWebhookEndpointView:
    """The response has the secret that verifies them, once: a repeat under the same `Idempotency-Key` has null.

    Up to 10 are possible. Nothing is sent to the address before an event happens.
    """
    await dependencies.event_sender.check(body.url)
    new = NewEndpoint(
        new_id(caller.tenant, "create", request.state.command_key),
        body.url,
        body.description,
        tuple(each.value for each in body.types),
        caller.actor,
    )
    return NewWebhookEndpointView.of_secret(await repositories.webhook_endpoints.create(caller.tenant, new))


@router.get("/{endpoint_id}", operation_id="getWebhookEndpoint", summary="Get a webhook endpoint", responses=READING)
async def get(endpoint_id: EndpointId, caller: WebhookOperator, repositories: WithRepositories) -> WebhookEndpointView:
    return WebhookEndpointView.of(await repositories.webhook_endpoints.get(caller.tenant, endpoint_id))


@router.patch(
    "/{endpoint_id}", operation_id="updateWebhookEndpoint", summary="Update a webhook endpoint", responses=USING
)
async def update(
    endpoint_id: EndpointId,
    body: UpdateWebhookEndpointRequest,
    caller: WebhookAdmin,
    dependencies: WithDependencies,
    repositories: WithRepositories,
) -> WebhookEndpointView:
    """Disables one as well, or enables it again."""
    if body.url is not None:
        await dependencies.event_sender.check(body.url)
    types = None if body.types is None else tuple(each.value for each in body.types)
    change = EndpointChange(body.url, body.description, types, body.state)
    return WebhookEndpointView.of(await repositories.webhook_endpoints.change(caller.tenant, endpoint_id, change))


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    operation_id="deleteWebhookEndpoint",
    summary="Delete a webhook endpoint",
    responses=USING,
)
async def delete(endpoint_id: EndpointId, caller: WebhookAdmin, repositories: WithRepositories) -> Response:
    """Its secrets are deleted, and what was on its way to it is canceled."""
    await repositories.webhook_endpoints.delete(caller.tenant, endpoint_id)
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/rotate",
    operation_id="rotateWebhookSecret",
    summary="Replace the secret of a webhook endpoint",
    responses=USING,
)
async def rotate(
    endpoint_id: EndpointId,
    request: Request,
    caller: WebhookAdmin,
    repositories: WithRepositories,
    _body: EmptyRequest | None = None,
) -> NewWebhookEndpointView:
    """For 24 hours what is sent has a signature by each of the two secrets, so that receivers can change over.

    The response has the new secret, once, as when an endpoint is created.
    """
    secret_id = new_id(caller.tenant, f"rotate {endpoint_id}", request.state.command_key)
    made = await repositories.webhook_endpoints.rotate(caller.tenant, endpoint_id, secret_id)
    return NewWebhookEndpointView.of_secret(made)


@router.get(
    "/{endpoint_id}/deliveries",
    operation_id="listDeliveries",
    summary="List the deliveries to a webhook endpoint",
    responses=READING,
)
async def list_deliveries(
    endpoint_id: EndpointId,
    caller: WebhookOperator,
    repositories: WithRepositories,
    page: WithPage,
    state: Annotated[DeliveryState | None, Query(description="every state, if none is given")] = None,
) -> DeliveryList:
    """Those of the last 30 days. With a `state` a page may end early: the last one has no `next_cursor`."""
    found = await repositories.deliveries.find(caller.tenant, endpoint_id, page, state)
    return DeliveryList(data=[DeliveryView.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.post(
    "/{endpoint_id}/recover",
    operation_id="recoverDeliveries",
    summary="Recover the events that a webhook endpoint missed",
    responses=USING,
)
async def recover(
    endpoint_id: EndpointId, body: RecoverRequest, caller: WebhookOperator, repositories: WithRepositories
) -> MissedDeliveriesView:
    """Sends the events since a time that failed or were canceled, and those from while it was disabled or not there.

    What was delivered is not sent again. Events are kept for 30 days.
    """
    done = await repositories.deliveries.recover(caller.tenant, endpoint_id, body.since)
    Announcer(repositories.hand_over(caller.tenant)).announce(done.waiting)
    return MissedDeliveriesView(deliveries=done.deliveries, has_more=not done.is_all)
