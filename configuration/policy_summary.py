"""A policy in words, for checking a file."""

from collections.abc import Iterator
from pathlib import Path

from configuration.policy_file import load_policy
from domain.access import Basis
from domain.subscription.agenda import describe
from domain.subscription.policy import (
    ChangeAt,
    Policy,
    Reaction,
    SelfCancel,
    SelfService,
    TrialEnd,
    TrialMark,
    TrialPolicy,
)

_MARKS = {TrialMark.CUSTOMER: "customer", TrialMark.EMAIL: "mail address", TrialMark.CARD: "card"}
_ENTITLED = {
    Basis.PLAN: "the whole plan",
    Basis.NO_NEW_USE: "the plan, but no further usage",
    Basis.FREE_PLAN: "the free plan",
    Basis.NOTHING: "nothing",
}
_REACTIONS = {Reaction.KEEP: "the subscription continues", Reaction.CANCEL: "canceled"}


def check_policy(path: Path) -> str:
    """Read a policy and describe it in words.

    Raises:
        ConfigurationError: the file is invalid.
    """
    return "\n".join(_summary(load_policy(path)))


def _summary(policy: Policy) -> Iterator[str]:
    yield f"Policy {policy.version!r}"
    yield from _trial_summary(policy.trial)
    yield "Recovery of a failed payment, counted from the first decline"
    for step in policy.recovery:
        yield f"  {step.label}: {describe(step)}"
    yield f"  all steps but the first happen between {policy.retry_earliest} and {policy.retry_latest} customer time"
    yield from _notices(policy)
    when = {ChangeAt.NOW: "immediately, prorated", ChangeAt.PERIOD_END: "when the paid period ends"}
    yield f"Upgrades take effect {when[policy.upgrade]}; downgrades {when[policy.downgrade]}"
    disputed, lost = policy.disputed_access, _REACTIONS[policy.dispute_lost]
    yield f"While a payment is disputed: access is {disputed}, and nothing is billed; if the dispute is lost: {lost}"
    yield f"After a full refund: {_REACTIONS[policy.fully_refunded]}"
    limited, suspended = _ENTITLED[policy.limited], _ENTITLED[policy.suspended]
    yield f"Entitlements when limited: {limited}; when suspended or paused: {suspended}"
    yield f"Paused subscriptions {'count' if policy.paused_counts else 'do not count'} as recurring revenue"
    yield f"Operators may refund {_refunds(policy.refund_limit)}"
    yield f"On the billing pages customers {_self_service(policy.self_service)}"
    yield (
        f"The payment provider is asked {_count(policy.ask_after_hours, 'hour')} after a period's end if it has not "
        f"reported, then every {_count(policy.ask_every_hours, 'hour')}"
    )


def _refunds(limit: int) -> str:
    return f"{limit} minor units at once, admins any amount" if limit else "nothing; admins any amount"


def _self_service(rules: SelfService) -> str:
    plans = "all plans for sale" if rules.switch_to is None else ", ".join(rules.switch_to) or "no other plan"
    change = f"may change their plan ({plans})" if rules.change else "may not change their plan"
    days = _count(rules.pause_longest_days, "day")
    pause = f"may pause for {days} at most" if rules.pause else "may not pause"
    ends = "when the paid period ends" if rules.cancel is SelfCancel.PERIOD_END else "when they choose to"
    return f"{change}, {pause}, and cancel {ends}"


def _notices(policy: Policy) -> Iterator[str]:
    for days in policy.card_expiring:
        yield f"Customers whose card will have expired by a renewal are notified {_count(days, 'day')} before it"
    if not policy.card_expiring:
        yield "Customers whose card will have expired by a renewal are not notified"
    for days in policy.renewal_ahead:
        yield f"A yearly renewal is announced {_count(days, 'day')} before it"
    if not policy.renewal_ahead:
        yield "A yearly renewal is not announced"


def _trial_summary(trial: TrialPolicy) -> Iterator[str]:
    yield f"Trial of {_count(trial.days, 'day')}, unless the plan has its own"
    window = f"between {trial.earliest} and {trial.latest} customer time"
    for days in trial.reminders:
        yield f"  reminder {_count(days, 'day')} before its end, {window}"
    if not trial.reminders:
        yield "  no reminders"
    if trial.without_card is TrialEnd.CANCEL:
        yield "  at its end without a card: canceled"
    elif trial.without_card is TrialEnd.FREE_PLAN:
        yield "  at its end without a card: continues on the catalog's free plan; suspended if there is none"
    else:
        yield f"  at its end without a card: suspended, canceled {_count(trial.cancel_after_days, 'day')} later"
    yield f"  an operator's reactivation reopens it for {_count(trial.reopen_days, 'day')}"
    for mark in trial.one_per:
        yield f"  one per {_MARKS[mark]}, unless an operator allows another"
    if not trial.one_per:
        yield "  again whenever a customer signs up again"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
