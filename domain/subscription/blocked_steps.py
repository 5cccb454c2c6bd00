"""Steps blocked by an external system: shown, retried, and cleared as soon as they succeed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.formatting import moment
from domain.subscription.agenda import Due
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Blocked, Subscription
from domain.subscription.unreported_ends import must_be_reported

HOLD = "hold"
"""Put billing on hold at the provider, or resume it."""
END = "end"
"""End the agreement at the provider, immediately or with the paid period."""
HEAR = "hear"
"""Process an event from the provider."""
HAND_OVER = "hand_over"
"""End a trial at the provider that continues here."""
FIRST_PAYMENT = "first_payment"
"""Take the payment that starts a subscription without a trial."""
CARD = "card"
"""Make the card of a sign-up its customer's default."""
LONGEST_WHY = 500


def all_blocked(subscription: Subscription) -> tuple[Blocked, ...]:
    """Returns all blocked steps, the longest blocked first, which is the one shown."""
    shown = subscription.blocked
    return () if shown is None else (shown, *subscription.also_blocked)


def blocked_step(subscription: Subscription, action: str) -> Blocked | None:
    """Returns what is known about a blocked step; None: it is not blocked."""
    return next((one for one in all_blocked(subscription) if one.action == action), None)


def blocked(
    subscription: Subscription, trouble: Blocked, now: datetime, cause: Cause, *, keeps_others: bool = True
) -> Step:
    """Records that a step is blocked; if it already was, only updates its next attempt, without a journal entry."""
    trouble = replace(trouble, why=trouble.why[:LONGEST_WHY])
    before = blocked_step(subscription, trouble.action)
    others = [one for one in all_blocked(subscription) if one.action != trouble.action] if keeps_others else []
    if before is not None:
        trouble = replace(trouble, since=before.since, refusals=before.refusals + trouble.refusals)
        return Step(_showing(_noted(subscription), [*others, trouble]))
    summary = f"Blocked: {trouble.action.replace('_', ' ')}: {trouble.why}"
    details = {"action": trouble.action, "code": trouble.code, "since": moment(trouble.since)}
    after = _showing(_noted(subscription), [*others, trouble])
    return Step(after, (Entry("blocked", now, summary, cause, details),))


def _noted(subscription: Subscription) -> Subscription:
    """One step further; also for a subscription that is over, which allows no more events."""
    return replace(subscription, sequence=subscription.sequence + 1)


def _showing(subscription: Subscription, waiting: Sequence[Blocked]) -> Subscription:
    oldest_first = sorted(waiting, key=lambda one: one.since)
    return replace(subscription, blocked=next(iter(oldest_first), None), also_blocked=tuple(oldest_first[1:]))


def unblocked(step: Step, gone: Sequence[Blocked], now: datetime) -> Step:
    """Adds to a step that these are no longer blocked."""
    left = [one for one in all_blocked(step.subscription) if one not in gone]
    step = replace(step, subscription=_showing(step.subscription, left))
    if step.subscription.is_over:
        return step  # nothing continues
    entries = [
        Entry(
            "unblocked",
            now,
            f"Unblocked: {trouble.action.replace('_', ' ')} had been blocked since {moment(trouble.since)}",
            step.entries[0].cause if step.entries else Cause.timer(trouble.action),
            {"action": trouble.action},
        )
        for trouble in gone
    ]
    return replace(step, entries=(*entries, *step.entries))


def continued(subscription: Subscription) -> Step:
    """The blocked step succeeded, and nothing else needs recording."""
    return Step(subscription.after(Event.NOTED))


def event_rejected(subscription: Subscription, why: str, now: datetime, cause: Cause) -> Step:
    """An event from the provider could not be processed, permanently; the next regular check covers its subject."""
    entry = Entry("news_refused", now, f"A message could not be processed: {why[:LONGEST_WHY]}", cause)
    return Step(subscription.after(Event.NOTED), (entry,))


def is_moot(subscription: Subscription, trouble: Blocked, ahead: Sequence[Due], now: datetime) -> bool:
    """True if a blocked step is no longer needed because a command has changed what is due."""
    if trouble.action == END:
        return not must_be_reported(subscription)
    if subscription.is_over:
        return True
    if trouble.action == HOLD:
        return not subscription.agreement_ref or subscription.wants_hold == subscription.is_held
    if trouble.action == FIRST_PAYMENT:
        return subscription.status is Status.ACTIVE and bool(subscription.agreement_ref)
    if trouble.action in (HEAR, HAND_OVER):
        return False
    return not any(due.action == trouble.action and due.at <= now for due in ahead)
