"""Commands to a subscription: each answers with the subscription after it."""

from fastapi import APIRouter

from api.auth import OVERRULING
from api.confirmations import CONFIRMING
from api.desk import OperatorDesk, ServiceDesk
from api.docs import COMMANDING
from api.fields import SubscriptionId
from api.idempotency import IdempotentRoute
from api.requests import (
    CancelWish,
    ConvertWish,
    EmptyWish,
    ExtendTrialWish,
    PaymentMethodWish,
    PreviewCancelWish,
    ReasonWish,
)
from api.use_first import tell_use_first
from api.views import CancelPreviewView, SubscriptionView
from domain.ends import EndKind
from domain.steering import CancelAt
from workflows.messages import (
    Cancel,
    Command,
    Convert,
    ExtendTrial,
    PreviewCancel,
    PutPaymentMethod,
    Reactivate,
    Suspend,
)
from workflows.subscription import SubscriptionWorkflow

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
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: ConvertWish | None = None
) -> SubscriptionView:
    wish = wish or ConvertWish()
    command = Convert(desk.key, desk.caller.actor, wish.payment_method, wish.when)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.convert, command)


@router.post("/payment-method", operation_id="putPaymentMethod", summary="Put a card on file; what is owed is tried")
async def put_payment_method(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: PaymentMethodWish
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
    subscription_id: SubscriptionId, desk: ServiceDesk, _wish: EmptyWish | None = None
) -> SubscriptionView:
    command = Command(desk.key, desk.caller.actor)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.retry_payment, command)


@router.post("/cancel", operation_id="cancelSubscription", summary="End at the period's end, or now")
async def cancel(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: CancelWish | None = None
) -> SubscriptionView:
    wish = wish or CancelWish()
    if wish.at is CancelAt.NOW:
        await tell_use_first(desk, subscription_id)
    by = EndKind.OPERATOR if desk.caller.role in OVERRULING else EndKind.CUSTOMER
    code = wish.reason_code.value if wish.reason_code is not None else ""
    command = Cancel(desk.key, desk.caller.actor, wish.at, wish.words, code, by)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.cancel, command)


@router.post("/preview-cancel", operation_id="previewCancel", summary="What a cancellation would bring")
async def preview_cancel(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: PreviewCancelWish | None = None
) -> CancelPreviewView:
    """Nothing is changed. What is owed, suspended or on the free plan ends at once, whenever it is asked to."""
    command = PreviewCancel(desk.key, desk.caller.actor, (wish or PreviewCancelWish()).at)
    return CancelPreviewView.of(await desk.ask(subscription_id, SubscriptionWorkflow.preview_cancel, command))


@router.post("/uncancel", operation_id="uncancelSubscription", summary="Go on after all")
async def uncancel(
    subscription_id: SubscriptionId, desk: ServiceDesk, _wish: EmptyWish | None = None
) -> SubscriptionView:
    command = Command(desk.key, desk.caller.actor)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.uncancel, command)


@router.post("/extend-trial", operation_id="extendTrial", summary="Move a trial's end (operators)")
async def extend_trial(subscription_id: SubscriptionId, desk: OperatorDesk, wish: ExtendTrialWish) -> SubscriptionView:
    command = ExtendTrial(desk.key, desk.caller.actor, wish.days, wish.reason)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.extend_trial, command)


@router.post("/renew-links", operation_id="renewLinks", summary="Have links that were mailed open nothing (operators)")
async def renew_links(
    subscription_id: SubscriptionId, desk: OperatorDesk, _wish: EmptyWish | None = None
) -> SubscriptionView:
    """For a mail that came into wrong hands. Mails sent from now on carry links that work."""
    row = await desk.row(subscription_id)
    await desk.stores.pay_pages.renew_links(row.id)
    return SubscriptionView.of(row)


@router.post("/suspend", operation_id="suspendSubscription", summary="Turn access off (operators)")
async def suspend(subscription_id: SubscriptionId, desk: OperatorDesk, wish: ReasonWish) -> SubscriptionView:
    command = Suspend(desk.key, desk.caller.actor, wish.reason)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.suspend, command)


@router.post("/reactivate", operation_id="reactivateSubscription", summary="Give access back (operators)")
async def reactivate(subscription_id: SubscriptionId, desk: OperatorDesk, wish: ReasonWish) -> SubscriptionView:
    command = Reactivate(desk.key, desk.caller.actor, wish.reason)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.reactivate, command)
