"""What the payment provider tells us: believed when signed, stored before it is acknowledged, then delivered."""

from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.docs import problems
from api.parts import HasParts, HasStores
from domain.errors import GatewayUnavailable, Rejected
from domain.names import DEFAULT_TENANT

router = APIRouter(prefix="/webhooks", tags=["Webhooks"])

log = structlog.get_logger("tenure.webhooks")


class Taken(BaseModel):
    """The message is in our inbox."""

    received: bool = True


@router.post(
    "/stripe",
    operation_id="receiveStripeWebhook",
    summary="Take in a signed event",
    responses=problems(413, 503) | {400: {"description": "Not signed by the provider, or too long ago"}},
)
async def receive(request: Request, parts: HasParts, stores: HasStores) -> Taken:
    body = await request.body()
    try:
        event = parts.events.read(body, request.headers.get("Stripe-Signature", ""))
    except Rejected as error:
        log.warning("webhook refused", code=error.code, bytes=len(body))
        raise
    received_at = datetime.now(UTC)
    is_new = await stores.inbox.receive(event, body, tenant=DEFAULT_TENANT)
    if is_new:
        try:
            await stores.delivery.deliver(event, received_at)
        except GatewayUnavailable as error:
            log.warning("webhook waits for the sweeper", provider_event=event.id, why=error.message)
    return Taken()
