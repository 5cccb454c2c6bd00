"""Checkout sessions: hosted pages on which customers add a card."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.http.fields import subscription_id_of
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.payment_pages.purchase_pages import open_purchase
from api.subscriptions.command_context import CommandContext, ServiceContext, refuse_ended
from api.subscriptions.requests import CheckoutRequest, CreateCheckoutSessionRequest, CreatePurchaseRequest
from api.subscriptions.sign_up import check_for_sale, contact_of, id_of, trial_days, within_bounds
from domain.errors import GatewayUnavailable, Rejected
from domain.subscription.sign_up import SignUp
from services import subscription_client
from services.subscription_client import NotRunning
from workflows.subscription.messages import OpenCheckout
from workflows.subscription.workflow import SubscriptionWorkflow

router = APIRouter(prefix="/v1/checkout-sessions", tags=["Checkout"], route_class=IdempotentRoute, responses=COMMANDING)


class CheckoutSessionView(BaseModel):
    """Redirect the customer to `url`. The subscription picks up the card, or begins, by itself."""

    url: str
    subscription: str = Field(
        description="the subscription's id; of a purchase, the id that it will have once the page is completed"
    )
    expires_at: datetime | None = Field(
        default=None,
        description="of a purchase: until when the page can be completed",
        examples=["2027-01-15T09:00:00Z"],
    )


@router.post(
    "",
    operation_id="createCheckoutSession",
    summary="Create a checkout session, where a customer adds a card, or buys a subscription",
    response_model_exclude_none=True,
)
async def create(body: CheckoutRequest, context: ServiceContext) -> CheckoutSessionView:
    """A page for a customer's subscription takes a card. With `plan`, the customer has none yet and buys one there.

    A purchase leaves nothing behind until its page is completed: then the customer is signed up, once. One that can no
    longer begin by then, as the customer has a subscription or had a trial, is undone, given back and mailed.
    """
    if isinstance(body, CreatePurchaseRequest):
        return await _purchase(context, body)
    return await _card(context, body)


async def _card(context: CommandContext, body: CreateCheckoutSessionRequest) -> CheckoutSessionView:
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


async def _purchase(context: CommandContext, body: CreatePurchaseRequest) -> CheckoutSessionView:
    check_for_sale(context, body.plan)
    dependencies = context.dependencies
    requested = SignUp(
        id_of(context, body),
        context.caller.tenant,
        context.caller.actor,
        context.key,
        contact_of(body.customer, body.metadata),
        within_bounds(dependencies.catalog.select(body.plan, body.interval, body.quantity, body.add_ons)),
        trial_days(context, body.plan, body.trial_days),
        dependencies.policy,
        dependencies.catalog.free_plan,
    )
    former = await _former(context, body.customer.external_id)
    stored = await open_purchase(dependencies, requested, former, body.success_url, body.cancel_url)
    return CheckoutSessionView(
        url=stored.page.url, subscription=requested.subscription, expires_at=stored.page.expires_at
    )


async def _former(context: CommandContext, external_id: str) -> str:
    """The provider's id of a customer whom we know; empty if there is none."""
    known = await context.repositories.customers.id_of(tenant=context.caller.tenant, external_id=external_id)
    if known is None:
        return ""
    return (await context.repositories.records(context.caller.tenant).contact(known)).customer_ref


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
