"""A step that cannot be taken because of the outside: seen by everybody, tried again, gone as soon as it goes on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.agenda import Due
from domain.journal import Cause, Entry, Step
from domain.letters import moment
from domain.lifecycle import Event
from domain.subscription import Blocked, Subscription

HOLD = "hold"
"""The provider is to be told to bill no further for now, or to bill again."""
HEAR = "hear"
"""A message of the provider is to be looked into."""
HAND_OVER = "hand_over"
"""The provider is to end a trial that goes on here."""
FIRST_PAYMENT = "first_payment"
"""The payment with which a subscription without a trial begins."""
LONGEST_WHY = 500


def blocked(subscription: Subscription, trouble: Blocked, now: datetime, cause: Cause) -> Step:
    """A step waits for the outside, or still does: then only its next try is written down, and no line is added."""
    trouble = replace(trouble, why=trouble.why[:LONGEST_WHY])
    before = subscription.blocked
    if before is not None and before.action == trouble.action:
        trouble = replace(trouble, since=before.since, refusals=before.refusals + trouble.refusals)
        return Step(subscription.after(Event.NOTED, blocked=trouble))
    summary = f"Blocked: {trouble.action.replace('_', ' ')} waits, {trouble.why}"
    details = {"action": trouble.action, "code": trouble.code, "since": moment(trouble.since)}
    return Step(subscription.after(Event.NOTED, blocked=trouble), (Entry("blocked", now, summary, cause, details),))


def unblocked(step: Step, trouble: Blocked, now: datetime) -> Step:
    """The same step; with it the subscription is not blocked any more."""
    step = replace(step, subscription=replace(step.subscription, blocked=None))
    if step.subscription.is_over:
        return step  # it does not go on
    cause = step.entries[0].cause if step.entries else Cause.timer(trouble.action)
    entry = Entry("unblocked", now, f"Goes on, after it was blocked since {moment(trouble.since)}", cause)
    return replace(step, entries=(entry, *step.entries))


def went_on(subscription: Subscription) -> Step:
    """What was blocked has been done, and nothing else is to be written down of it."""
    return Step(subscription.after(Event.NOTED))


def news_refused(subscription: Subscription, why: str, now: datetime, cause: Cause) -> Step:
    """A message of the provider was looked into in vain, for good; what it was about is asked for in time anyway."""
    entry = Entry("news_refused", now, f"A message could not be looked into: {why[:LONGEST_WHY]}", cause)
    return Step(subscription.after(Event.NOTED), (entry,))


def is_moot(subscription: Subscription, ahead: Sequence[Due], now: datetime) -> bool:
    """Whether what is blocked is not to be done any more as things stand: a command has changed what is due."""
    trouble = subscription.blocked
    if trouble is None or subscription.is_over:
        return True
    if trouble.action == HOLD:
        return not subscription.agreement_ref or subscription.wants_hold == subscription.is_held
    if trouble.action in (HEAR, HAND_OVER, FIRST_PAYMENT):
        return False
    return not any(due.action == trouble.action and due.at <= now for due in ahead)
