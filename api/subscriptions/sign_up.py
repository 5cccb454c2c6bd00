"""Signing a customer up: everything is checked before anything is written."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid5

from api.http.auth import OVERRULING, demand
from api.subscriptions.command_context import CommandContext
from api.subscriptions.requests import CreateSubscriptionRequest
from domain.catalog.plans import Selection
from domain.currencies import max_amount
from domain.errors import Malformed, Rejected
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
"""The code of a sign-up that was canceled, or replaced, before the provider took its first payment."""
NAMESPACE: Final = UUID("6f0b6f0c-5d0e-4c5a-9a55-1f1c9a4a7b2e")
"""Ids of subscriptions are derived in it from tenant, key and wish, so that a repeated sign-up finds the first.

Of the wish as well, because one that was refused may be mended and sent again under its key.
"""


async def sign_up(desk: CommandContext, wish: CreateSubscriptionRequest) -> str:
    """The id of the new subscription, or of the one that an earlier request under the same key has begun.

    Raises:
        TenureError: nothing came about.
    """
    if wish.allow_another_trial:
        demand(desk.caller, *OVERRULING, what="allow another trial")
    selection = within_bounds(desk.parts.catalog.select(wish.plan, wish.interval, wish.quantity, wish.add_ons))
    trial_days = _trial_days(desk, wish)
    subscription_id = _id_of(desk, wish)
    await _check_is_new(desk, wish, trial_days, subscription_id)
    await _start(desk, wish, subscription_id, partial(_life, desk, wish, selection, trial_days, subscription_id))
    return subscription_id


async def _customer_of(desk: CommandContext, wish: CreateSubscriptionRequest, subscription_id: str) -> str:
    """Their id; what the sign-up says of them waits until its first step is written."""
    return await desk.stores.sign_ups.wait(
        subscription=subscription_id,
        tenant=desk.caller.tenant,
        external_id=wish.customer.external_id,
        email=wish.customer.email,
        name=wish.customer.name,
        timezone=wish.customer.timezone,
        locale=wish.customer.locale,
        metadata=wish.metadata,
    )


def _life(
    desk: CommandContext,
    wish: CreateSubscriptionRequest,
    selection: Selection,
    trial_days: int,
    subscription_id: str,
    customer: str,
) -> SubscriptionInput:
    now = datetime.now(UTC)
    signed_up = Subscription.to(
        selection, subscription_id=subscription_id, tenant=desk.caller.tenant, customer=customer, created_at=now
    )
    subscription = replace(
        signed_up,
        trial_ends_at=now + timedelta(days=trial_days) if trial_days else None,
        free_plan=desk.parts.catalog.free_plan,
    )
    return SubscriptionInput(
        subscription,
        desk.parts.policy,
        wish.payment_method,
        desk.caller.actor,
        desk.key,
        allow_another_trial=wish.allow_another_trial,
    )


def _id_of(desk: CommandContext, wish: CreateSubscriptionRequest) -> str:
    wished = json.dumps(wish.model_dump(mode="json"), sort_keys=True)
    return str(uuid5(NAMESPACE, f"{desk.caller.tenant}/{desk.sign_up_key}/{wished}"))


async def _start(
    desk: CommandContext,
    wish: CreateSubscriptionRequest,
    subscription_id: str,
    life_of: Callable[[str], SubscriptionInput],
) -> None:
    """Start the life once; one that was refused left nothing behind and is started again."""
    try:
        await subscription_client.sign_up(desk.parts.client, life_of(await _customer_of(desk, wish, subscription_id)))
    except subscription_client.HasEnded:
        row = await desk.stores.subscriptions.get(desk.caller.tenant, subscription_id)
        if row is None:
            # The one that was refused may have taken away just now what the sign-up says of the customer.
            again = life_of(await _customer_of(desk, wish, subscription_id))
            await subscription_client.sign_up(desk.parts.client, again, anew=True)
        else:
            _refuse_if_unpaid(row)


def _refuse_if_unpaid(row: SubscriptionRow) -> None:
    """Raise for a sign-up that was refused once it was written down, because of its first payment."""
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
    """The same selection.

    Raises:
        Malformed: one period of it costs more than can be billed.
    """
    if selection.total.amount > max_amount(selection.total.currency):
        raise Malformed(
            f"one period would cost {selection.total.amount} (minor units), more than can be billed at once",
            field="quantity",
            code="too_expensive",
        )
    return selection


def _trial_days(desk: CommandContext, wish: CreateSubscriptionRequest) -> int:
    """As the call says, else the plan, else the policy."""
    of_plan = desk.parts.catalog.plans[wish.plan].trial_days
    choices = (wish.trial_days, of_plan, desk.parts.policy.trial.days)
    days = next(days for days in choices if days is not None)
    if days == 0 and wish.payment_method is None:
        raise Malformed(
            "a subscription without a trial is paid at once: give a payment_method",
            field="payment_method",
            code="payment_method_required",
        )
    return days


async def _check_is_new(
    desk: CommandContext, wish: CreateSubscriptionRequest, trial_days: int, subscription_id: str
) -> None:
    """Refuse early, before a customer is changed or a card put on file; what settles it is the first step's writing."""
    tenant, customer = desk.caller.tenant, wish.customer
    mark = None
    if trial_days and not wish.allow_another_trial:
        # Looked up first: of sign-ups at once, the rest shall be told of the live subscription, not of its trial.
        mark = await desk.stores.trials.used(
            tenant=tenant,
            external_id=customer.external_id,
            email=customer.email,
            one_per=desk.parts.policy.trial.one_per,
            besides=subscription_id,
        )
    live = await desk.stores.customers.live_subscription(tenant=tenant, external_id=customer.external_id)
    replaces = live if live is not None and live != subscription_id else None
    if replaces is not None and not await _has_not_begun(desk, replaces):
        raise Rejected(
            f"customer {customer.external_id!r} has a subscription already: {replaces}", code="already_subscribed"
        )
    if mark is not None:
        raise used(mark)
    if replaces is not None:
        await _replace(desk, replaces, subscription_id)


async def _has_not_begun(desk: CommandContext, live: str) -> bool:
    """Whether the customer's subscription is one whose first payment is still to be made."""
    row = await desk.stores.subscriptions.get(desk.caller.tenant, live)
    return row is not None and is_unbegun(state_from_json(dict(row.state)))


async def _replace(desk: CommandContext, live: str, by: str) -> None:
    """Have a sign-up that has not begun give way.

    Raises:
        Rejected: code `already_subscribed`; its first payment was made meanwhile.
        GatewayUnavailable: whether it was made only the provider can tell, and does not.
    """
    command = Cancel(hashed(f"replaced/{by}"), desk.caller.actor, CancelAt.NOW, unless_begun=True)
    with suppress(subscription_client.NotRunning):  # it has come to its end just now
        await subscription_client.carry_out(desk.parts.client, live, SubscriptionWorkflow.cancel, command)
