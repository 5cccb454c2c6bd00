"""What happens next to a subscription, when, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.lifecycle import Status, Subscription, SuspensionKind
from domain.policy import LadderStep, Policy


class Action(StrEnum):
    """What can be due."""

    SEND_REMINDER = "send_reminder"
    CONVERT = "convert"
    EXPIRE_TRIAL = "expire_trial"
    RENEW = "renew"
    """Done by the provider; nothing of ours is due."""
    ASK_PROVIDER = "ask_provider"
    BEGIN_PERIOD = "begin_period"
    RECOVER = "recover"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Due:
    """One action ahead."""

    at: datetime
    action: Action
    why: str


def agenda(subscription: Subscription, policy: Policy) -> tuple[Due, ...]:
    """Everything that will happen if nobody intervenes, soonest first."""
    match subscription.status:
        case Status.TRIALING:
            ahead = _of_trial(subscription)
        case Status.ACTIVE:
            ahead = _of_paid(subscription)
        case Status.PAST_DUE:
            ahead = _of_recovery(subscription, policy)
        case Status.SUSPENDED:
            ahead = _of_suspension(subscription, policy)
        case _:
            ahead = []
    return tuple(sorted(ahead, key=lambda due: due.at))


def next_due(subscription: Subscription, policy: Policy) -> Due | None:
    """The next action that the workflow itself must take; None when it only waits for news."""
    return next((due for due in agenda(subscription, policy) if due.action is not Action.RENEW), None)


def _of_trial(subscription: Subscription) -> list[Due]:
    ends_at = subscription.trial_ends_at or subscription.created_at
    if subscription.cancel_at is not None:
        return [Due(subscription.cancel_at, Action.CANCEL, _cancel_why(subscription))]
    ahead = [
        Due(rung.at, Action.SEND_REMINDER, f"the trial ends in {rung.days} day{'s' if rung.days != 1 else ''}")
        for rung in subscription.reminders
    ]
    if subscription.card_is_barred:
        return [*ahead, Due(ends_at, Action.EXPIRE_TRIAL, "the trial ends and the card was declined for good")]
    if subscription.card is not None:
        return [*ahead, Due(ends_at, Action.CONVERT, "the trial ends and a card is on file")]
    return [*ahead, Due(ends_at, Action.EXPIRE_TRIAL, "the trial ends and no card is on file")]


def _of_paid(subscription: Subscription) -> list[Due]:
    if subscription.cancel_at is not None:
        return [Due(subscription.cancel_at, Action.CANCEL, _cancel_why(subscription))]
    if subscription.owes_new_period and subscription.period_end is not None:
        return [Due(subscription.period_end, Action.BEGIN_PERIOD, "a new period begins after the hold")]
    ahead = []
    if subscription.period_end is not None:
        ahead.append(Due(subscription.period_end, Action.RENEW, "the paid period ends"))
    if subscription.ask_at is not None:
        ahead.append(
            Due(
                subscription.ask_at,
                Action.ASK_PROVIDER,
                "unless the provider has reported the renewal by then",
            )
        )
    return ahead


def _of_recovery(subscription: Subscription, policy: Policy) -> list[Due]:
    recovery = subscription.recovery
    if recovery is None:
        return []
    steps = policy.recovery[recovery.step :]
    return [
        Due(
            recovery.since + timedelta(days=step.day),
            Action.CANCEL if step.cancel else Action.RECOVER,
            f"day {step.day} of the recovery: {describe(step)}",
        )
        for step in steps
    ]


def _of_suspension(subscription: Subscription, policy: Policy) -> list[Due]:
    suspension = subscription.suspension
    if suspension is None:
        return []
    if suspension.kind is SuspensionKind.NONPAYMENT:
        return _of_recovery(subscription, policy)
    if suspension.cancel_at is not None:
        return [
            Due(
                suspension.cancel_at,
                Action.CANCEL,
                f"suspended since {suspension.since:%Y-%m-%d}: {suspension.reason}",
            )
        ]
    return []


def _cancel_why(subscription: Subscription) -> str:
    return (
        f"cancellation was asked for: {subscription.cancel_reason}"
        if subscription.cancel_reason
        else "cancellation was asked for"
    )


def describe(step: LadderStep) -> str:
    """A ladder step in words: "retry, else access limited and mail"."""
    harsher = [
        words
        for words, wanted in (
            (f"access {step.access}", step.access is not None),
            ("suspend", step.suspend),
            ("cancel", step.cancel),
            ("mail", step.mail),
        )
        if wanted
    ]
    rest = " and ".join(harsher)
    if step.retry:
        return f"retry, else {rest}" if rest else "retry"
    return rest or "wait"
