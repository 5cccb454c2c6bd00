"""Pages with one button: what it does, whether it can be pressed, and what becomes of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Response

from api.billing_pages.payments import check_leaving, check_pay, leave_to_pay
from api.billing_pages.visits import SEQUENCE, Visit
from api.subscriptions import lifecycle_commands, plan_commands
from domain.billing_flows import BillingFlow
from domain.errors import GatewayUnavailable, TenureError
from domain.subscription import guards
from domain.subscription.state import Subscription

Fields = Mapping[str, str]
NOT_OFFERED: Final = "not_offered"
"""The policy does not offer this on the billing pages."""


@dataclass(frozen=True)
class Flow:
    """One thing that a customer can do."""

    flow: BillingFlow
    template: str
    check: Callable[[Subscription], None]
    """Raises if the subscription as it stands does not allow it."""
    carry_out: Callable[[Visit, BillingFlow, Fields], Awaitable[Response | None]]
    """Does it. None: the page then says what is so."""


async def _undo_cancel(visit: Visit, flow: BillingFlow, fields: Fields) -> None:
    context = visit.context(flow, fields.get(SEQUENCE, ""))
    await lifecycle_commands.uncancel(visit.subscription.id, context)


async def _resume(visit: Visit, flow: BillingFlow, fields: Fields) -> None:
    context = visit.context(flow, fields.get(SEQUENCE, ""))
    await plan_commands.resume(visit.subscription.id, context)


async def _withdraw_change(visit: Visit, flow: BillingFlow, fields: Fields) -> None:
    context = visit.context(flow, fields.get(SEQUENCE, ""))
    await plan_commands.withdraw_change(visit.subscription.id, context)


def can(check: Callable[[], None]) -> str:
    """Return why something cannot be done, as a code; empty: it can."""
    try:
        check()
    except TenureError as error:
        return error.code
    return ""


FLOWS: Final[Mapping[BillingFlow, Flow]] = {
    one.flow: one
    for one in (
        Flow(BillingFlow.UNDO_CANCEL, "undo_cancel.html", guards.check_uncancel, _undo_cancel),
        Flow(BillingFlow.RESUME, "resume.html", guards.check_resume, _resume),
        Flow(BillingFlow.WITHDRAW_CHANGE, "withdraw_change.html", guards.check_withdraw_change, _withdraw_change),
        Flow(BillingFlow.PAYMENT_METHOD, "card.html", check_leaving, leave_to_pay),
        Flow(BillingFlow.PAY, "card.html", check_pay, leave_to_pay),
    )
}
"""By what they do. A cancellation, a pause and a change of plan have more to choose, and pages of their own."""


def show(visit: Visit, flow: Flow, *, problem: str = "", status: int = 200) -> Response:
    """Return the page: what will happen and a button, or what is so."""
    why = can(lambda: flow.check(visit.subscription))
    return visit.page(flow.template, flow.flow, status=status, why=why, problem="" if why else problem)


async def press(visit: Visit, flow: Flow, fields: Fields) -> Response:
    """Do it once. Where the state has moved on meanwhile, the page says what is so."""
    try:
        answer = await flow.carry_out(visit, flow.flow, fields)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        return show(await visit.again(), flow, problem=error.code)
    return answer or visit.back_to(flow.flow)
