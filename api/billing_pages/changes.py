"""A change of plan: choose, see what it costs, confirm. Nobody is charged more than the page has shown."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from fastapi import Response
from pydantic import ValidationError

from api.billing_pages.flows import NOT_OFFERED, Fields, can
from api.billing_pages.payments import leave_to_pay
from api.billing_pages.plan_choice import ADD_ON, PlanOption, add_on_fields, chosen, faults, number, priced
from api.billing_pages.visits import SEQUENCE, Visit
from api.subscriptions import plan_commands
from api.subscriptions.downgrade_guard import PlanChangePreviewView
from api.subscriptions.requests import ChangePlanRequest
from domain.billing_flows import BillingFlow
from domain.catalog.plans import Catalog, Interval, Plan, Selection
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.subscription import guards
from domain.subscription.policy import ChangeAt
from domain.subscription.state import Subscription

STEP, CONFIRM = "step", "confirm"
PLANNED: Final = "change_planned"
"""Exactly this is planned already."""
WITHDRAW_FIRST: Final = "withdraw_first"
"""Another plan is planned: who stays with their own, and wants more of it, withdraws that first."""


def check_can_change(subscription: Subscription, now: datetime) -> None:
    """Reject if nothing can be changed now, whatever is chosen.

    Raises:
        Rejected: why.
    """
    another = replace(subscription.selection, quantity=subscription.quantity + 1)
    guards.check_change(subscription, another, ChangeAt.PERIOD_END, now)


async def show_change(
    visit: Visit, fields: Fields | None = None, *, errors: dict[str, str] | None = None, problem: str = ""
) -> Response:
    """Return the page on which to choose; where nothing can be changed, what is so."""
    it, today = visit.subscription, visit.dependencies.catalog
    why = _why_not(visit)
    own = await visit.repositories.catalogs.get(it.catalog) or today
    given = fields or {}
    options = [one for one in _options(it, own, today) if _is_offered(visit, one.plan.code)]
    return visit.page(
        "change.html",
        BillingFlow.CHANGE_PLAN,
        status=422 if errors else 200,
        why=why,
        problem="" if why else problem,
        options=options,
        chosen=_chosen(options, given.get("plan", ""), f"{it.plan}/{it.interval}"),
        quantity=given.get("quantity", str(it.quantity)),
        add_ons=add_on_fields({**own.add_ons, **today.add_ons}, given, it.add_ons),
        errors=errors or {},
    )


async def press_change(visit: Visit, fields: Fields) -> Response:
    """Show what the choice costs; when it is confirmed, and costs no more than was shown, do it."""
    if _why_not(visit):
        return await show_change(visit)
    try:
        body = _body(visit.subscription, visit.dependencies.catalog, fields)
    except ValidationError as error:
        return await show_change(visit, fields, errors=faults(error, visit.reader.language))
    try:
        return await _go_on(visit, body, fields)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        if error.code == "authentication_required":
            return await leave_to_pay(await visit.again(), BillingFlow.CHANGE_PLAN, fields)
        return await show_change(await visit.again(), fields, problem=error.code)


async def _go_on(visit: Visit, body: ChangePlanRequest, fields: Fields) -> Response:
    if body.plan is not None and not _is_offered(visit, body.plan):
        raise Rejected("customers may not change to this plan", code=NOT_OFFERED)
    if _keeps_all(visit.subscription, body):
        return visit.back_to(BillingFlow.WITHDRAW_CHANGE)
    is_confirmed = fields.get(STEP) == CONFIRM
    if problem := _clashes(visit.subscription, body, is_confirmed=is_confirmed):
        return await show_change(visit, fields, problem=problem)
    return await (_confirm if is_confirmed else _preview)(visit, body, fields)


def _why_not(visit: Visit) -> str:
    """Return why nothing can be changed, whatever is chosen; empty: something can."""
    if not visit.offers.change:
        return NOT_OFFERED
    return can(lambda: check_can_change(visit.subscription, visit.account.now))


def _keeps_all(it: Subscription, body: ChangePlanRequest) -> bool:
    """True if a change is planned, and the customer has chosen what they have: then the change is withdrawn."""
    had = (None, it.interval, it.quantity, dict(it.add_ons))
    return it.pending_change is not None and (body.plan, body.interval, body.quantity, body.add_ons) == had


def _clashes(it: Subscription, body: ChangePlanRequest, *, is_confirmed: bool) -> str:
    """Return why a choice cannot take the place of the change that is planned; empty: it can, or none is planned."""
    if it.pending_change is None:
        return ""
    to = it.pending_change.to
    if body.plan is None and to.plan != it.plan:
        # A request without a plan is about the one that is planned.
        return WITHDRAW_FIRST
    asked = (body.plan or it.plan, body.interval, body.quantity or 1, body.add_ons or {})
    is_planned = asked == (to.plan, to.interval, to.quantity, dict(to.add_ons))
    return PLANNED if is_planned and not is_confirmed else ""


def _chosen(options: list[PlanOption], asked: str, current: str) -> str:
    """Return the option to mark: what was asked for, if it is offered, else what the customer has."""
    return asked if asked in [one.value for one in options] else current


def _is_offered(visit: Visit, plan: str) -> bool:
    return plan == visit.subscription.plan or visit.offers.may_switch_to(plan)


async def _preview(visit: Visit, body: ChangePlanRequest, fields: Fields, *, problem: str = "") -> Response:
    context = visit.context(BillingFlow.CHANGE_PLAN, f"{fields.get(SEQUENCE, '')}/preview")
    preview = await plan_commands.preview_change(visit.subscription.id, context, body)
    kept = {name: value for name, value in fields.items() if name in ("plan", "quantity") or name.startswith(ADD_ON)}
    return visit.page(
        "change_preview.html",
        BillingFlow.CHANGE_PLAN,
        preview=preview,
        kept=kept | _shown(preview),
        problem=problem,
        why="",
    )


def _shown(preview: PlanChangePreviewView) -> dict[str, str]:
    """Return the fields that say what the page has shown."""
    at = preview.preview_at.isoformat() if preview.preview_at is not None else ""
    return {"expected_due": str(preview.due_now), "preview_at": at, "next_amount": str(preview.next_amount)}


async def _confirm(visit: Visit, body: ChangePlanRequest, fields: Fields) -> Response:
    """Change the plan. If it would cost more than was shown, now or each period, show that instead."""
    due, price = (number(fields.get(name, "")) for name in ("expected_due", "next_amount"))
    context = visit.context(BillingFlow.CHANGE_PLAN, fields.get(SEQUENCE, ""))
    to = (await plan_commands.priced_change(context, visit.subscription.id, body)).to
    if not isinstance(due, int) or not isinstance(price, int) or to.total.amount > price:
        return await _preview(visit, body, fields, problem="price_changed")
    seen = {"expected_due": due, "preview_at": fields.get("preview_at") or None}
    try:
        guarded = ChangePlanRequest.model_validate(body.model_dump(exclude_none=True) | seen)
    except ValidationError:  # no page of ours has shown that
        return await _preview(visit, body, fields, problem="price_changed")
    try:
        await plan_commands.change_plan(visit.subscription.id, context, guarded)
    except Rejected as error:
        if error.code in ("price_changed", "usage_does_not_fit"):
            return await _preview(visit, body, fields, problem=error.code)
        raise
    if not _is_so(await visit.again(), to):
        # Another tab was quicker: what this one has asked for was not done under the same key.
        return await show_change(await visit.again(), fields, problem="changed_meanwhile")
    return visit.back_to(BillingFlow.OVERVIEW)


def _is_so(visit: Visit, to: Selection) -> bool:
    """Whether the customer has, or will have, what was confirmed."""
    it = visit.subscription
    return it.selection.is_just(to) or (it.pending_change is not None and it.pending_change.to.is_just(to))


def _body(it: Subscription, today: Catalog, fields: Fields) -> ChangePlanRequest:
    """Return the request that the form stands for.

    Raises:
        ValidationError: a field has a value that it cannot have.
    """
    choice = chosen(fields)
    plan = choice["plan"]
    if today.free_plan is not None and plan == today.free_plan.plan:
        choice = {name: choice[name] for name in ("plan", "interval")}
    if plan == it.plan:
        # Customers who stay on their plan stay on the version of it that they have.
        del choice["plan"]
    return ChangePlanRequest.model_validate(choice)


def _options(it: Subscription, own: Catalog, today: Catalog) -> list[PlanOption]:
    """Return what can be chosen: the customer's own plan as they have it, and all that are for sale in its currency."""
    mine = own.plans.get(it.plan)
    plans: Mapping[str, Plan] = {plan.code: plan for plan in today.for_sale} | ({it.plan: mine} if mine else {})
    free = [
        PlanOption(f"{plan.code}/{Interval.MONTH}", plan, Interval.MONTH, 0, it.currency, plan.code == it.plan)
        for plan in plans.values()
        if plan.is_free
    ]
    sold = priced(plans.values(), (it.plan, it.interval))
    found = free + [option for option in sold if option.currency == it.currency or it.is_free]
    order = list(plans)
    return sorted(found, key=lambda option: order.index(option.plan.code))
