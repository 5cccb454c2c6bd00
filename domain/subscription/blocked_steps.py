"""A step that cannot be taken because of the outside: seen by everybody, tried again, gone as soon as it goes on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.formatting import moment
from domain.subscription.agenda import Due
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Blocked, Subscription
from domain.subscription.untold_ends import is_to_be_told

HOLD = "hold"
"""The provider is to be told to bill no further for now, or to bill again."""
END = "end"
"""The provider is to be told that it ends, at once or with the paid period."""
HEAR = "hear"
"""A message of the provider is to be looked into."""
HAND_OVER = "hand_over"
"""The provider is to end a trial that goes on here."""
FIRST_PAYMENT = "first_payment"
"""The payment with which a subscription without a trial begins."""
CARD = "card"
"""The card of a sign-up is to be the one on which its customer is charged."""
LONGEST_WHY = 500


def troubles(subscription: Subscription) -> tuple[Blocked, ...]:
    """All steps that wait; first the one that is shown, which has waited longest."""
    shown = subscription.blocked
    return () if shown is None else (shown, *subscription.also_blocked)


def trouble_of(subscription: Subscription, action: str) -> Blocked | None:
    """What is known of a step that waits; None: it does not wait."""
    return next((one for one in troubles(subscription) if one.action == action), None)


def blocked(
    subscription: Subscription, trouble: Blocked, now: datetime, cause: Cause, *, keeps_others: bool = True
) -> Step:
    """A step waits for the outside, or still does: then only its next try is written down, and no line is added."""
    trouble = replace(trouble, why=trouble.why[:LONGEST_WHY])
    before = trouble_of(subscription, trouble.action)
    others = [one for one in troubles(subscription) if one.action != trouble.action] if keeps_others else []
    if before is not None:
        trouble = replace(trouble, since=before.since, refusals=before.refusals + trouble.refusals)
        return Step(_showing(_noted(subscription), [*others, trouble]))
    summary = f"Blocked: {trouble.action.replace('_', ' ')} waits, {trouble.why}"
    details = {"action": trouble.action, "code": trouble.code, "since": moment(trouble.since)}
    after = _showing(_noted(subscription), [*others, trouble])
    return Step(after, (Entry("blocked", now, summary, cause, details),))


def _noted(subscription: Subscription) -> Subscription:
    """One step on; also when it is over, and no event can happen to it any more."""
    return replace(subscription, sequence=subscription.sequence + 1)


def _showing(subscription: Subscription, waiting: Sequence[Blocked]) -> Subscription:
    oldest_first = sorted(waiting, key=lambda one: one.since)
    return replace(subscription, blocked=next(iter(oldest_first), None), also_blocked=tuple(oldest_first[1:]))


def unblocked(step: Step, gone: Sequence[Blocked], now: datetime) -> Step:
    """The same step; with it these do not wait any more."""
    left = [one for one in troubles(step.subscription) if one not in gone]
    step = replace(step, subscription=_showing(step.subscription, left))
    if step.subscription.is_over:
        return step  # it does not go on
    entries = [
        Entry(
            "unblocked",
            now,
            f"Goes on, after it was blocked since {moment(trouble.since)}",
            step.entries[0].cause if step.entries else Cause.timer(trouble.action),
            {"action": trouble.action},
        )
        for trouble in gone
    ]
    return replace(step, entries=(*entries, *step.entries))


def went_on(subscription: Subscription) -> Step:
    """What was blocked has been done, and nothing else is to be written down of it."""
    return Step(subscription.after(Event.NOTED))


def news_refused(subscription: Subscription, why: str, now: datetime, cause: Cause) -> Step:
    """A message of the provider was looked into in vain, for good; what it was about is asked for in time anyway."""
    entry = Entry("news_refused", now, f"A message could not be looked into: {why[:LONGEST_WHY]}", cause)
    return Step(subscription.after(Event.NOTED), (entry,))


def is_moot(subscription: Subscription, trouble: Blocked, ahead: Sequence[Due], now: datetime) -> bool:
    """Whether what is blocked is not to be done any more as things stand: a command has changed what is due."""
    if trouble.action == END:
        return not is_to_be_told(subscription)
    if subscription.is_over:
        return True
    if trouble.action == HOLD:
        return not subscription.agreement_ref or subscription.wants_hold == subscription.is_held
    if trouble.action == FIRST_PAYMENT:
        return subscription.status is Status.ACTIVE and bool(subscription.agreement_ref)
    if trouble.action in (HEAR, HAND_OVER):
        return False
    return not any(due.action == trouble.action and due.at <= now for due in ahead)
