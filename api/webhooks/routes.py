"""Receives the payment provider's webhooks: verify the signature, store, acknowledge, deliver."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.http.dependencies import WithDependencies, WithRepositories
from api.http.middleware import note_refusal
from api.http.openapi import problems
from domain.errors import Rejected
from domain.provider.events import KeptEvent

router = APIRouter(prefix="/webhooks", tags=["Webhooks"])


class WebhookReceipt(BaseModel):
    """The event is stored."""

    received: bool = True


@router.post("/stripe/", include_in_schema=False)  # a common typo in endpoint settings
@router.post(
    "/stripe",
    operation_id="receiveStripeWebhook",
    summary="Receive a signed event",
    responses=problems(413, 503)
    | {400: {"description": "Not signed by the provider, too old, ahead of our clock, or not for this account"}},
)
async def receive(request: Request, dependencies: WithDependencies, repositories: WithRepositories) -> WebhookReceipt:
    body = await request.body()
    try:
        event = dependencies.events.read(body, request.headers.get("Stripe-Signature", ""))
    except Rejected as error:
        note_refusal(request.scope, error.code)
        raise
    is_new = await repositories.crossings.receive(event, body)
    if is_new and event.news is not None:
        repositories.crossings.webhooks.submit(KeptEvent(event, datetime.now(UTC)))
    return WebhookReceipt()
