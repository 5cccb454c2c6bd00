"""What every command meets in every situation: the same checks that the workflow makes, on one subscription of each."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from domain.access import Access
from domain.catalog.plans import Selection
from domain.errors import Rejected
from domain.provider.payments import Decline
from domain.subscription import guards, plan_changes, trial
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY, ChangeAt
from domain.subscription.state import Dispute, PendingChange, Subscription, SuspensionKind
from tests.builders import (
    FREE,
    NOW,
    PERIOD_END,
    PRO,
    TRIAL_END,
    VISA,
    a_free_subscription,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
    in_status,
)

Check = Callable[[Subscription], None]

PLANNED = PendingChange(replace(PRO, quantity=2), PERIOD_END, NOW)

SITUATIONS: Mapping[str, Subscription] = {
    "trialing, no card": a_trial(),
    "trialing, card on file": a_trial(card=VISA),
    "trialing, cancel scheduled": a_trial(card=VISA, cancel_at=TRIAL_END),
    "active": a_paid_subscription(),
    "active, cancel scheduled": a_paid_subscription(cancel_at=PERIOD_END),
    "active, change planned": a_paid_subscription(pending_change=PLANNED),
    "active on the free plan": a_free_subscription(),
    "active since a pause": a_paid_subscription(begins_own_period=True, owes_new_period=True),
    "active, payment disputed": a_paid_subscription(dispute=Dispute("dp_1", NOW, Access.FULL)),
    "past_due": a_past_due_subscription(),
    "past_due, declined for good": a_past_due_subscription(recovery=a_recovery(decline=Decline("stolen_card"))),
    "suspended: trial_expired": a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED),
    "suspended: nonpayment": a_suspended_subscription(SuspensionKind.NONPAYMENT),
    "suspended: operator": a_suspended_subscription(SuspensionKind.OPERATOR),
    "paused": a_paused_subscription(),
    "canceled": in_status(Status.CANCELED),
}


def _change(to: Selection, wished: ChangeAt) -> Check:
    def check(subscription: Subscription) -> None:
        at = plan_changes.takes_effect(subscription, DEFAULT_POLICY, wished, is_upgrade=bool(to.items))
        guards.check_change(subscription, to, at, NOW)

    return check


COMMANDS: Mapping[str, Check] = {
    "`convert`": lambda one: guards.check_convert(one, ConvertAt.TRIAL_END, NOW, brings_card=False),
    "`convert` with a card": lambda one: guards.check_convert(one, ConvertAt.NOW, NOW, brings_card=True),
    "`payment-method`": guards.check_payment_method,
    "`retry-payment`": lambda one: guards.check_retry(one, NOW),
    "`cancel` at period_end": lambda one: guards.check_cancel(one, CancelAt.PERIOD_END),
    "`cancel` now": lambda one: guards.check_cancel(one, CancelAt.NOW),
    "`uncancel`": guards.check_uncancel,
    "`pause`": lambda one: guards.check_pause(one, None, NOW),
    "`resume`": guards.check_resume,
    "`change-plan` now": _change(PRO, ChangeAt.NOW),
    "`change-plan` at period_end": _change(PRO, ChangeAt.PERIOD_END),
    "`change-plan` to the free plan": _change(FREE, ChangeAt.PERIOD_END),
    "`withdraw-change`": guards.check_withdraw_change,
    "`extend-trial`": lambda one: trial.check_extension(one, 7, "asked nicely"),
    "`suspend`": lambda one: guards.check_suspend(one, "fraud check"),
    "`reactivate`": lambda one: guards.check_reactivate(one, "all is well"),
    "a checkout page": guards.check_checkout,
}


def answer(command: str, situation: str) -> str | None:
    """The code with which a command is refused in a situation; None: it is carried out."""
    try:
        COMMANDS[command](SITUATIONS[situation])
    except Rejected as refused:
        return refused.code
    return None
