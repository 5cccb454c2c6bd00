"""Commands for plan changes and pauses."""

from fastapi import APIRouter

from api.http.auth import SERVICE_ROLES
from api.http.fields import SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING, problems
from api.subscriptions.command_context import CommandContext, PreviewContext, ServiceContext
from api.subscriptions.confirmations import CONFIRMING
from api.subscriptions.downgrade_guard import (
    LimitConflictProblem,
    LimitConflictView,
    PlanChangePreviewView,
    check_fit,
    unfit,
)
from api.subscriptions.flush_overage import report_overage_first
from api.subscriptions.requests import ChangePlanRequest, EmptyRequest, PauseRequest
from api.subscriptions.sign_up import check_for_sale, within_bounds
from api.subscriptions.views import ChangeQuoteView, SubscriptionView
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


@router.post("/pause", operation_id="pauseSubscription", summary="Pause until a date, or until resumed")
async def pause(
    subscription_id: SubscriptionId, context: ServiceContext, body: PauseRequest | None = None
) -> SubscriptionView:
    body = body or PauseRequest()
    command = PauseUntil(context.key, context.caller.actor, body.resumes_at)
    return await context.execute(subscription_id, SubscriptionWorkflow.pause, command)


@router.post("/resume", operation_id="resumeSubscription", summary="Resume a paused subscription")
async def resume(
    subscription_id: SubscriptionId, context: ServiceContext, _body: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(context.key, context.caller.actor)
    return await context.execute(subscription_id, SubscriptionWorkflow.resume, command)


@router.post(
    "/change-plan",
    operation_id="changePlan",
    summary="Change plan, interval, quantity or add-ons",
    responses=problems(409, kinds=[LimitConflictProblem]) | CONFIRMING,
)
async def change_plan(
    subscription_id: SubscriptionId, context: ServiceContext, body: ChangePlanRequest
) -> SubscriptionView:
    command = await priced_change(context, subscription_id, body)
    await check_fit(context, subscription_id, command, accepted=body.accept_misfits)
    await report_overage_first(context, subscription_id)
    return await context.execute(subscription_id, SubscriptionWorkflow.change_plan, command)


@router.post("/preview-change", operation_id="previewChange", summary="Preview a plan change")
async def preview_change(
    subscription_id: SubscriptionId, context: PreviewContext, body: ChangePlanRequest
) -> PlanChangePreviewView:
    command = await priced_change(context, subscription_id, body)
    if context.caller.role in SERVICE_ROLES:  # others change nothing, at the provider neither
        await report_overage_first(context, subscription_id)
    preview = await context.send(subscription_id, SubscriptionWorkflow.preview_change, command)
    found = await unfit(context, subscription_id, preview.to, at_once=preview.at is ChangeAt.NOW)
    shown = ChangeQuoteView.of(preview)
    return PlanChangePreviewView(**dict(shown), misfits=[LimitConflictView.of(one) for one in found])


@router.post("/withdraw-change", operation_id="withdrawChange", summary="Withdraw a planned change")
async def withdraw_change(
    subscription_id: SubscriptionId, context: ServiceContext, _body: EmptyRequest | None = None
) -> SubscriptionView:
    command = Command(context.key, context.caller.actor)
    return await context.execute(subscription_id, SubscriptionWorkflow.withdraw_change, command)


async def priced_change(context: CommandContext, subscription_id: str, body: ChangePlanRequest) -> ChangePlan:
    """Return the priced change; what the body leaves out is taken from the planned change, or else stays as it is."""
    row = await context.row(subscription_id)
    subscription, today = state_from_json(dict(row.state)), context.dependencies.catalog
    current, base = subscription.selection, plan_changes.basis(subscription)
    own = await context.repositories.catalogs.get(row.catalog) or today
    # Without a plan in the body, the base's plan stays, in the catalog version from which it was chosen.
    of_base = own if base.catalog == row.catalog else await context.repositories.catalogs.get(base.catalog) or today
    if body.plan is not None and body.plan != current.plan:
        check_for_sale(context, body.plan)
    to = _select(of_base if body.plan is None else today, base, body)
    computed_from = "" if body.is_complete else plan_changes.basis_name(subscription)
    return ChangePlan(
        context.key,
        context.caller.actor,
        to,
        own.is_upgrade(current, to),
        body.when,
        computed_from,
        body.expected_due,
        body.preview_at,
    )


def _select(catalog: Catalog, base: Selection, body: ChangePlanRequest) -> Selection:
    plan, free = body.plan or base.plan, catalog.free_plan
    if free is not None and plan == free.plan:
        _check_free_plan(free, body)
        return free
    add_ons = base.add_ons if body.add_ons is None else body.add_ons
    return within_bounds(catalog.select(plan, body.interval or base.interval, body.quantity or base.quantity, add_ons))


def _check_free_plan(free: Selection, body: ChangePlanRequest) -> None:
    """Reject a quantity or add-ons: the free plan has neither, and ignoring them would hide a mistake."""
    hint = "" if body.plan is not None else ", which is current or planned: give the plan to change to"
    if any((body.add_ons or {}).values()):
        raise Malformed(f"{free.plan_name} has no add-ons{hint}", field="add_ons", code="free_plan")
    if (body.quantity or 1) != 1:
        raise Malformed(f"the quantity of {free.plan_name} is always 1{hint}", field="quantity", code="free_plan")
