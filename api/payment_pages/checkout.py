"""Checkout sessions: hosted pages on which customers add a card."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.http.fields import subscription_id_of
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.subscriptions.command_context import CommandContext, ServiceContext, refuse_ended
from api.subscriptions.requests import CreateCheckoutSessionRequest
from domain.errors import GatewayUnavailable, Rejected
from services import subscription_client
from services.subscription_client import NotRunning
from workflows.subscription.messages import OpenCheckout
from workflows.subscription.workflow import SubscriptionWorkflow

router = APIRouter(prefix="/v1/checkout-sessions", tags=["Checkout"], route_class=IdempotentRoute, responses=COMMANDING)


class CheckoutSessionView(BaseModel):
    """Redirect the customer to `url`. The subscription picks up the card by itself."""

    url: str
    subscription: str = Field(description="the subscription's id")


@router.post(
    "", operation_id="createCheckoutSession", summary="Create a checkout session, where a customer adds a card"
)
async def create(body: CreateCheckoutSessionRequest, context: ServiceContext) -> CheckoutSessionView:
    subscription_id = await _subscription(context, body)
    base_url = context.dependencies.public_url.rstrip("/")
    command = OpenCheckout(
        context.key,
        context.caller.actor,
        body.success_url or f"{base_url}/pay/done",
        body.cancel_url or f"{base_url}/pay/canceled",
    )
    try:
        update = SubscriptionWorkflow.open_checkout
        answer = await subscription_client.send_command(context.dependencies.client, subscription_id, update, command)
    except NotRunning:
        await refuse_ended(context.repositories, context.caller.tenant, subscription_id)
        raise
    if not answer.url:
        raise GatewayUnavailable("the payment provider returned no page; try again")
    return CheckoutSessionView(url=answer.url, subscription=subscription_id)


async def _subscription(context: CommandContext, body: CreateCheckoutSessionRequest) -> str:
    if body.subscription is not None:
        return (await context.row(subscription_id_of(body.subscription))).id
    assert body.customer is not None  # noqa: S101 - the model requires one of the two
    live = await context.repositories.customers.live_subscription(
        tenant=context.caller.tenant, external_id=body.customer
    )
    if live is None:
        raise Rejected(
            f"there is no customer {body.customer!r} with a subscription: sign them up first", code="unknown_customer"
        )
    return live
