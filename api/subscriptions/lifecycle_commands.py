"""Commands to a subscription: each answers with the subscription after it."""

from fastapi import APIRouter

from api.http.auth import OVERRULING
from api.http.fields import SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING
from api.subscriptions.command_context import OperatorDesk, ServiceDesk
from api.subscriptions.confirmations import CONFIRMING
from api.subscriptions.flush_overage import tell_use_first
from api.subscriptions.requests import (
    CancelRequest,
    ConvertRequest,
    EmptyRequest,
    ExtendTrialRequest,
    PreviewCancelRequest,
    PutPaymentMethodRequest,
    ReasonRequest,
)
from api.subscriptions.views import CancelPreviewView, SubscriptionView
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
    summary="Become a paid subscription",
    responses=CONFIRMING,
)
async def convert(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: ConvertRequest | None = None
) -> SubscriptionView:
    wish = wish or ConvertRequest()
    command = Convert(desk.key, desk.caller.actor, wish.payment_method, wish.when)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.convert, command)


@router.post("/payment-method", operation_id="putPaymentMethod", summary="Put a card on file; what is owed is tried")
async def put_payment_method(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: PutPaymentMethodRequest
) -> SubscriptionView:
    command = PutPaymentMethod(desk.key, desk.caller.actor, wish.payment_method)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.put_payment_method, command)


@router.post(
    "/retry-payment",
    operation_id="retryPayment",
    summary="Try now to take what is owed",
    responses=CONFIRMING,
)
async def retry_payment(
    subscription_id: SubscriptionId, desk: ServiceDesk, _wish: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(desk.key, desk.caller.actor)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.retry_payment, command)


@router.post("/cancel", operation_id="cancelSubscription", summary="End at the period's end, or now")
async def cancel(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: CancelRequest | None = None
) -> SubscriptionView:
    wish = wish or CancelRequest()
    if wish.at is CancelAt.NOW:
        await tell_use_first(desk, subscription_id)
    by = EndKind.OPERATOR if desk.caller.role in OVERRULING else EndKind.CUSTOMER
    code = wish.reason_code.value if wish.reason_code is not None else ""
    command = Cancel(desk.key, desk.caller.actor, wish.at, wish.words, code, by)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.cancel, command)


@router.post("/preview-cancel", operation_id="previewCancel", summary="What a cancellation would bring")
async def preview_cancel(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: PreviewCancelRequest | None = None
) -> CancelPreviewView:
    """Nothing is changed. What is owed, suspended or on the free plan ends at once, whenever it is asked to."""
    command = PreviewCancel(desk.key, desk.caller.actor, (wish or PreviewCancelRequest()).at)
    return CancelPreviewView.of(await desk.ask(subscription_id, SubscriptionWorkflow.preview_cancel, command))


@router.post("/uncancel", operation_id="uncancelSubscription", summary="Go on after all")
async def uncancel(
    subscription_id: SubscriptionId, desk: ServiceDesk, _wish: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(desk.key, desk.caller.actor)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.uncancel, command)


@router.post("/extend-trial", operation_id="extendTrial", summary="Move a trial's end (operators)")
async def extend_trial(
    subscription_id: SubscriptionId, desk: OperatorDesk, wish: ExtendTrialRequest
) -> SubscriptionView:
    command = ExtendTrial(desk.key, desk.caller.actor, wish.days, wish.reason)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.extend_trial, command)


@router.post("/renew-links", operation_id="renewLinks", summary="Have links that were mailed open nothing (operators)")
async def renew_links(
    subscription_id: SubscriptionId, desk: OperatorDesk, _wish: EmptyRequest | None = None
) -> SubscriptionView:
    """For a mail that came into wrong hands. Mails sent from now on carry links that work."""
    row = await desk.row(subscription_id)
    await desk.stores.pay_pages.renew_links(row.id)
    return SubscriptionView.of(row)


@router.post("/suspend", operation_id="suspendSubscription", summary="Turn access off (operators)")
async def suspend(subscription_id: SubscriptionId, desk: OperatorDesk, wish: ReasonRequest) -> SubscriptionView:
    command = Suspend(desk.key, desk.caller.actor, wish.reason)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.suspend, command)


@router.post("/reactivate", operation_id="reactivateSubscription", summary="Give access back (operators)")
async def reactivate(subscription_id: SubscriptionId, desk: OperatorDesk, wish: ReasonRequest) -> SubscriptionView:
    command = Reactivate(desk.key, desk.caller.actor, wish.reason)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.reactivate, command)
