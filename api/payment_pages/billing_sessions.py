"""Billing sessions: one-time links to the pages on which customers see and change their own subscription."""

from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.http.idempotency import SecretRoute
from api.http.openapi import COMMANDING
from api.payment_pages.page_customer import page_customer
from api.subscriptions.command_context import ServiceContext
from api.subscriptions.requests import CreateBillingSessionRequest
from domain.notifications.one_time_links import enter_url, one_time_tokens
from storage.access.web_sessions import Destination

router = APIRouter(prefix="/v1/billing-sessions", tags=["Checkout"], route_class=SecretRoute, responses=COMMANDING)


class BillingSessionView(BaseModel):
    """Redirect the customer to `url`. It opens one session, of this customer alone, for the first visitor."""

    url: str
    expires_at: datetime = Field(description="until when the link can be used; the session then lasts up to 12 hours")


@router.post(
    "",
    status_code=201,
    operation_id="createBillingSession",
    summary="Create a billing session, in which a customer manages their own subscription",
)
async def create(body: CreateBillingSessionRequest, context: ServiceContext) -> BillingSessionView:
    """Works for customers whose subscriptions have all ended, too: they see their invoices."""
    customer_id, _ = await page_customer(context, body)
    # Derived from the key: a repeat of the request returns the same link, which is not stored.
    tokens = one_time_tokens(context.dependencies.signing, context.caller.tenant, context.key, customer_id)
    token = await context.repositories.web_sessions.known_link(context.caller.tenant, tokens[1:]) or tokens[0]
    to = Destination(
        context.caller.tenant,
        customer_id,
        body.flow.value,
        body.return_url or "",
        body.locale or "",
        body.embed,
    )
    expires_at = await context.repositories.web_sessions.create_link(token, to, timedelta(seconds=body.expires_in))
    return BillingSessionView(url=enter_url(context.dependencies.public_url, token), expires_at=expires_at)
