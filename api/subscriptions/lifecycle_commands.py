"""Lifecycle commands; each returns the subscription after it."""

from fastapi import APIRouter

from api.http.auth import OPERATOR_ROLES
from api.http.fields import SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.subscriptions.command_context import OperatorContext, PreviewContext, ServiceContext
from api.subscriptions.confirmations import CONFIRMING
from api.subscriptions.flush_overage import report_overage_first
from api.subscriptions.requests import (
    CancelRequest,
    ConvertRequest,
    EmptyRequest,
    ExtendTrialRequest,
    PreviewCancelRequest,
    PutPaymentMethodRequest,
    ReasonRequest,
)
from api.subscriptions.views import CancellationPreviewView, SubscriptionView
from domain.subscription.commands import CancelAt
from domain.subscription.ends import EndKind
from workflows.subscription.messages import (
    Cancel,
    Command,
    Convert,
    ExtendTrial,
    PreviewCancel,
    PutPaymentMethod,
    Reactivate,
    Suspend,
)
from workflows.subscription.workflow import SubscriptionWorkflow

router = APIRouter(
    prefix="/v1/subscriptions/{subscription_id}",
    tags=["Subscriptions"],
    route_class=IdempotentRoute,
    responses=COMMANDING,
)


@router.post(
    "/convert",
    operation_id="convertSubscription",
    summary="Convert a trial to a paid subscription",
    responses=CONFIRMING,
)
async def convert(
    subscription_id: SubscriptionId, context: ServiceContext, body: ConvertRequest | None = None
) -> SubscriptionView:
    body = body or ConvertRequest()
    command = Convert(context.key, context.caller.actor, body.payment_method, body.when)
    return await context.execute(subscription_id, SubscriptionWorkflow.convert, command)


@router.post(
    "/payment-method", operation_id="putPaymentMethod", summary="Put a card on file and retry any open payment"
)
async def put_payment_method(
    subscription_id: SubscriptionId, context: ServiceContext, body: PutPaymentMethodRequest
) -> SubscriptionView:
    command = PutPaymentMethod(context.key, context.caller.actor, body.payment_method)
    return await context.execute(subscription_id, SubscriptionWorkflow.put_payment_method, command)


@router.post(
    "/retry-payment",
    operation_id="retryPayment",
    summary="Retry the open payment now",
    responses=CONFIRMING,
)
async def retry_payment(
    subscription_id: SubscriptionId, context: ServiceContext, _body: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(context.key, context.caller.actor)
    return await context.execute(subscription_id, SubscriptionWorkflow.retry_payment, command)


@router.post("/cancel", operation_id="cancelSubscription", summary="Cancel at the end of the period, or now")
async def cancel(
    subscription_id: SubscriptionId, context: ServiceContext, body: CancelRequest | None = None
) -> SubscriptionView:
    body = body or CancelRequest()
    if body.at is CancelAt.NOW:
        await report_overage_first(context, subscription_id)
    by = EndKind.OPERATOR if context.caller.role in OPERATOR_ROLES else EndKind.CUSTOMER
    code = body.reason_code.value if body.reason_code is not None else ""
    command = Cancel(context.key, context.caller.actor, body.at, context.reason(body.words), code, by)
    return await context.execute(subscription_id, SubscriptionWorkflow.cancel, command)


@router.post("/preview-cancel", operation_id="previewCancel", summary="Preview a cancellation")
async def preview_cancel(
    subscription_id: SubscriptionId, context: PreviewContext, body: PreviewCancelRequest | None = None
) -> CancellationPreviewView:
    """Nothing is changed. A subscription that is past due, suspended or on the free plan always ends at once."""
    command = PreviewCancel(context.key, context.caller.actor, (body or PreviewCancelRequest()).at)
    return CancellationPreviewView.of(await context.send(subscription_id, SubscriptionWorkflow.preview_cancel, command))


@router.post("/uncancel", operation_id="uncancelSubscription", summary="Undo a scheduled cancellation")
async def uncancel(
    subscription_id: SubscriptionId, context: ServiceContext, _body: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(context.key, context.caller.actor)
    return await context.execute(subscription_id, SubscriptionWorkflow.uncancel, command)


@router.post("/extend-trial", operation_id="extendTrial", summary="Extend a trial (operators)")
async def extend_trial(
    subscription_id: SubscriptionId, context: OperatorContext, body: ExtendTrialRequest
) -> SubscriptionView:
    command = ExtendTrial(context.key, context.caller.actor, body.days, context.reason(body.reason))
    return await context.execute(subscription_id, SubscriptionWorkflow.extend_trial, command)


@router.post("/renew-links", operation_id="renewLinks", summary="Revoke links in earlier mails (operators)")
async def renew_links(
    subscription_id: SubscriptionId, context: OperatorContext, _body: EmptyRequest | None = None
) -> SubscriptionView:
    """For a mail that reached the wrong person. Links in later mails work.

    The customer's one-time links and open visits to the billing page end as well.
    """
    row = await context.row(subscription_id)
    await context.repositories.pay_pages.renew_links(context.caller.tenant, row.id)
    return SubscriptionView.of(row)


@router.post("/suspend", operation_id="suspendSubscription", summary="Suspend a subscription (operators)")
async def suspend(subscription_id: SubscriptionId, context: OperatorContext, body: ReasonRequest) -> SubscriptionView:
    command = Suspend(context.key, context.caller.actor, context.reason(body.reason))
    return await context.execute(subscription_id, SubscriptionWorkflow.suspend, command)


@router.post(
    "/reactivate", operation_id="reactivateSubscription", summary="Reactivate a suspended subscription (operators)"
)
async def reactivate(
    subscription_id: SubscriptionId, context: OperatorContext, body: ReasonRequest
) -> SubscriptionView:
    command = Reactivate(context.key, context.caller.actor, context.reason(body.reason))
    return await context.execute(subscription_id, SubscriptionWorkflow.reactivate, command)
