"""What happens next to a subscription, when, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.subscription.lifecycle import Status
from domain.subscription.policy import LadderStep, Policy, TrialEnd
from domain.subscription.state import Recovery, Subscription, SuspensionKind

ASKED_AGAIN_AFTER = timedelta(minutes=5)
"""How long after an unanswered payment its outcome is requested, where nothing else does."""


class Action(StrEnum):
    """The actions that can be due."""

    FIRST_PAYMENT = "first_payment"
    """The first payment of a sign-up without a trial, which the provider did not accept immediately."""
    SEND_REMINDER = "send_reminder"
    CONVERT = "convert"
    EXPIRE_TRIAL = "expire_trial"
    RENEW = "renew"
    """Done by the provider; we have nothing to do."""
    ASK_PROVIDER = "ask_provider"
    BEGIN_PERIOD = "begin_period"
    RECOVER = "recover"
    CANCEL = "cancel"
    CHANGE_PLAN = "change_plan"
    RESUME = "resume"
    NOTIFY = "notify"
    """Notify the customer of an upcoming renewal, or of a card that will have expired by then."""
    END_CONFIRMATION = "end_confirmation"
    """Withdraw a payment that was not confirmed in time."""


@dataclass(frozen=True)
class Due:
    """One upcoming action."""

    at: datetime
    action: Action
    why: str


def agenda(subscription: Subscription, policy: Policy) -> tuple[Due, ...]:
    """Returns everything that will happen if nobody intervenes, soonest first."""
    match subscription.status:
        case Status.TRIALING:
            ahead = _of_trial(subscription, policy)
        case Status.ACTIVE:
            ahead = _of_paid(subscription)
        case Status.PAST_DUE:
            ahead = _of_recovery(subscription, policy)
        case Status.SUSPENDED:
            ahead = _of_suspension(subscription, policy)
        case Status.PAUSED:
            ahead = _of_pause(subscription)
        case _:
            ahead = []
    if subscription.status is Status.ACTIVE:
        ahead += _of_unanswered(subscription)
    if subscription.confirmation is not None:
        why = "unless the customer has confirmed the payment with their bank by then"
        # First, so that at the same moment it comes before an action that would also charge the customer.
        ahead.insert(0, Due(subscription.confirmation.expires_at, Action.END_CONFIRMATION, why))
    return tuple(sorted(ahead, key=lambda due: due.at))


def next_due(subscription: Subscription, policy: Policy) -> Due | None:
    """Returns the next action that the workflow itself must take; None if it only waits for events."""
    return next((due for due in agenda(subscription, policy) if due.action is not Action.RENEW), None)


def is_paced(subscription: Subscription, due: Due) -> bool:
    """True if an action calls the provider before anything is recorded, and so waits for its turn there."""
    if due.action in (Action.SEND_REMINDER, Action.RESUME):
        return False
    if due.action is not Action.CANCEL:
        return True
    suspension = subscription.suspension
    has_expired = suspension is not None and suspension.kind is SuspensionKind.TRIAL_EXPIRED
    is_settled = subscription.recovery is None and subscription.confirmation is None
    return bool(subscription.agreement_ref) or has_expired or not is_settled


def _of_trial(subscription: Subscription, policy: Policy) -> list[Due]:
    ends_at = subscription.trial_ends_at or subscription.created_at
    if subscription.cancel_at is not None:
        return [Due(subscription.cancel_at, Action.CANCEL, _cancel_why(subscription))]
    ahead = [
        Due(rung.at, Action.SEND_REMINDER, f"the trial ends in {rung.days} day{'s' if rung.days != 1 else ''}")
        for rung in subscription.reminders
    ]
    if subscription.has_chargeable_card:
        return [*ahead, Due(ends_at, Action.CONVERT, "the trial ends and a card is on file")]
    problem = "the card must not be tried again" if subscription.card_is_barred else "no card is on file"
    return [
        *ahead,
        Due(ends_at, Action.EXPIRE_TRIAL, f"the trial ends and {problem}: {_after_trial(subscription, policy)}"),
    ]


def _after_trial(subscription: Subscription, policy: Policy) -> str:
    """What happens when a trial ends without a card."""
    if policy.trial.without_card is TrialEnd.CANCEL:
        return "canceled"
    if policy.trial.without_card is TrialEnd.FREE_PLAN and subscription.free_plan is not None:
        return f"continues on {subscription.free_plan.plan_name}"
    return "suspended"


def _of_paid(subscription: Subscription) -> list[Due]:
    if subscription.cancel_at is not None:
        return [Due(subscription.cancel_at, Action.CANCEL, _cancel_why(subscription))]
    if subscription.dispute is not None:
        return []  # a card is not charged while its owner disputes a payment
    change, period_end = subscription.pending_change, subscription.period_end
    if change is not None:
        return [Due(change.at, Action.CHANGE_PLAN, f"a change to {change.to.plan_name} was requested")]
    ahead = [
        Due(notice.at, Action.NOTIFY, f"{notice.kind.replace('_', ' ')}: {notice.days} days before the renewal")
        for notice in subscription.notices
    ]
    if subscription.owes_new_period and period_end is not None:
        why = _ON_OUR_DAY if subscription.begins_own_period else _AFTER_HOLD
        why = _AFTER_LOSS if subscription.lost_agreement else why
        return [*ahead, Due(period_end, Action.BEGIN_PERIOD, why)]
    if period_end is not None:
        ahead.append(Due(period_end, Action.RENEW, "the paid period ends"))
    if subscription.ask_at is not None:
        why = "unless the provider has reported the renewal by then"
        ahead.append(Due(subscription.ask_at, Action.ASK_PROVIDER, why))
    return ahead


def _of_unanswered(subscription: Subscription) -> list[Due]:
    """Requests for the outcome of unanswered calls that nothing else repeats."""
    why = "the payment provider has not confirmed {}"
    ahead: list[Due] = []
    if subscription.is_free and subscription.unheard_tries:
        at = subscription.unheard_tries[-1].since + ASKED_AGAIN_AFTER
        ahead.append(Due(at, Action.ASK_PROVIDER, why.format("a payment")))
    if subscription.unheard_change is not None:
        at = subscription.unheard_change.since + ASKED_AGAIN_AFTER
        ahead.append(Due(at, Action.ASK_PROVIDER, why.format("a change of plan")))
    return ahead


_ON_OUR_DAY = "the paid period ends, and the next one begins on the billing day"
_AFTER_HOLD = "a new period begins after the hold"
_AFTER_LOSS = "the paid period ends, and the payment provider has deleted the agreement"


def ladder_of(subscription: Subscription, policy: Policy) -> tuple[LadderStep, ...]:
    """Returns the ladder of a recovery: the one it began with."""
    recovery = subscription.recovery
    return recovery.ladder if recovery is not None and recovery.ladder else policy.recovery


def rung_at(recovery: Recovery, ladder: tuple[LadderStep, ...], number: int) -> datetime:
    """Returns when a step of the ladder is due."""
    if number < len(recovery.rungs):
        return recovery.rungs[number]
    return recovery.since + ladder[number].after


def _of_recovery(subscription: Subscription, policy: Policy) -> list[Due]:
    recovery, ladder = subscription.recovery, ladder_of(subscription, policy)
    if recovery is None or subscription.dispute is not None:
        return []
    return [
        Due(
            rung_at(recovery, ladder, number),
            Action.CANCEL if step.cancel else Action.RECOVER,
            step_why(step),
        )
        for number, step in enumerate(ladder)
        if number >= recovery.step
    ]


def step_why(step: LadderStep) -> str:
    """Returns how the agenda describes a step of the ladder."""
    return f"{step.label} of the recovery: {describe(step)}"


def announces_retry(why: str) -> bool:
    """True if a step of the ladder that the agenda describes so tries the card again."""
    return why.partition(": ")[2].startswith("retry")


def _of_pause(subscription: Subscription) -> list[Due]:
    pause = subscription.pause
    if pause is None or pause.resumes_at is None or subscription.dispute is not None:
        return []
    return [Due(pause.resumes_at, Action.RESUME, f"the pause that began on {pause.since:%Y-%m-%d} ends")]


def _of_suspension(subscription: Subscription, policy: Policy) -> list[Due]:
    suspension = subscription.suspension
    if suspension is None:
        return []
    if suspension.kind is SuspensionKind.NONPAYMENT:
        return _of_recovery(subscription, policy)
    if suspension.kind is SuspensionKind.AWAITING_PAYMENT:
        return [Due(suspension.since, Action.FIRST_PAYMENT, "the subscription begins with its first payment")]
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
        f"cancellation was requested: {subscription.cancel_reason}"
        if subscription.cancel_reason
        else "cancellation was requested"
    )


def describe(step: LadderStep) -> str:
    """Describes a ladder step: "retry, else access limited and mail"."""
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
