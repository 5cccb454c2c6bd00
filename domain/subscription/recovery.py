"""The recovery ladder: what follows a failed payment, step by step."""

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
"""Mails that a successful payment withdraws."""
UNKNOWN_DECLINE = Decline("generic_decline")


def failed(
    subscription: Subscription,
    charge: Charge,
    policy: Policy,
    now: datetime,
    cause: Cause,
    rungs: tuple[datetime, ...] = (),
) -> Step:
    """A due payment failed for the first time: the recovery begins, with its steps due at *rungs*."""
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
    """Adds the effects of the ladder's next step, apart from its retry, to the step at the same moment."""
    subscription = before.subscription
    recovery = subscription.recovery
    if recovery is None:
        return before
    rung = ladder_of(subscription, policy)[recovery.step]
    event, changes = _consequence(subscription, rung, now)
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
    mails = (*before.mails, *_recovery_mails(after, rung, policy, now))
    return Step(after, tuple(entries), mails, before.withdraws, before.invoice)


def _consequence(subscription: Subscription, rung: LadderStep, now: datetime) -> tuple[Event, dict[str, Any]]:
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
    """True if the ladder's next step has a retry that is allowed."""
    recovery = subscription.recovery
    if recovery is None or not ladder_of(subscription, policy)[recovery.step].retry:
        return False
    return subscription.has_chargeable_card and subscription.may_attempt(now)


def advanced(subscription: Subscription, charge: Charge | None, policy: Policy, now: datetime, cause: Cause) -> Step:
    """Takes the ladder's next step: *charge* is the failed retry, None if none was made."""
    recovery = subscription.recovery
    assert recovery is not None  # noqa: S101 - only a subscription in recovery has a due step
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
        return f"the card must not be tried again ({subscription.status_reason})"
    return "the card networks' limit on attempts is reached"


def failed_again(subscription: Subscription, charge: Charge, now: datetime, cause: Cause) -> Step:
    """An attempt during the recovery failed: it is counted, and the ladder does not move."""
    recovery = subscription.recovery
    assert recovery is not None  # noqa: S101 - callers are in recovery
    decline = charge.decline or UNKNOWN_DECLINE
    updated = replace(
        recovery,
        tries=recovery.tries + 1,
        decline=decline,
        card_ref=subscription.card.ref if subscription.card else recovery.card_ref,
        asked=_asked(recovery, decline, cause),
        **_due(charge),
    )
    reason = decline.code if subscription.status is Status.PAST_DUE else subscription.status_reason
    after = subscription.after(Event.RECOVERY_ADVANCED, recovery=updated, status_reason=reason)
    details = _decline_details(charge, decline, updated.tries)
    entry = Entry("retry_failed", now, f"Retry failed: {decline.code}", cause, details)
    return Step(after, (entry,))


def _asked(recovery: Recovery, decline: Decline, cause: Cause) -> tuple[str, ...]:
    """The commands to remember, so that a repeat does not request a second payment that needs confirmation."""
    is_asked = cause.kind is CauseKind.COMMAND and decline.code == AUTHENTICATE
    return (*recovery.asked, cause.ref)[-KEYS_KEPT:] if is_asked else recovery.asked


def _due(charge: Charge) -> dict[str, Any]:
    """The amount due on the attempt's invoice; empty if it has none."""
    invoice = charge.invoice
    return {} if invoice is None else {"amount_due": invoice.to_pay, "currency": invoice.currency}


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
        # A card that has been removed since is reported neither as declined nor as to be retried.
        "decline_code": NO_CARD if subscription.card is None else recovery.decline.code,
        "cancel_at": ends,
        **_next_attempt(subscription, recovery, ladder),
    }
    if recovery.amount_due is not None:
        facts |= {"amount_due": str(recovery.amount_due), "currency": recovery.currency}
    key = f"{moment(recovery.since)}/{rung.day}" + (f"+{rung.hours}h" if rung.hours else "")
    occasion = Occasion.PAYMENT_FAILED
    if rung.suspend:
        occasion = Occasion.SUSPENDED
        facts |= {"keep_data_until": ends, "reason": "nonpayment"}
    elif recovery.decline.needs_confirmation:
        occasion = Occasion.ACTION_REQUIRED
        facts |= {"action_url": recovery.decline.action_url} if recovery.decline.action_url else {}
    return [mail(subscription, occasion, now, occasion_key=key, **facts)]


def _next_attempt(subscription: Subscription, recovery: Recovery, ladder: tuple[LadderStep, ...]) -> dict[str, str]:
    if not subscription.has_chargeable_card:
        return {}
    ahead = (number for number, step in enumerate(ladder) if number >= recovery.step and step.retry)
    return next(({"next_attempt_at": moment(rung_at(recovery, ladder, number))} for number in ahead), {})
