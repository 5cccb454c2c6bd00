"""Changing a subscription's plan: choose, see what it costs, confirm."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import ValidationError

from api.billing_pages.plan_choice import add_on_fields, chosen, number, priced
from api.console.forms import Fields, new_key
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.subscription import account_of
from api.console.subscriptions import PATH
from api.console.visits import Visit
from api.http.auth import OPERATOR_ROLES
from api.subscriptions import plan_commands
from api.subscriptions.command_context import CommandContext
from api.subscriptions.downgrade_guard import PlanChangePreviewView
from api.subscriptions.requests import ChangePlanRequest
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.money import Money, formatted
from domain.subscription.policy import ChangeAt
from domain.subscription.state import Subscription
from storage.subscriptions.billing_accounts import BillingAccount

NAME: Final = "change-plan"
OPERATION: Final = "changePlan"
NEXT_AMOUNT: Final = "next_amount"
"""The hidden field with the price of a period that the page has shown."""
WRONG_CHOICE: Final = "Choose a plan of the list, a quantity of at least 1, and whole units of add-ons."

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("/{subscription_id}/change-plan")
async def choose(subscription_id: str, visit: WithVisit) -> Response:
    return await _choice(visit, await account_of(visit, subscription_id))


@router.post("/{subscription_id}/change-plan")
async def press(subscription_id: str, form: WithSent) -> Response:
    """Show what the choice costs; when that is confirmed, do it, if it costs no more than was shown."""
    visit, fields = form.visit, form.fields
    account = await account_of(visit, subscription_id)
    it = _subscription(account)
    target = visit.of_subscription(it.id)
    await visit.require(OPERATION, *OPERATOR_ROLES, target=target)
    try:
        body = _body(it, fields)
    except ValidationError:
        return await _choice(visit, account, given=fields, errors={"plan": WRONG_CHOICE}, status=422)
    if problem := _clash(it, body):
        return await _choice(visit, account, given=fields, problem=problem, status=409)
    is_confirmed = fields.get("step") == "confirm"
    try:
        async with visit.command(OPERATION if is_confirmed else "previewChange", fields, target=target) as command:
            if not is_confirmed:
                preview = await plan_commands.preview_change(it.id, command.context, body)
                return _previewed(visit, account, fields, preview)
            await _check_price(it, command.context, body, fields)
            await plan_commands.change_plan(it.id, command.context, body)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        again = await account_of(visit, it.id)
        return await _choice(visit, again, given=fields, problem=f"{error.message} ({error.code})", status=409)
    return visit.to(f"{PATH}/{it.id}")


def _subscription(account: BillingAccount) -> Subscription:
    assert account.subscription is not None  # noqa: S101 - account_of
    return account.subscription


def _body(it: Subscription, fields: Fields) -> ChangePlanRequest:
    """Return the request that the form stands for.

    Raises:
        ValidationError: a field has a value that it cannot have.
    """
    choice = chosen(fields)
    if choice["plan"] == it.plan:
        # Who stays on their plan stays on the version of it that they have.
        del choice["plan"]
    seen: dict[str, Any] = {"when": fields["when"]} if fields.get("when") else {}
    if fields.get("step") == "confirm":
        seen |= {"expected_due": number(fields.get("expected_due", "")), "preview_at": fields.get("preview_at") or None}
    return ChangePlanRequest.model_validate(choice | seen)


def _clash(it: Subscription, body: ChangePlanRequest) -> str:
    """Return why more of the plan they have cannot be chosen; empty: it can.

    While another plan is planned, a request without a plan is about that one.
    """
    planned = it.pending_change
    if body.plan is not None or planned is None or planned.to.plan == it.plan:
        return ""
    return f"a change to {planned.to.plan_name} is planned: withdraw it first"


async def _check_price(it: Subscription, context: CommandContext, body: ChangePlanRequest, fields: Fields) -> None:
    """Reject a change to a price that is above the one that was shown, as of a catalog that came into force since.

    What is due at once the subscription compares itself.

    Raises:
        Rejected: code `price_changed`.
    """
    price = (await plan_commands.priced_change(context, it.id, body)).to.total
    shown = number(fields.get(NEXT_AMOUNT, ""))
    if isinstance(shown, int) and price.amount <= shown:
        return
    was = f", and {formatted(Money(shown, price.currency))} was shown" if isinstance(shown, int) else ""
    raise Rejected(f"a period costs {formatted(price)} by now{was}: look again at what it costs", code="price_changed")


async def _choice(
    visit: Visit, account: BillingAccount, *, given: Fields | None = None, status: int = 200, **shown: Any
) -> Response:
    it, today = _subscription(account), visit.dependencies.catalog
    own = await visit.repositories.catalogs.get(it.catalog) or today
    plans = {plan.code: plan for plan in today.plans.values() if not plan.is_free}
    if it.plan in own.plans:
        plans[it.plan] = own.plans[it.plan]
    options = [
        one for one in priced(plans.values(), (it.plan, it.interval)) if one.currency == it.currency or it.is_free
    ]
    fields: Mapping[str, str] = given or {}
    here = f"{PATH}/{it.id}"
    return visit.page(
        "change_plan.html",
        status=status,
        account=account,
        it=it,
        options=options,
        chosen=fields.get("plan", f"{it.plan}/{it.interval}"),
        quantity=fields.get("quantity", str(it.quantity)),
        add_ons=add_on_fields({**own.add_ons, **today.add_ons}, fields, it.add_ons),
        when=fields.get("when", ""),
        whens=[each.value for each in ChangeAt],
        action=visit.at(f"{here}/{NAME}"),
        back=visit.at(here),
        key=new_key(),
        label="See what it costs",
        **shown,
    )


def _previewed(visit: Visit, account: BillingAccount, fields: Fields, preview: PlanChangePreviewView) -> Response:
    it = _subscription(account)
    names = ("plan", "quantity", "when")
    kept = {name: value for name, value in fields.items() if name in names or name.startswith("add_on.")}
    at = preview.preview_at.isoformat() if preview.preview_at is not None else ""
    shown = {"expected_due": str(preview.due_now), "preview_at": at, NEXT_AMOUNT: str(preview.next_amount)}
    here = f"{PATH}/{it.id}"
    return visit.page(
        "change_plan_preview.html",
        account=account,
        it=it,
        preview=preview,
        kept=kept | shown | {"step": "confirm"},
        action=visit.at(f"{here}/{NAME}"),
        back=visit.at(f"{here}/{NAME}"),
        key=new_key(),
        label="Change the plan",
    )
