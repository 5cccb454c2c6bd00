"""How a subscription comes out: its trial, its first payment, cancellations that were asked for, its end."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict

from domain.revenue.amounts import annual
from domain.subscription.ends import EndKind
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription, SuspensionKind

ASKED_FOR = (EndKind.CUSTOMER, EndKind.OPERATOR)
"""Ends that somebody asked for, so that the comment is theirs."""


class TrialOutcome(StrEnum):
    """What became of a trial."""

    RUNNING = "running"
    CONVERTED = "converted"
    EXPIRED = "expired"
    """It ended without a card."""
    CANCELED = "canceled"
    FREE = "free"
    """It continued on the free plan."""
    DECLINED = "declined"
    """The first payment was declined; a later one makes it `CONVERTED`."""


class RetainedBy(StrEnum):
    """What kept a customer who had asked to leave."""

    UNCANCEL = "uncancel"
    """The cancellation was undone, and nothing else asked for until it would have taken effect."""
    PAUSE = "pause"
    """It was undone, and a pause taken instead."""
    CHANGE = "change"
    """It was undone, and another plan, interval, quantity or add-on taken instead."""


class OutcomeChanges(TypedDict, total=False):
    """What a step changes; keys that are absent stay as they were."""

    trial_started_at: datetime
    trial_ended_at: datetime | None
    trial_outcome: TrialOutcome
    trial_plan: str
    """The plan that is tried."""
    trial_with_card: bool
    """Whether there was a card when it began."""
    extended_days: int
    """To be added."""
    first_paid_at: datetime
    """Unless an earlier one is known."""
    canceled_asked_at: datetime
    retained_by: RetainedBy | None
    ended_at: datetime
    end_kind: EndKind | None
    reason_code: str
    comment: str


def outcome_changes(before: Subscription | None, step: Step, at: datetime) -> OutcomeChanges:
    """Returns what the step at *at* changes; empty for most steps."""
    after = step.subscription
    return {
        **_of_trial(before, after, at),
        **_of_extension(before, step, at),
        **_of_payment(before, after, at),
        **_of_request(before, after, at),
        **_of_end(before, after, at),
    }


def _is_on_trial(it: Subscription | None) -> bool:
    """True while a trial runs, or is stopped by an operator. A paid start is `trialing` too until it is paid."""
    if it is None or it.trial_ends_at is None:
        return False
    held = it.suspension
    is_stopped = held is not None and held.kind is SuspensionKind.OPERATOR and held.returns_to is Status.TRIALING
    return it.status is Status.TRIALING or is_stopped


def _of_trial(before: Subscription | None, after: Subscription, at: datetime) -> OutcomeChanges:
    was, is_now = _is_on_trial(before), _is_on_trial(after)
    if is_now and not was:
        begun: OutcomeChanges = {
            "trial_outcome": TrialOutcome.RUNNING,
            "trial_ended_at": None,
            "trial_plan": after.plan,
        }
        has_card = after.card is not None
        return {**begun, "trial_started_at": at, "trial_with_card": has_card} if before is None else begun
    if before is not None and is_now and after.plan != before.plan:
        return {"trial_plan": after.plan}
    if was and not is_now:
        return {"trial_outcome": _how_it_ended(after), "trial_ended_at": at}
    if before is not None and _is_late(before) and (after.status is Status.ACTIVE or _pays_while_held(before, after)):
        return {"trial_outcome": _how_it_ended(after)}
    return {}


def _how_it_ended(after: Subscription) -> TrialOutcome:
    held = after.suspension
    is_without_card = held is not None and held.kind is SuspensionKind.TRIAL_EXPIRED
    has_expired = after.end_kind is EndKind.TRIAL_EXPIRED if after.is_over else is_without_card
    if has_expired:
        return TrialOutcome.EXPIRED
    if after.is_over:
        return TrialOutcome.CANCELED
    if after.status is Status.PAST_DUE:
        return TrialOutcome.DECLINED
    return TrialOutcome.FREE if after.is_free else TrialOutcome.CONVERTED


def _is_late(before: Subscription) -> bool:
    """True after a trial whose payment is still to come: it had expired, or the first payment was declined."""
    held = before.suspension
    has_expired = held is not None and held.kind is SuspensionKind.TRIAL_EXPIRED
    has_paid = bool(before.agreement_ref or before.lost_agreement)
    return before.trial_ends_at is not None and (has_expired or (before.recovery is not None and not has_paid))


def _of_extension(before: Subscription | None, step: Step, at: datetime) -> OutcomeChanges:
    ends_at = step.subscription.trial_ends_at
    if before is None or ends_at is None or all(entry.kind != "trial_extended" for entry in step.entries):
        return {}
    since = before.trial_ends_at if before.status is Status.TRIALING else at
    return {"extended_days": round((ends_at - (since or at)) / timedelta(days=1))}


def _of_payment(before: Subscription | None, after: Subscription, at: datetime) -> OutcomeChanges:
    is_first = _is_paid(after) and not _has_paid(before)
    return {"first_paid_at": at} if is_first or _pays_while_held(before, after) else {}


def _pays_while_held(before: Subscription | None, after: Subscription) -> bool:
    """True for a first payment that comes while an operator has suspended the subscription."""
    if before is None or before.agreement_ref or before.lost_agreement:
        return False
    return is_held_by_operator(before) and is_held_by_operator(after) and bool(after.agreement_ref)


def is_held_by_operator(it: Subscription | None) -> bool:
    """True while an operator has suspended it."""
    held = it.suspension if it is not None else None
    return held is not None and held.kind is SuspensionKind.OPERATOR


def _has_paid(before: Subscription | None) -> bool:
    """True if an earlier step was the first payment; False if that is not known, so that it is looked up."""
    if before is None or before.status is Status.TRIALING:
        return False
    return _is_paid(before) or bool(before.agreement_ref or before.lost_agreement)


def _is_paid(it: Subscription | None) -> bool:
    return it is not None and it.status is Status.ACTIVE and annual(it) > 0


def _of_request(before: Subscription | None, after: Subscription, at: datetime) -> OutcomeChanges:
    if before is None or after.is_over:
        return {}
    if after.cancel_at is not None and before.cancel_at is None:
        return {
            "canceled_asked_at": at,
            "reason_code": after.reason_code,
            "comment": after.cancel_reason,
            "retained_by": None,
        }
    if before.cancel_at is not None and after.cancel_at is None:
        return {"retained_by": RetainedBy.UNCANCEL}
    instead = _taken_instead(before, after)
    has_undone = before.undone_end is not None and at < before.undone_end
    return {"retained_by": instead} if instead is not None and has_undone else {}


def _taken_instead(before: Subscription, after: Subscription) -> RetainedBy | None:
    if after.status is Status.PAUSED and before.status is not Status.PAUSED:
        return RetainedBy.PAUSE
    is_planned = after.pending_change is not None and after.pending_change != before.pending_change
    is_other = (after.items, after.plan) != (before.items, before.plan)
    return RetainedBy.CHANGE if is_planned or is_other else None


def _of_end(before: Subscription | None, after: Subscription, at: datetime) -> OutcomeChanges:
    if not after.is_over or (before is not None and before.is_over):
        return {}
    is_asked_for = after.end_kind in ASKED_FOR
    ended: OutcomeChanges = {
        "ended_at": at,
        "end_kind": after.end_kind,
        "reason_code": after.reason_code,
        "comment": after.cancel_reason if is_asked_for else "",
    }
    is_at_once = is_asked_for and (before is None or before.cancel_at is None)
    return {**ended, "canceled_asked_at": at, "retained_by": None} if is_at_once else ended
