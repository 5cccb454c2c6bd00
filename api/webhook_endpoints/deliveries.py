"""HTTP for deliveries of events."""

import logging
from typing import Annotated

from fastapi import APIRouter, Path

from api.http.auth import WebhookOperator
from api.http.dependencies import WithRepositories
from api.http.idempotency import IdempotentRoute
from api.http.openapi import READING, USING
from api.subscriptions.requests import EmptyRequest
from api.webhook_endpoints.views import DeliveryDetailsView, DeliveryView
from domain.errors import GatewayUnavailable

router = APIRouter(prefix="/v1/deliveries", tags=["Events"], route_class=IdempotentRoute)

DeliveryId = Annotated[str, Path(max_length=64, description="the delivery's id")]

log = logging.getLogger("tenure.events")


@router.get("/{delivery_id}", operation_id="getDelivery", summary="Get a delivery with its attempts", responses=READING)
async def get(delivery_id: DeliveryId, caller: WebhookOperator, repositories: WithRepositories) -> DeliveryDetailsView:
    row, attempts = await repositories.deliveries.get(caller.tenant, delivery_id)
    return DeliveryDetailsView.of_attempts(row, attempts)


@router.post("/{delivery_id}/resend", operation_id="resendDelivery", summary="Send an event again", responses=USING)
async def resend(
    delivery_id: DeliveryId,
    caller: WebhookOperator,
    repositories: WithRepositories,
    _body: EmptyRequest | None = None,
) -> DeliveryView:
    """Sends it at once, under the same `webhook-id`, and by the whole schedule again, whatever became of it before."""
    row, waiting = await repositories.deliveries.resend(caller.tenant, delivery_id)
    try:
        await repositories.hand_over(caller.tenant).hand_over([waiting])
    except GatewayUnavailable as error:
        log.warning("delivery %s is left to the sweep: %s", delivery_id, error.message)
    return DeliveryView.of(row)
