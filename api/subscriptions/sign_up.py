"""Signs a customer up: everything is checked before anything is written."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid5

from api.http.auth import OPERATOR_ROLES, require_role
from api.subscriptions.command_context import CommandContext
from api.subscriptions.requests import CreateSubscriptionRequest
from domain.catalog.plans import Selection
from domain.currencies import max_amount
from domain.errors import Malformed, Rejected
from domain.money import formatted
from domain.subscription.command_keys import hashed
from domain.subscription.commands import CancelAt
from domain.subscription.confirmation_steps import NOT_CONFIRMED
from domain.subscription.ends import (
    FIRST_PAYMENT_DECLINED,
    FIRST_PAYMENT_NOT_CONFIRMED,
    FIRST_PAYMENT_NOT_TAKEN,
    EndKind,
)
from domain.subscription.first_payment import is_unbegun
from domain.subscription.state import Subscription
from domain.subscription.trial import used
from services import subscription_client
from storage.db.codec import state_from_json
from storage.subscriptions.read_model import SubscriptionRow
from workflows.subscription.messages import Cancel, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

NOT_TAKEN: Final = "payment_not_taken"
"""The code of a sign-up that was canceled or replaced before its first payment was taken."""
NAMESPACE: Final = UUID("6f0b6f0c-5d0e-4c5a-9a55-1f1c9a4a7b2e")
"""Subscription ids are derived in it from tenant, key and body, so that a repeated sign-up finds the first.

From the body as well, because a rejected one may be corrected and sent again under its key.
"""


async def sign_up(context: CommandContext, body: CreateSubscriptionRequest) -> str:
    """Return the id of the new subscription, or of the one created by an earlier request under the same key.

    Raises:
        TenureError: no subscription was created.
    """
    if body.allow_another_trial:
        require_role(context.caller, *OPERATOR_ROLES, what="allow another trial")
    selection = within_bounds(
        context.dependencies.catalog.select(body.plan, body.interval, body.quantity, body.add_ons)
    )
    trial_days = _trial_days(context, body)
    subscription_id = _id_of(context, body)
    await _check_is_new(context, body, trial_days, subscription_id)
    await _start(
        context, body, subscription_id, partial(_workflow_input, context, body, selection, trial_days, subscription_id)
    )
    return subscription_id


async def _customer_of(context: CommandContext, body: CreateSubscriptionRequest, subscription_id: str) -> str:
    """Return the customer's id. Their data is stored with the subscription's first step."""
    return await context.repositories.sign_ups.wait(
        subscription=subscription_id,
        tenant=context.caller.tenant,
        external_id=body.customer.external_id,
        email=body.customer.email,
        name=body.customer.name,
        timezone=body.customer.timezone,
        locale=body.customer.locale,
        metadata=body.metadata,
    )


def _workflow_input(
    context: CommandContext,
    body: CreateSubscriptionRequest,
    selection: Selection,
    trial_days: int,
    subscription_id: str,
    customer: str,
) -> SubscriptionInput:
    now = datetime.now(UTC)
    signed_up = Subscription.to(
        selection, subscription_id=subscription_id, tenant=context.caller.tenant, customer=customer, created_at=now
    )
    subscription = replace(
        signed_up,
        trial_ends_at=now + timedelta(days=trial_days) if trial_days else None,
        free_plan=context.dependencies.catalog.free_plan,
    )
    return SubscriptionInput(
        subscription,
        context.dependencies.policy,
        body.payment_method,
        context.caller.actor,
        context.key,
        allow_another_trial=body.allow_another_trial,
    )


def _id_of(context: CommandContext, body: CreateSubscriptionRequest) -> str:
    content = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return str(uuid5(NAMESPACE, f"{context.caller.tenant}/{context.sign_up_key}/{content}"))


async def _start(
    context: CommandContext,
    body: CreateSubscriptionRequest,
    subscription_id: str,
    input_of: Callable[[str], SubscriptionInput],
) -> None:
    """Start the workflow once; a rejected one left nothing behind and is started again."""
    try:
        await subscription_client.sign_up(
            context.dependencies.client, input_of(await _customer_of(context, body, subscription_id))
        )
    except subscription_client.WorkflowHasEnded:
        row = await context.repositories.subscriptions.get(context.caller.tenant, subscription_id)
        if row is None:
            # The rejected one may just have removed the customer's data of this sign-up.
            repeated = input_of(await _customer_of(context, body, subscription_id))
            await subscription_client.sign_up(context.dependencies.client, repeated, restart=True)
        else:
            _refuse_if_unpaid(row)


def _refuse_if_unpaid(row: SubscriptionRow) -> None:
    """Raise if the sign-up was stored, but rejected because of its first payment."""
    end = state_from_json(dict(row.state)).end
    if end is None or end.kind is not EndKind.NEVER_BEGAN:
        return
    if end.comment.startswith(FIRST_PAYMENT_DECLINED):
        raise Rejected(row.status_reason, code="payment_declined") from None
    if end.comment == FIRST_PAYMENT_NOT_CONFIRMED:
        raise Rejected(f"{end.comment}: sign up under another Idempotency-Key", code=NOT_CONFIRMED) from None
    if end.comment == FIRST_PAYMENT_NOT_TAKEN:
        raise Rejected(f"{end.comment}: sign up under another Idempotency-Key", code=NOT_TAKEN) from None


def within_bounds(selection: Selection) -> Selection:
    """Return the same selection.

    Raises:
        Malformed: one period costs more than can be billed.
    """
    if selection.total.amount > max_amount(selection.total.currency):
        raise Malformed(
            f"one period would cost {formatted(selection.total)}, more than can be billed at once",
            field="quantity",
            code="too_expensive",
        )
    return selection


def _trial_days(context: CommandContext, body: CreateSubscriptionRequest) -> int:
    """From the request, or else the plan, or else the policy."""
    of_plan = context.dependencies.catalog.plans[body.plan].trial_days
    choices = (body.trial_days, of_plan, context.dependencies.policy.trial.days)
    days = next(days for days in choices if days is not None)
    if days == 0 and body.payment_method is None:
        raise Malformed(
            "a subscription without a trial is charged at once: give a payment_method",
            field="payment_method",
            code="payment_method_required",
        )
    return days


async def _check_is_new(
    context: CommandContext, body: CreateSubscriptionRequest, trial_days: int, subscription_id: str
) -> None:
    """Reject early, before the customer is changed or a card stored; storing the first step decides."""
    tenant, customer = context.caller.tenant, body.customer
    used_mark = None
    if trial_days and not body.allow_another_trial:
        # Looked up first: concurrent sign-ups should hear about the live subscription, not about its trial.
        used_mark = await context.repositories.trials.used(
            tenant=tenant,
            external_id=customer.external_id,
            email=customer.email,
            one_per=context.dependencies.policy.trial.one_per,
            besides=subscription_id,
        )
    live = await context.repositories.customers.live_subscription(tenant=tenant, external_id=customer.external_id)
    replaces = live if live is not None and live != subscription_id else None
    if replaces is not None and not await _is_unbegun(context, replaces):
        raise Rejected(
            f"customer {customer.external_id!r} already has a subscription: {replaces}", code="already_subscribed"
        )
    if used_mark is not None:
        raise used(used_mark)
    if replaces is not None:
        await _replace(context, replaces, subscription_id)


async def _is_unbegun(context: CommandContext, live: str) -> bool:
    """True if the subscription's first payment has not been made yet."""
    row = await context.repositories.subscriptions.get(context.caller.tenant, live)
    return row is not None and is_unbegun(state_from_json(dict(row.state)))


async def _replace(context: CommandContext, live: str, by: str) -> None:
    """Cancel a sign-up that has not begun.

    Raises:
        Rejected: code `already_subscribed`; its first payment has been made meanwhile.
        GatewayUnavailable: the provider cannot say whether it was made.
    """
    command = Cancel(hashed(f"replaced/{by}"), context.caller.actor, CancelAt.NOW, unless_begun=True)
    with suppress(subscription_client.NotRunning):  # it has just ended
        await subscription_client.send_command(context.dependencies.client, live, SubscriptionWorkflow.cancel, command)
