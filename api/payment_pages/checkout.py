"""Pages on which customers put a card on file."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.http.fields import subscription_id_of
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.subscriptions.command_context import CommandContext, ServiceDesk, refuse_ended
from api.subscriptions.requests import CreateCheckoutSessionRequest
from domain.errors import GatewayUnavailable, Rejected
from services import subscription_client
from services.subscription_client import NotRunning
from workflows.subscription.messages import OpenCheckout
from workflows.subscription.workflow import SubscriptionWorkflow

router = APIRouter(prefix="/v1/checkout-sessions", tags=["Checkout"], route_class=IdempotentRoute, responses=COMMANDING)


class CheckoutView(BaseModel):
    """Send the customer to `url`; when the card is given, the subscription hears of it by itself."""

    url: str
    subscription: str = Field(description="the subscription's id")


@router.post("", operation_id="createCheckoutSession", summary="Open a page on which a customer puts a card on file")
async def create(wish: CreateCheckoutSessionRequest, desk: ServiceDesk) -> CheckoutView:
    subscription_id = await _subscription(desk, wish)
    here = desk.parts.public_url.rstrip("/")
    command = OpenCheckout(
        desk.key,
        desk.caller.actor,
        wish.success_url or f"{here}/pay/done",
        wish.cancel_url or f"{here}/pay/canceled",
    )
    try:
        update = SubscriptionWorkflow.open_checkout
        answer = await subscription_client.carry_out(desk.parts.client, subscription_id, update, command)
    except NotRunning:
        await refuse_ended(desk.stores, desk.caller.tenant, subscription_id)
        raise
    if not answer.url:
        raise GatewayUnavailable("the payment provider gave no page; try again")
    return CheckoutView(url=answer.url, subscription=subscription_id)


async def _subscription(desk: CommandContext, wish: CreateCheckoutSessionRequest) -> str:
    if wish.subscription is not None:
        return (await desk.row(subscription_id_of(wish.subscription))).id
    assert wish.customer is not None  # noqa: S101 - a wish names one of the two
    live = await desk.stores.customers.live_subscription(tenant=desk.caller.tenant, external_id=wish.customer)
    if live is None:
        raise Rejected(
            f"there is no customer {wish.customer!r} with a subscription: sign them up first", code="unknown_customer"
        )
    return live
