"""The payment provider's own page on which customers see their bills and look after their cards."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from activities.wallets import at_wallet, customer_ref
from api.http.fields import subscription_id_of
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.subscriptions.command_context import CommandContext, ServiceContext
from api.subscriptions.requests import CreatePortalSessionRequest
from domain.errors import GatewayUnavailable, Rejected

router = APIRouter(prefix="/v1/portal-sessions", tags=["Checkout"], route_class=IdempotentRoute, responses=COMMANDING)


class PortalSessionView(BaseModel):
    """Send the customer to `url` at once: it is good for minutes, and for whoever has it."""

    url: str
    customer: str = Field(description="the customer's external id")


@router.post(
    "", operation_id="createPortalSession", summary="Open the page on which a customer looks after cards and bills"
)
async def create(body: CreatePortalSessionRequest, context: ServiceContext) -> PortalSessionView:
    """What the customer changes there, the subscription hears of by itself.

    No subscription is asked: nothing about one changes by a page being opened, so it is not written into its
    history, and a customer whose subscriptions are all over has a page too. One who is not known to the payment
    provider yet is made known there under the key that sign-ups and checkouts use, so there is one wallet still.
    """
    customer_id, external_id = await _customer(context, body)
    wallets, key = context.dependencies.wallets, f"{customer_id}/portal/{context.key}"
    reference = await customer_ref(wallets, context.repositories.records, customer_id, key=key)
    return_url = body.return_url or f"{context.dependencies.public_url.rstrip('/')}/pay/closed"

    async def opened(known: str, key: str) -> str:
        return await wallets.open_portal(known, return_url, key=key)

    _, url = await at_wallet(wallets, context.repositories.records, customer_id, reference, opened, key)
    if not url:
        raise GatewayUnavailable("the payment provider gave no page; try again")
    return PortalSessionView(url=url, customer=external_id)


async def _customer(context: CommandContext, body: CreatePortalSessionRequest) -> tuple[str, str]:
    """Our id for the customer, and the product's own."""
    if body.subscription is not None:
        row = await context.row(subscription_id_of(body.subscription))
        return row.customer_id, row.external_id
    assert body.customer is not None  # noqa: S101 - a body names one of the two
    found = await context.repositories.customers.id_of(tenant=context.caller.tenant, external_id=body.customer)
    if found is None:
        raise Rejected(f"there is no customer {body.customer!r}: sign them up first", code="unknown_customer")
    return found, body.customer
