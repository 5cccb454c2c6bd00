"""Commands to what a subscription is about and whether it runs: plan, pause."""

from fastapi import APIRouter

from api.http.fields import SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING, problems
from api.subscriptions.command_context import CommandContext, ServiceDesk
from api.subscriptions.confirmations import CONFIRMING
from api.subscriptions.downgrade_guard import FittingPreviewView, MisfitsProblem, MisfitView, check_fit, unfit
from api.subscriptions.flush_overage import tell_use_first
from api.subscriptions.requests import ChangePlanRequest, EmptyRequest, PauseRequest
from api.subscriptions.sign_up import within_bounds
from api.subscriptions.views import PreviewView, SubscriptionView
from domain.catalog.plans import Catalog, Selection
from domain.errors import Malformed
from domain.subscription import plan_changes
from domain.subscription.policy import ChangeAt
from storage.db.codec import state_from_json
from workflows.subscription.messages import ChangePlan, Command, PauseUntil
from workflows.subscription.workflow import SubscriptionWorkflow

router = APIRouter(
    prefix="/v1/subscriptions/{subscription_id}",
    tags=["Subscriptions"],
    route_class=IdempotentRoute,
    responses=COMMANDING,
)


@router.post("/pause", operation_id="pauseSubscription", summary="Stop until a date, or until resumed")
async def pause(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: PauseRequest | None = None
) -> SubscriptionView:
    wish = wish or PauseRequest()
    command = PauseUntil(desk.key, desk.caller.actor, wish.resumes_at)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.pause, command)


@router.post("/resume", operation_id="resumeSubscription", summary="End a pause early")
async def resume(
    subscription_id: SubscriptionId, desk: ServiceDesk, _wish: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(desk.key, desk.caller.actor)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.resume, command)


@router.post(
    "/change-plan",
    operation_id="changePlan",
    summary="Have another plan, interval, quantity or add-ons",
    responses=problems(409, kinds=[MisfitsProblem]) | CONFIRMING,
)
async def change_plan(subscription_id: SubscriptionId, desk: ServiceDesk, wish: ChangePlanRequest) -> SubscriptionView:
    command = await _change(desk, subscription_id, wish)
    await check_fit(desk, subscription_id, command, accepted=wish.accept_misfits)
    await tell_use_first(desk, subscription_id)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.change_plan, command)


@router.post("/preview-change", operation_id="previewChange", summary="What the same change would bill, and when")
async def preview_change(
    subscription_id: SubscriptionId, desk: ServiceDesk, wish: ChangePlanRequest
) -> FittingPreviewView:
    command = await _change(desk, subscription_id, wish)
    await tell_use_first(desk, subscription_id)
    preview = await desk.ask(subscription_id, SubscriptionWorkflow.preview_change, command)
    found = await unfit(desk, subscription_id, preview.to, at_once=preview.at is ChangeAt.NOW)
    shown = PreviewView.of(preview)
    return FittingPreviewView(**dict(shown), misfits=[MisfitView.of(one) for one in found])


@router.post("/withdraw-change", operation_id="withdrawChange", summary="Keep what there is after all")
async def withdraw_change(
    subscription_id: SubscriptionId, desk: ServiceDesk, _wish: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(desk.key, desk.caller.actor)
    return await desk.carry_out(subscription_id, SubscriptionWorkflow.withdraw_change, command)


async def _change(desk: CommandContext, subscription_id: str, wish: ChangePlanRequest) -> ChangePlan:
    """The wish, with its price worked out; what it leaves out is as planned, or else as it is."""
    row = await desk.row(subscription_id)
    subscription, today = state_from_json(dict(row.state)), desk.parts.catalog
    had, base = subscription.selection, plan_changes.basis(subscription)
    own = await desk.stores.catalogs.get(row.catalog) or today
    # Without a plan named, that of the base stays, of the version it was chosen from.
    of_base = own if base.catalog == row.catalog else await desk.stores.catalogs.get(base.catalog) or today
    to = _select(of_base if wish.plan is None else today, base, wish)
    worked_out_from = "" if wish.is_complete else plan_changes.basis_name(subscription)
    return ChangePlan(desk.key, desk.caller.actor, to, own.is_upgrade(had, to), wish.when, worked_out_from)


def _select(catalog: Catalog, base: Selection, wish: ChangePlanRequest) -> Selection:
    plan, free = wish.plan or base.plan, catalog.free_plan
    if free is not None and plan == free.plan:
        _check_nothing_is_added(free, wish)
        return free
    add_ons = base.add_ons if wish.add_ons is None else wish.add_ons
    return within_bounds(catalog.select(plan, wish.interval or base.interval, wish.quantity or base.quantity, add_ons))


def _check_nothing_is_added(free: Selection, wish: ChangePlanRequest) -> None:
    """Nothing that was asked for is passed over: what costs nothing comes once, and alone."""
    named = "" if wish.plan is not None else ", which is planned or in force: name the plan to have"
    if any((wish.add_ons or {}).values()):
        raise Malformed(f"there are no add-ons on {free.plan_name}{named}", field="add_ons", code="free_plan")
    if (wish.quantity or 1) != 1:
        raise Malformed(f"{free.plan_name} is had once{named}", field="quantity", code="free_plan")
