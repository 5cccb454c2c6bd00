"""What operators can do with a subscription: a form each, which says first what will happen."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from api.console.forms import AMOUNT, Fields, example_amount, minor_units, requested, whole_number
from api.console.visits import Visit
from api.entitlements.lookup import EntitlementLookup
from api.http.auth import OPERATOR_ROLES
from api.http.dependencies import Repositories
from api.subscriptions import lifecycle_commands, notes, plan_commands, refunds
from api.subscriptions.command_context import CommandContext
from api.subscriptions.requests import (
    CancelRequest,
    ConvertRequest,
    ExtendTrialRequest,
    NoteRequest,
    PauseRequest,
    ReasonRequest,
    RefundRequest,
)
from api.usage.routes import ResetUsageRequest, reset_counter
from domain.entitlements.grants import is_gauge
from domain.errors import Malformed, Rejected
from domain.subscription import cancellation, guards
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.state import Subscription
from domain.subscription.trial import check_extension
from storage.access.api_keys import Role
from storage.db.cursors import PageRequest
from storage.subscriptions.billing_accounts import BillingAccount
from storage.subscriptions.invoice_list import InvoiceRow

INVOICES: Final = 50
"""The latest, among which one is chosen to be refunded."""
DANGER: Final = "danger"
"""The kind of what takes something from the customer."""


@dataclass(frozen=True)
class Standing:
    """A subscription as it stands, and now by its own clock."""

    subscription: Subscription
    now: datetime


@dataclass(frozen=True)
class Action:
    """One thing that an operator can do."""

    name: str
    """In the page's address, and of its template below `console/actions`."""
    operation: str
    """The operation's id in OpenAPI."""
    title: str
    check: Callable[[Standing], None]
    """Raises why it cannot be done now: the rule that the workflow goes by."""
    carry_out: Callable[[CommandContext, str, Fields], Awaitable[object]]
    """A dictionary that it returns is kept in the audit."""
    asks_why: bool = False
    """It needs a reason."""
    is_known_here_alone: bool = False
    """Nothing behind it recognises a form that is sent again."""
    kind: str = "primary"
    roles: Sequence[Role] = OPERATOR_ROLES
    prepare: Callable[[Visit, BillingAccount], Awaitable[Mapping[str, Any]]] | None = None
    """Reads what its template shows beside the subscription; None: nothing."""


async def _extend(context: CommandContext, id_: str, fields: Fields) -> object:
    body = requested(ExtendTrialRequest, fields, days=whole_number(fields, "days"))
    return await lifecycle_commands.extend_trial(id_, context, body)


async def _suspend(context: CommandContext, id_: str, fields: Fields) -> object:
    return await lifecycle_commands.suspend(id_, context, requested(ReasonRequest, fields))


async def _reactivate(context: CommandContext, id_: str, fields: Fields) -> object:
    return await lifecycle_commands.reactivate(id_, context, requested(ReasonRequest, fields))


async def _retry(context: CommandContext, id_: str, _fields: Fields) -> object:
    return await lifecycle_commands.retry_payment(id_, context)


async def _convert(context: CommandContext, id_: str, fields: Fields) -> object:
    return await lifecycle_commands.convert(id_, context, requested(ConvertRequest, {"when": fields.get("when", "")}))


async def _cancel(context: CommandContext, id_: str, fields: Fields) -> object:
    given = {"at": fields.get("at", ""), "reason_code": fields.get("reason_code", "")}
    body = requested(CancelRequest, given | {"comment": fields.get("reason", "")})
    return await lifecycle_commands.cancel(id_, context, body)


async def _shown_for_cancel(_visit: Visit, account: BillingAccount) -> Mapping[str, Any]:
    assert account.subscription is not None  # noqa: S101 - of a subscription's page
    return {"ends_at": cancellation.ends_at(account.subscription, CancelAt.PERIOD_END, account.now)}


async def _uncancel(context: CommandContext, id_: str, _fields: Fields) -> object:
    return await lifecycle_commands.uncancel(id_, context)


async def _pause(context: CommandContext, id_: str, fields: Fields) -> object:
    day = fields.get("resumes_on", "").strip()
    given = {"resumes_at": f"{day}T09:00:00Z"} if day else {}
    try:
        return await plan_commands.pause(id_, context, requested(PauseRequest, given))
    except Malformed as error:
        raise Malformed(error.message, field="resumes_on") from error


async def _resume(context: CommandContext, id_: str, _fields: Fields) -> object:
    return await plan_commands.resume(id_, context)


async def _note(context: CommandContext, id_: str, fields: Fields) -> object:
    return await notes.note(id_, context, requested(NoteRequest, {"text": fields.get("reason", "")}))


async def _reset_usage(context: CommandContext, id_: str, fields: Fields) -> object:
    lookup = EntitlementLookup(context.dependencies, context.repositories)
    customer = (await context.row(id_)).external_id
    body = requested(ResetUsageRequest, {"reason": fields.get("reason", "")})
    given = fields.get("feature", "")
    counted, response = await reset_counter(customer, given, body, context.key, context.caller, lookup)
    if response.status_code != HTTPStatus.OK:
        problem = json.loads(bytes(response.body))
        raise Rejected(problem["detail"], code=problem["code"])
    return {"usage": {one.feature: {"before": one.before, "after": one.used} for one in counted.counters}}


async def _shown_for_reset(visit: Visit, account: BillingAccount) -> Mapping[str, Any]:
    lookup = EntitlementLookup(visit.dependencies, visit.repositories)
    snapshot = await lookup.of(visit.tenant, account.external_id)
    counted = [one for one in snapshot.features.values() if one.window is not None and not is_gauge(one)]
    return {"counters": [(one.code, f"{one.name}: {snapshot.counter(one).used}") for one in counted]}


def _can_note(_it: Standing) -> None:
    """Of every subscription, also once it is over."""


async def _refund(context: CommandContext, id_: str, fields: Fields) -> object:
    ref = fields.get("invoice", "")
    # Also of one that is refunded by now: the form may have been sent before.
    invoice = next((one for one in await _paid(context, id_) if one.ref == ref), None)
    if invoice is None:
        raise Malformed("Choose an invoice of the list.", field="invoice")
    given = fields.get(AMOUNT, "").strip()
    amount = {AMOUNT: minor_units(given, invoice.currency)} if given else {}
    body = requested(RefundRequest, {name: fields.get(name, "") for name in ("invoice", "reason")}, **amount)
    return await refunds.refund(id_, context, body)


async def _paid(context: CommandContext, id_: str) -> Sequence[InvoiceRow]:
    row = await context.row(id_)
    return await paid_invoices(context.repositories, context.caller.tenant, row.external_id, id_)


async def paid_invoices(
    repositories: Repositories, tenant: str, external_id: str, subscription: str
) -> Sequence[InvoiceRow]:
    """Return the latest invoices of a subscription with which something was paid."""
    found = await repositories.invoice_list.find(tenant, PageRequest(INVOICES), external_id=external_id)
    return [one for one in found.rows if one.subscription == subscription and one.amount_paid]


async def _shown_for_refund(visit: Visit, account: BillingAccount) -> Mapping[str, Any]:
    assert account.subscription is not None  # noqa: S101 - of a subscription's page
    it = account.subscription
    paid = await paid_invoices(visit.repositories, visit.tenant, account.external_id, it.id)
    left = [one for one in paid if one.amount_paid > one.amount_refunded]
    limit = None if visit.may(Role.ADMIN) else visit.dependencies.policy.refund_limit
    example = example_amount(left[0].currency if left else it.currency)
    return {"invoices": left, "limit": limit, "example": example}


def _can_refund(it: Standing) -> None:
    if not it.subscription.agreement_ref:
        raise Rejected("nothing was paid yet", code="over_refund")


async def _withdraw(context: CommandContext, id_: str, _fields: Fields) -> object:
    return await plan_commands.withdraw_change(id_, context)


async def _renew_links(context: CommandContext, id_: str, _fields: Fields) -> object:
    return await lifecycle_commands.renew_links(id_, context)


def _of(check: Callable[..., None], *more: object) -> Callable[[Standing], None]:
    def checked(it: Standing) -> None:
        check(it.subscription, *more)

    return checked


def _at_now(check: Callable[..., None], *before: object) -> Callable[[Standing], None]:
    def checked(it: Standing) -> None:
        check(it.subscription, *before, it.now)

    return checked


def _can_convert(it: Standing) -> None:
    guards.check_convert(it.subscription, ConvertAt.NOW, it.now, brings_card=False)


_A_REASON: Final = "given"
"""Stands for the reason in a check of whether a command is possible at all."""


def _actions() -> Sequence[Action]:
    can_extend, can_suspend = _of(check_extension, 1, _A_REASON), _of(guards.check_suspend, _A_REASON)
    can_withdraw, danger, alive = _of(guards.check_withdraw_change), DANGER, _of(guards.check_alive)
    can_reactivate, can_cancel = _of(guards.check_reactivate, _A_REASON), _of(guards.check_cancel, CancelAt.NOW)
    return (
        Action("extend", "extendTrial", "Extend the trial", can_extend, _extend, asks_why=True),
        Action("convert", "convertSubscription", "Convert", _can_convert, _convert),
        Action("retry", "retryPayment", "Retry the payment", _at_now(guards.check_retry), _retry),
        Action("reactivate", "reactivateSubscription", "Reactivate", can_reactivate, _reactivate, asks_why=True),
        Action("resume", "resumeSubscription", "Resume", _of(guards.check_resume), _resume),
        Action("uncancel", "uncancelSubscription", "Undo the cancellation", _of(guards.check_uncancel), _uncancel),
        Action("withdraw-change", "withdrawChange", "Withdraw the change", can_withdraw, _withdraw),
        Action("refund", "refundInvoice", "Refund", _can_refund, _refund, asks_why=True, prepare=_shown_for_refund),
        Action("note", "addNote", "Note", _can_note, _note, asks_why=True, is_known_here_alone=True),
        Action(
            "reset-usage", "resetUsage", "Reset a counter", alive, _reset_usage, asks_why=True, prepare=_shown_for_reset
        ),
        Action("pause", "pauseSubscription", "Pause", _at_now(guards.check_pause, None), _pause),
        Action("suspend", "suspendSubscription", "Suspend", can_suspend, _suspend, asks_why=True, kind=danger),
        Action("cancel", "cancelSubscription", "Cancel", can_cancel, _cancel, kind=danger, prepare=_shown_for_cancel),
        Action(
            "renew-links",
            "renewLinks",
            "Revoke links in mails",
            alive,
            _renew_links,
            is_known_here_alone=True,
            kind=danger,
        ),
    )


ACTIONS: Final[Mapping[str, Action]] = {one.name: one for one in _actions()}
"""By name, in the order in which the page offers them."""
