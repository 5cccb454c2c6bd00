"""The recovery ladder: what a failed payment leads to, rung by rung."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.access import Access
from domain.formatting import moment
from domain.notifications.mail_types import Mail, Occasion
from domain.provider.payments import AUTHENTICATE, NO_CARD, Charge, Decline
from domain.subscription.agenda import describe, ladder_of, rung_at
from domain.subscription.confirmation import KEYS_KEPT
from domain.subscription.journal import Cause, CauseKind, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import mail, provider_key
from domain.subscription.policy import LadderStep, Policy
from domain.subscription.state import Recovery, Subscription, Suspension, SuspensionKind

MAILS = (Occasion.PAYMENT_FAILED, Occasion.ACTION_REQUIRED, Occasion.SUSPENDED)
"""What is stale as soon as the payment has come."""
UNKNOWN_DECLINE = Decline("generic_decline")


def failed(
    subscription: Subscription,
    charge: Charge,
    policy: Policy,
    now: datetime,
    cause: Cause,
    rungs: tuple[datetime, ...] = (),
) -> Step:
    """A payment that was due failed for the first time: the recovery begins, its steps due at *rungs*."""
    decline = charge.decline or UNKNOWN_DECLINE
    recovery = Recovery(
        since=now,
        step=0,
        tries=1,
        decline=decline,
        card_ref=subscription.card.ref if subscription.card else "",
        invoice_ref=charge.invoice.ref if charge.invoice and subscription.agreement_ref else "",
        period_end=charge.period_end,
        rungs=rungs,
        **_due(charge),
    )
    after = subscription.after(
        Event.PAYMENT_FAILED,
        status_reason=decline.code,
        recovery=recovery,
        reminders=(),
        ask_at=None,
        owes_new_period=False,
        period_start=charge.period_start or subscription.period_start,
        period_end=charge.period_end or subscription.period_end,
    )
    entry = Entry("payment_failed", now, f"Payment failed: {decline.code}", cause, _decline_details(charge, decline, 1))
    first = Step(
        after,
        (entry,),
        withdraws=(Occasion.TRIAL_ENDING,),
        invoice=charge.invoice if subscription.agreement_ref else None,
    )
    return _with_rung(first, policy, now, cause)


def _with_rung(before: Step, policy: Policy, now: datetime, cause: Cause) -> Step:
    """Add what the ladder's next rung holds besides its retry to a step that is part of the same moment."""
    subscription = before.subscription
    recovery = subscription.recovery
    if recovery is None:
        return before
    rung = ladder_of(subscription, policy)[recovery.step]
    event, changes = _harsher_part(subscription, rung, now)
    changes["recovery"] = replace(recovery, step=recovery.step + 1)
    after = subscription.after(event, **changes)
    entries = list(before.entries)
    if rung.suspend or rung.access is not None:
        entries.append(
            Entry(
                str(event),
                now,
                f"{rung.label.capitalize()} of the recovery: {describe(rung)}",
                cause,
                {"access": after.access},
            )
        )
    letters = (*before.mails, *_recovery_mails(after, rung, policy, now))
    return Step(after, tuple(entries), letters, before.withdraws, before.invoice)


def _harsher_part(subscription: Subscription, rung: LadderStep, now: datetime) -> tuple[Event, dict[str, Any]]:
    if rung.suspend and subscription.status is not Status.SUSPENDED:
        suspension = Suspension(SuspensionKind.NONPAYMENT, now, "the payment could not be recovered", Status.PAST_DUE)
        return Event.RECOVERY_SUSPENDED, {
            "access": Access.NONE,
            "status_reason": "nonpayment",
            "suspension": suspension,
        }
    if rung.access is not None:
        return Event.RECOVERY_ADVANCED, {"access": rung.access}
    return Event.RECOVERY_ADVANCED, {}


def retry_is_due(subscription: Subscription, policy: Policy, now: datetime) -> bool:
    """True when the ladder's next rung begins with a retry that may be made."""
    recovery = subscription.recovery
    if recovery is None or not ladder_of(subscription, policy)[recovery.step].retry:
        return False
    return subscription.card is not None and not subscription.card_is_barred and subscription.may_try(now)


def climbed(subscription: Subscription, charge: Charge | None, policy: Policy, now: datetime, cause: Cause) -> Step:
    """One rung up the ladder: *charge* is the retry that failed, None when none was made."""
    recovery = subscription.recovery
    assert recovery is not None  # noqa: S101 - only a subscription in recovery has a rung that is due
    rung = ladder_of(subscription, policy)[recovery.step]
    if charge is not None:
        start = failed_again(subscription, charge, now, cause)
    else:
        summary = f"{rung.label.capitalize()} of the recovery: no retry, {_why_not(subscription)}" if rung.retry else ""
        entries = (Entry("retry_skipped", now, summary, cause),) if summary else ()
        start = Step(subscription, entries)
    return _with_rung(start, policy, now, cause)


def _why_not(subscription: Subscription) -> str:
    if subscription.card is None:
        return "no card is on file"
    if subscription.card_is_barred:
        if subscription.recovery is not None and subscription.recovery.decline.code == NO_CARD:
            return "no card is on file"
        return f"the card was declined for good ({subscription.status_reason})"
    return "the card networks' cap on tries is reached"


def failed_again(subscription: Subscription, charge: Charge, now: datetime, cause: Cause) -> Step:
    """A try during the recovery failed: it is counted, the ladder stays where it is."""
    recovery = subscription.recovery
    assert recovery is not None  # noqa: S101 - callers are in recovery
    decline = charge.decline or UNKNOWN_DECLINE
    tried = replace(
        recovery,
        tries=recovery.tries + 1,
        decline=decline,
        card_ref=subscription.card.ref if subscription.card else recovery.card_ref,
        asked=_asked(recovery, decline, cause),
        **_due(charge),
    )
    reason = decline.code if subscription.status is Status.PAST_DUE else subscription.status_reason
    after = subscription.after(Event.RECOVERY_ADVANCED, recovery=tried, status_reason=reason)
    details = _decline_details(charge, decline, tried.tries)
    entry = Entry("retry_failed", now, f"Retry failed: {decline.code}", cause, details)
    return Step(after, (entry,))


def _asked(recovery: Recovery, decline: Decline, cause: Cause) -> tuple[str, ...]:
    """The commands to remember: what the bank wants confirmed by its customer is not asked for twice by a repeat."""
    is_asked = cause.kind is CauseKind.COMMAND and decline.code == AUTHENTICATE
    return (*recovery.asked, cause.ref)[-KEYS_KEPT:] if is_asked else recovery.asked


def _due(charge: Charge) -> dict[str, Any]:
    """What the bill of a try asks for; nothing is known anew where a try has none."""
    bill = charge.invoice
    return {} if bill is None else {"amount_due": bill.to_pay, "currency": bill.currency}


def _decline_details(charge: Charge, decline: Decline, tries: int) -> dict[str, str]:
    return {"decline_code": decline.code, "advice": decline.advice, "try": str(tries)} | provider_key(charge)


def _recovery_mails(subscription: Subscription, rung: LadderStep, policy: Policy, now: datetime) -> list[Mail]:
    recovery, ladder = subscription.recovery, ladder_of(subscription, policy)
    if recovery is None or not rung.mail:
        return []
    ends = moment(rung_at(recovery, ladder, len(ladder) - 1))
    facts = {
        "attempt": str(recovery.tries),
        "attempts": str(1 + sum(step.retry for step in ladder)),
        # One that has been taken away since is not said to have been declined, nor to be tried again.
        "decline_code": NO_CARD if subscription.card is None else recovery.decline.code,
        "cancel_at": ends,
        **_next_try(subscription, recovery, ladder),
    }
    if recovery.amount_due is not None:
        facts |= {"amount_due": str(recovery.amount_due), "currency": recovery.currency}
    key = f"{moment(recovery.since)}/{rung.day}" + (f"+{rung.hours}h" if rung.hours else "")
    occasion = Occasion.PAYMENT_FAILED
    if rung.suspend:
        occasion = Occasion.SUSPENDED
        facts |= {"keep_data_until": ends, "reason": "nonpayment"}
    elif recovery.decline.action_url or recovery.decline.code == "authentication_required":
        occasion = Occasion.ACTION_REQUIRED
        facts |= {"action_url": recovery.decline.action_url} if recovery.decline.action_url else {}
    return [mail(subscription, occasion, now, occasion_key=key, **facts)]


def _next_try(subscription: Subscription, recovery: Recovery, ladder: tuple[LadderStep, ...]) -> dict[str, str]:
    if subscription.card is None or subscription.card_is_barred:
        return {}
    ahead = (number for number, step in enumerate(ladder) if number >= recovery.step and step.retry)
    return next(({"next_attempt_at": moment(rung_at(recovery, ladder, number))} for number in ahead), {})
