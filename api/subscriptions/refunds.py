"""Refunds of what a subscription has paid, also once it is over."""

from typing import Final

from fastapi import APIRouter

from api.http.fields import SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.subscriptions.command_context import CommandContext, OperatorContext, refuse_ended
from api.subscriptions.requests import RefundRequest
from api.subscriptions.views import SubscriptionView
from domain.errors import Rejected
from services.subscription_client import NotRunning
from storage.access.api_keys import Role
from workflows.subscription.messages import Refund

UNKNOWN_INVOICE: Final = "unknown_invoice"

router = APIRouter(
    prefix="/v1/subscriptions/{subscription_id}",
    tags=["Subscriptions"],
    route_class=IdempotentRoute,
    responses=COMMANDING,
)


@router.post("/refund", operation_id="refundInvoice", summary="Refund an invoice, wholly or in part (operators)")
async def refund(subscription_id: SubscriptionId, context: OperatorContext, body: RefundRequest) -> SubscriptionView:
    """The customer gets a mail. Operators refund up to the policy's `refund_limit` at once, admins any amount."""
    await _check_invoice(context, subscription_id, body.invoice)
    command = Refund(
        context.key,
        context.caller.actor,
        body.invoice,
        context.reason(body.reason),
        body.amount,
        None if context.caller.role is Role.ADMIN else context.dependencies.policy.refund_limit,
    )
    try:
        await context.dependencies.refunds(context.caller.tenant).refund(subscription_id, command)
    except NotRunning:
        await refuse_ended(context.repositories, context.caller.tenant, subscription_id)
        raise
    return SubscriptionView.of(await context.row(subscription_id))


async def _check_invoice(context: CommandContext, subscription_id: str, invoice: str) -> None:
    """Refuse an invoice that is not the subscription's: whose money it is, the payment provider does not ask."""
    await context.row(subscription_id)
    if not await context.repositories.invoice_list.is_of(context.caller.tenant, subscription_id, invoice):
        raise Rejected(f"the subscription has no invoice {invoice!r}", code=UNKNOWN_INVOICE)
