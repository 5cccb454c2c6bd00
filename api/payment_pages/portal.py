"""Portal sessions: the payment provider's page on which customers manage cards and invoices."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from activities.wallets import call_with_wallet, customer_ref
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.payment_pages.page_customer import page_customer
from api.subscriptions.command_context import ServiceContext
from api.subscriptions.requests import CreatePortalSessionRequest
from domain.errors import GatewayUnavailable

router = APIRouter(prefix="/v1/portal-sessions", tags=["Checkout"], route_class=IdempotentRoute, responses=COMMANDING)


class PortalSessionView(BaseModel):
    """Redirect the customer to `url` right away: it works for a few minutes, for anyone who has it."""

    url: str
    customer: str = Field(description="the customer's external id")


@router.post(
    "",
    operation_id="createPortalSession",
    summary="Create a portal session, where a customer manages cards and invoices",
)
async def create(body: CreatePortalSessionRequest, context: ServiceContext) -> PortalSessionView:
    """Changes made there reach the subscription by themselves.

    Opening the page does not appear in a subscription's timeline, and works for customers whose subscriptions have all
    ended. A customer whom the payment provider does not know yet is created there, once.
    """
    customer_id, external_id = await page_customer(context, body)
    wallets, key = context.dependencies.wallets, f"{customer_id}/portal/{context.key}"
    records = context.repositories.records(context.caller.tenant)
    reference = await customer_ref(wallets, records, customer_id, key=key)
    return_url = body.return_url or f"{context.dependencies.public_url.rstrip('/')}/pay/closed"

    async def opened(known: str, key: str) -> str:
        return await wallets.open_portal(known, return_url, key=key)

    _, url = await call_with_wallet(wallets, records, customer_id, reference, opened, key)
    if not url:
        raise GatewayUnavailable("the payment provider returned no page; try again")
    return PortalSessionView(url=url, customer=external_id)
