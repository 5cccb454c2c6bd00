"""The trial: its start, reminders, extension, and end without a card."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.access import Access
from domain.catalog.plans import Selection
from domain.errors import Malformed, Rejected
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.subscription.guards import check_alive
from domain.subscription.journal import Cause, Entry, Step, TrialClaim
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import mail
from domain.subscription.policy import Policy, TrialEnd, TrialMark
from domain.subscription.reminders import Reminder
from domain.subscription.state import Subscription, Suspension, SuspensionKind

MAX_EXTENSION_DAYS = 90
TOO_CLOSE = timedelta(hours=12)
"""A late reminder this close to the next one is skipped in its favor."""

_KNOWN_BY = {
    TrialMark.CUSTOMER: "customer, and this external_id",
    TrialMark.EMAIL: "mail address, and this one",
    TrialMark.CARD: "card, and this one",
}


def started(
    subscription: Subscription, policy: Policy, now: datetime, cause: Cause, *, another_allowed: bool = False
) -> Step:
    """The first step of a subscription with a trial; *another_allowed* permits it for customers who had one."""
    ends_at = moment(subscription.trial_ends_at or now)
    after = replace(subscription, sequence=subscription.sequence + 1)
    summary, details = f"Trial of {after.plan_name} until {ends_at}", {"trial_ends_at": ends_at}
    if another_allowed:
        summary += f"; another one allowed by {cause.actor}"
        details["another_trial_allowed_by"] = cause.actor
    facts = {"trial_ends_at": ends_at} | _end_facts(after, policy)
    notification = mail(after, Occasion.TRIAL_STARTED, now, **facts)
    claim = TrialClaim() if another_allowed else TrialClaim(policy.trial.one_per)
    return Step(after, (Entry("trial_started", now, summary, cause, details),), (notification,), trial=claim)


def used(mark: TrialMark) -> Rejected:
    """Returns the refusal of a trial for a customer who already had one."""
    return Rejected(
        f"there is one trial per {_KNOWN_BY[mark]} has had it: start paid with trial_days 0 and a payment_method, or "
        "have an operator sign the customer up with allow_another_trial true",
        code="trial_used",
    )


def reminded(subscription: Subscription, policy: Policy, now: datetime, cause: Cause) -> Step:
    """Sends the latest due reminder; earlier ones are skipped, so that they are never sent in a burst."""
    due = [rung for rung in subscription.reminders if rung.at <= now]
    ahead = tuple(rung for rung in subscription.reminders if rung.at > now)
    after = subscription.after(Event.REMINDED, reminders=ahead)
    latest = None if ahead and ahead[0].at - now < TOO_CLOSE else due[-1]
    entries = [
        Entry("reminder_skipped", now, f"{rung.days}-day reminder skipped: its time has passed", cause)
        for rung in due
        if rung is not latest
    ]
    if latest is None:
        return Step(after, tuple(entries))
    left = _days_left(subscription.trial_ends_at or now, latest, now)
    in_time = f"{left} day{'s' if left != 1 else ''}" if left else "less than a day"
    summary = f"Reminder: the trial ends in {in_time}"
    entries.append(Entry("trial_ending", now, summary, cause, {"days": str(left)}))
    ends_at = moment(subscription.trial_ends_at or now)
    key = f"{ends_at}/{latest.days}"
    facts = {"trial_ends_at": ends_at, "days_left": str(left)} | _end_facts(subscription, policy)
    reminder = mail(after, Occasion.TRIAL_ENDING, now, occasion_key=key, **facts)
    # An earlier one that did not go out says what is not so any more.
    return Step(after, tuple(entries), (reminder,), withdraws=(Occasion.TRIAL_ENDING,))


def _days_left(ends_at: datetime, rung: Reminder, now: datetime) -> int:
    """The days of the reminder, unless it is sent so late that fewer are left; 0: less than half a day."""
    return max(0, min(rung.days, round((ends_at - now) / timedelta(days=1))))


def falls_to(subscription: Subscription, policy: Policy) -> Selection | None:
    """Returns the free plan that follows a trial without a card; None: there is none."""
    return subscription.free_plan if policy.trial.without_card is TrialEnd.FREE_PLAN else None


def _end_facts(subscription: Subscription, policy: Policy) -> dict[str, str]:
    """What the end of the trial brings without a card, for the mails that announce it."""
    free, without_card = falls_to(subscription, policy), policy.trial.without_card
    if free is not None:
        return {"trial_end": TrialEnd.FREE_PLAN.value, "free_plan_name": free.plan_name}
    return {"trial_end": (TrialEnd.SUSPEND if without_card is TrialEnd.FREE_PLAN else without_card).value}


def expired(subscription: Subscription, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The trial ended without a card: access off, data kept."""
    cancel_at = now + timedelta(days=policy.trial.cancel_after_days)
    suspension = Suspension(
        SuspensionKind.TRIAL_EXPIRED, now, "the trial ended without a card", Status.TRIALING, cancel_at
    )
    after = subscription.after(
        Event.TRIAL_EXPIRED,
        access=Access.NONE,
        status_reason="trial_expired",
        suspension=suspension,
        reminders=(),
    )
    entry = Entry(
        "trial_expired",
        now,
        "Trial ended without a chargeable card: suspended, data kept",
        cause,
        {"cancel_at": moment(cancel_at)},
    )
    notification = mail(after, Occasion.TRIAL_EXPIRED, now, keep_data_until=moment(cancel_at))
    return Step(after, (entry,), (notification,), withdraws=(Occasion.TRIAL_ENDING,))


def check_extension(subscription: Subscription, days: int, reason: str) -> None:
    """Rejects an extension that is not possible.

    Raises:
        Malformed: days or reason are invalid.
        Rejected: there is no trial to extend.
    """
    check_alive(subscription)
    if not 1 <= days <= MAX_EXTENSION_DAYS:
        raise Malformed(f"days must be 1 to {MAX_EXTENSION_DAYS}, not {days}", field="days")
    if not reason.strip():
        raise Malformed("an extension needs a reason for the audit log", field="reason")
    if subscription.status is Status.TRIALING:
        if subscription.cancel_at is not None:
            raise Rejected("the trial is set to be canceled at its end: undo that first", code="cancellation_scheduled")
        return
    suspension = subscription.suspension
    if suspension is None or suspension.kind is not SuspensionKind.TRIAL_EXPIRED:
        raise Rejected(f"only a trial can be extended; this subscription is {subscription.status}", code="not_in_trial")


def end_after_extension(subscription: Subscription, days: int, now: datetime) -> datetime:
    """Returns the new end: counted from the old end while the trial runs, from now once it is over."""
    old = subscription.trial_ends_at or now
    return (old if subscription.status is Status.TRIALING else now) + timedelta(days=days)


def extended(
    subscription: Subscription,
    ends_at: datetime,
    reminders: tuple[Reminder, ...],
    reason: str,
    now: datetime,
    cause: Cause,
) -> Step:
    """Moves the trial's end, and its reminders with it."""
    after = subscription.after(
        Event.TRIAL_EXTENDED,
        trial_ends_at=ends_at,
        reminders=reminders,
        access=Access.FULL,
        status_reason="",
        suspension=None,
    )
    details = {"trial_ends_at": moment(ends_at), "reason": reason}
    entry = Entry("trial_extended", now, f"Trial extended to {moment(ends_at)}: {reason}", cause, details)
    return Step(after, (entry,), withdraws=(Occasion.TRIAL_ENDING, Occasion.TRIAL_EXPIRED))
