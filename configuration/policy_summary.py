"""A policy in words, for people who check what they have written."""

from collections.abc import Iterator
from pathlib import Path

from configuration.policy_file import load_policy
from domain.agenda import describe
from domain.policy import ChangeAt, Policy, Reaction, TrialEnd, TrialMark, TrialPolicy

_MARKS = {TrialMark.CUSTOMER: "customer", TrialMark.EMAIL: "mail address", TrialMark.CARD: "card"}


def check_policy(path: Path) -> str:
    """Read a policy and tell people what it says.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    return "\n".join(_summary(load_policy(path)))


def _summary(policy: Policy) -> Iterator[str]:
    yield f"Policy {policy.version!r}"
    yield from _trial_summary(policy.trial)
    yield "Recovery of a failed payment, in days after the first decline"
    for step in policy.recovery:
        yield f"  {step.label}: {describe(step)}"
    yield f"  steps are taken between {policy.retry_earliest} and {policy.retry_latest} customer time"
    yield from _rest(policy)
    yield (
        f"The payment provider is asked {_count(policy.ask_after_hours, 'hour')} after a period's end if it has not "
        f"reported, then every {_count(policy.ask_every_hours, 'hour')}"
    )


def _rest(policy: Policy) -> Iterator[str]:
    for days in policy.card_expiring:
        yield f"A card that will have expired is told of {_count(days, 'day')} before the renewal"
    for days in policy.renewal_ahead:
        yield f"A yearly renewal is announced {_count(days, 'day')} before"
    words = {ChangeAt.NOW: "at once, prorated", ChangeAt.PERIOD_END: "when the paid period ends"}
    yield f"An upgrade takes effect {words[policy.upgrade]}, a downgrade {words[policy.downgrade]}"
    lost = _lost(policy.dispute_lost)
    yield f"While a payment is disputed access is {policy.disputed_access}; {lost} when it is lost"
    if policy.fully_refunded is Reaction.CANCEL:
        yield "A payment that is refunded in full cancels"


def _lost(reaction: Reaction) -> str:
    return "the subscription is canceled" if reaction is Reaction.CANCEL else "the subscription goes on"


def _trial_summary(trial: TrialPolicy) -> Iterator[str]:
    yield f"Trial of {_count(trial.days, 'day')}, where the plan does not say otherwise"
    window = f"between {trial.earliest} and {trial.latest} customer time"
    for days in trial.reminders:
        yield f"  reminder {_count(days, 'day')} before its end, {window}"
    if not trial.reminders:
        yield "  no reminders"
    if trial.without_card is TrialEnd.CANCEL:
        yield "  at its end without a card: canceled"
    elif trial.without_card is TrialEnd.FREE_PLAN:
        yield "  at its end without a card: the catalog's free plan goes on; suspended where there is none"
    else:
        yield f"  at its end without a card: suspended, canceled {_count(trial.cancel_after_days, 'day')} later"
    yield f"  an operator's reactivation opens it again for {_count(trial.reopen_days, 'day')}"
    for mark in trial.one_per:
        yield f"  one per {_MARKS[mark]}, unless an operator allows another"
    if not trial.one_per:
        yield "  anew whenever a customer signs up again"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
