"""Suspension by an operator, and every way back from a suspension."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.access import Access
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import mail, price_facts
from domain.subscription.reminders import Reminder
from domain.subscription.state import Recovery, Subscription, Suspension, SuspensionKind


def suspended(subscription: Subscription, reason: str, now: datetime, cause: Cause) -> Step:
    """An operator turned access off; trial and recovery are paused until it is restored."""
    suspension = Suspension(SuspensionKind.OPERATOR, now, reason, subscription.status, access=subscription.access)
    after = subscription.after(
        Event.SUSPENDED_BY_OPERATOR,
        access=Access.NONE,
        status_reason="operator",
        suspension=suspension,
        ask_at=None,
    )
    entry = Entry("suspended", now, f"Suspended by an operator: {reason}", cause, {"reason": reason})
    notification = mail(after, Occasion.SUSPENDED, now, reason=reason)
    return Step(
        after,
        (entry,),
        (notification,),
        withdraws=(Occasion.TRIAL_ENDING, Occasion.PAYMENT_FAILED, Occasion.ACTION_REQUIRED),
    )


@dataclass(frozen=True)
class Return:
    """What a suspended subscription returns to."""

    event: Event
    trial_ends_at: datetime | None = None


def returned(
    subscription: Subscription,
    back: Return,
    reminders: tuple[Reminder, ...],
    reason: str,
    now: datetime,
    cause: Cause,
) -> Step:
    """An operator restored access; what was paused continues where it was."""
    recovery = _resumed(subscription, now)
    is_paid_up = back.event is Event.RETURNED_PAID_UP
    period_is_over = subscription.period_end is not None and subscription.period_end <= now
    # On the free plan there is no agreement to check at the provider.
    ask_at = now if is_paid_up and subscription.agreement_ref else None
    after = subscription.after(
        back.event,
        access=_access_after(subscription, back),
        status_reason=_reason_after(subscription, back, recovery),
        suspension=None,
        recovery=recovery,
        trial_ends_at=back.trial_ends_at or subscription.trial_ends_at,
        # A trial that was to be canceled at its end is canceled at its new end.
        cancel_at=back.trial_ends_at if subscription.cancel_at and back.trial_ends_at else subscription.cancel_at,
        reminders=reminders,
        ask_at=ask_at,
        owes_new_period=is_paid_up
        and (period_is_over or subscription.begins_own_period or bool(subscription.lost_agreement)),
        sets_billing_day=subscription.sets_billing_day or (is_paid_up and period_is_over),
    )
    entry = Entry("reactivated", now, f"Reactivated by an operator: {reason}", cause, {"reason": reason})
    facts = {"reason": reason} | facts_of_return(after) | _facts_ahead(after, now)
    notification = mail(after, Occasion.REACTIVATED, now, **facts)
    return Step(after, (entry,), (notification,), withdraws=(Occasion.SUSPENDED, Occasion.TRIAL_EXPIRED))


def _reason_after(subscription: Subscription, back: Return, recovery: Recovery | None) -> str:
    if back.event is Event.RETURNED_PAUSED:
        return "paused"
    if recovery is not None:
        return recovery.decline.code
    if back.event is not Event.RETURNED_PAID_UP:
        return ""
    return "disputed" if subscription.dispute is not None else "free_plan" if subscription.is_free else ""


def facts_of_return(after: Subscription) -> dict[str, str]:
    """What keeps a subscription that is not suspended any more from being as before."""
    facts = {"status": str(after.status)}
    if after.dispute is not None:
        facts["disputed"] = "yes"
    if after.cancel_at is not None:
        facts["cancel_at"] = moment(after.cancel_at)
    change = after.pending_change
    if change is not None and not change.to.items:
        facts["free_plan_name"] = change.to.plan_name
    return facts


def _facts_ahead(after: Subscription, now: datetime) -> dict[str, str]:
    """What comes next after a return."""
    pause, recovery = after.pause, after.recovery
    match after.status:
        case Status.TRIALING if after.trial_ends_at is not None:
            return {"trial_ends_at": moment(after.trial_ends_at)}
        case Status.PAUSED if pause is not None and pause.resumes_at is not None:
            # It resumes at once if its date has passed meanwhile.
            return {"resumes_at": moment(max(pause.resumes_at, now))}
        case Status.PAST_DUE if recovery is not None and recovery.amount_due is not None:
            return {"amount_due": str(recovery.amount_due), "currency": recovery.currency}
        case Status.ACTIVE if after.period_end is not None and after.period_end > now:
            return {"period_end": moment(after.period_end)}
        case Status.ACTIVE if after.owes_new_period:
            return _bill_of_new_period(after, now)
    return {}


def _bill_of_new_period(after: Subscription, now: datetime) -> dict[str, str]:
    """The period that begins at once, as the paid one is over; it has what was planned for then."""
    selection = after.pending_change.to if after.pending_change is not None else after.selection
    if not selection.items:
        return {}
    return {"renews_at": moment(now)} | price_facts(selection)


def _access_after(subscription: Subscription, back: Return) -> Access:
    held = subscription.suspension
    if back.event is Event.RETURNED_PAUSED:
        return Access.NONE
    keeps = back.event is Event.RETURNED_OWING or subscription.dispute is not None
    return held.access if held is not None and keeps else Access.FULL


def way_back(subscription: Subscription, reopen_for: timedelta, now: datetime) -> Return:
    """Returns what an operator's reactivation restores."""
    suspension = subscription.suspension
    assert suspension is not None  # noqa: S101 - checked by check_reactivate
    if suspension.kind is SuspensionKind.TRIAL_EXPIRED:
        return Return(Event.RETURNED_TO_TRIAL, now + reopen_for)
    if suspension.returns_to is Status.TRIALING:
        # The trial gets back the days that the suspension took.
        left = (subscription.trial_ends_at or now) - suspension.since
        return Return(Event.RETURNED_TO_TRIAL, now + left)
    if suspension.returns_to is Status.PAUSED:
        return Return(Event.RETURNED_PAUSED)
    if suspension.returns_to is Status.ACTIVE:
        return Return(Event.RETURNED_PAID_UP)
    return Return(Event.RETURNED_OWING)


def _resumed(subscription: Subscription, now: datetime) -> Recovery | None:
    recovery, suspension = subscription.recovery, subscription.suspension
    if recovery is None or suspension is None:
        return recovery
    if suspension.kind is SuspensionKind.NONPAYMENT:
        # Restored although unpaid: the customer gets the whole ladder again before losing access again.
        return replace(recovery, since=now, step=1, rungs=())
    # During a dispute the ladder stays paused; the time is given back when the dispute ends.
    until = now if subscription.dispute is None else subscription.dispute.since
    held_for = max(until - suspension.since, timedelta())
    return replace(recovery, since=recovery.since + held_for, rungs=())
