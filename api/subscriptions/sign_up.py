"""What a request to sign up asks for: the plan and its prices, the length of the trial, the subscription's id."""

import json
from typing import Final
from uuid import UUID, uuid5

from api.http.auth import OPERATOR_ROLES, require_role
from api.http.fields import RequestModel
from api.subscriptions.command_context import CommandContext
from api.subscriptions.requests import CreateSubscriptionRequest, CustomerRequest
from domain.catalog.plans import Selection
from domain.errors import Malformed
from domain.money import formatted, max_amount
from domain.subscription.sign_up import SignUp, SignUpContact

NAMESPACE: Final = UUID("6f0b6f0c-5d0e-4c5a-9a55-1f1c9a4a7b2e")
"""Subscription ids are derived in it from tenant, key and body, so that a repeated sign-up finds the first.

From the body as well, because a rejected one may be corrected and sent again under its key.
"""


def requested_sign_up(context: CommandContext, body: CreateSubscriptionRequest) -> SignUp:
    """Return the sign-up that a request asks for: the same one for a repeat under the same key.

    Raises:
        TenureError: it asks for something that is not on sale, or not allowed.
    """
    if body.allow_another_trial:
        require_role(context.caller, *OPERATOR_ROLES, what="allow another trial")
    check_for_sale(context, body.plan)
    dependencies = context.dependencies
    selection = within_bounds(dependencies.catalog.select(body.plan, body.interval, body.quantity, body.add_ons))
    return SignUp(
        id_of(context, body),
        context.caller.tenant,
        context.caller.actor,
        context.key,
        contact_of(body.customer, body.metadata),
        selection,
        _trial_days(context, body),
        dependencies.policy,
        dependencies.catalog.free_plan,
        body.payment_method,
        allow_another_trial=body.allow_another_trial,
    )


def check_for_sale(context: CommandContext, plan: str) -> None:
    """Reject a hidden plan, which only operators may assign.

    Raises:
        Malformed: code `plan_not_for_sale`.
    """
    if context.caller.role not in OPERATOR_ROLES:
        context.dependencies.catalog.check_for_sale(plan)


def contact_of(customer: CustomerRequest, metadata: dict[str, str]) -> SignUpContact:
    return SignUpContact(
        customer.external_id, customer.email, customer.name, customer.timezone, customer.locale, metadata
    )


def id_of(context: CommandContext, body: RequestModel) -> str:
    """Return the id of the subscription that a request asks for: the same for a repeat."""
    content = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return str(uuid5(NAMESPACE, f"{context.caller.tenant}/{context.sign_up_key}/{content}"))


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
    days = trial_days(context, body.plan, body.trial_days)
    if days == 0 and body.payment_method is None:
        raise Malformed(
            "a subscription without a trial is charged at once: give a payment_method",
            field="payment_method",
            code="payment_method_required",
        )
    return days


def trial_days(context: CommandContext, plan: str, wanted: int | None) -> int:
    """From the request, or else the plan, or else the policy."""
    of_plan = context.dependencies.catalog.plans[plan].trial_days
    choices = (wanted, of_plan, context.dependencies.policy.trial.days)
    return next(days for days in choices if days is not None)
