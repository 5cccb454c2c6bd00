"""Money: conversion, renewal, and the recovery ladder when a payment fails."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.agenda import describe
from domain.journal import Cause, Entry, Step
from domain.letters import bill_facts, mail, moment, receipt
from domain.lifecycle import Event, Recovery, Status, Subscription, Suspension, SuspensionKind
from domain.mails import Mail, Occasion
from domain.payments import Charge, Decline, Invoice
from domain.policy import Access, LadderStep, Policy

RECOVERY_MAILS = (Occasion.PAYMENT_FAILED, Occasion.ACTION_REQUIRED, Occasion.SUSPENDED)
UNKNOWN_DECLINE = Decline("generic_decline")


def paid(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """A bill was paid: the first one converts, later ones renew or end a recovery."""
    if _is_held(subscription):
        return _paid_while_held(subscription, charge, now, cause)
    event = _event_of_payment(subscription)
    was = subscription.status
    after = subscription.after(event, **_paid_up(subscription, charge, policy, now))
    bill = charge.invoice
    details = bill_facts(bill, charge.period_end) if bill else {}
    entry = Entry(
        str(event),
        now,
        _PAID_SUMMARY[event].format(plan=after.plan_name, amount=_amount(after, charge)),
        cause,
        details,
    )
    letters = receipt(after, charge, now)
    if event is Event.CONVERTED:
        letters.insert(0, mail(after, Occasion.CONVERTED, now, **details))
    if was is Status.SUSPENDED and event is Event.RECOVERED:
        letters.insert(0, mail(after, Occasion.REACTIVATED, now, **details))
    stale = (*RECOVERY_MAILS, Occasion.TRIAL_ENDING, Occasion.TRIAL_EXPIRED)
    owed = subscription.recovery.invoice_ref if subscription.recovery else ""
    # A new period was paid instead of the bill that was owed: that one was voided.
    voided = owed if bill is not None and bill.ref != owed else ""
    return Step(after, (entry,), tuple(letters), withdraws=stale, invoice=bill, voided=voided)


def _is_held(subscription: Subscription) -> bool:
    return subscription.suspension is not None and subscription.suspension.kind is SuspensionKind.OPERATOR


def _paid_while_held(subscription: Subscription, charge: Charge, now: datetime, cause: Cause) -> Step:
    """Money that arrives while an operator holds the subscription is receipted; only the operator gives access back."""
    after = subscription.after(Event.NOTED, **_settled_while_held(subscription, charge))
    entry = Entry("paid_while_suspended", now, "Paid while suspended by an operator: access stays off", cause)
    return Step(after, (entry,), tuple(receipt(after, charge, now)), withdraws=RECOVERY_MAILS, invoice=charge.invoice)


def _settled_while_held(subscription: Subscription, charge: Charge) -> dict[str, Any]:
    suspension = subscription.suspension
    return {
        "settled_invoice": charge.invoice.ref if charge.invoice else subscription.settled_invoice,
        "agreement_ref": charge.agreement_ref or subscription.agreement_ref,
        "period_start": charge.period_start or subscription.period_start,
        "period_end": charge.period_end or subscription.period_end,
        "recovery": None,
        "suspension": replace(suspension, returns_to=Status.ACTIVE) if suspension else None,
    }


_PAID_SUMMARY = {
    Event.CONVERTED: "Converted to {plan}: {amount} paid",
    Event.RENEWED: "Renewed {plan}: {amount} paid",
    Event.RECOVERED: "Payment recovered: {amount} paid, full access",
}


def _event_of_payment(subscription: Subscription) -> Event:
    if not subscription.agreement_ref:
        return Event.CONVERTED
    return Event.RENEWED if subscription.status is Status.ACTIVE else Event.RECOVERED


def _amount(subscription: Subscription, charge: Charge) -> str:
    bill = charge.invoice
    amount, currency = (bill.amount, bill.currency) if bill else (subscription.amount, subscription.currency)
    return f"{amount} {currency} (minor units)"


def _paid_up(subscription: Subscription, charge: Charge, policy: Policy, now: datetime) -> dict[str, Any]:
    period_end = charge.period_end or subscription.period_end
    return {
        "status_reason": "",
        "access": Access.FULL,
        "agreement_ref": charge.agreement_ref or subscription.agreement_ref,
        "period_start": charge.period_start or subscription.period_start,
        "period_end": period_end,
        "ask_at": max(period_end, now) + policy.ask_after if period_end else now + policy.ask_every,
        "settled_invoice": charge.invoice.ref if charge.invoice else subscription.settled_invoice,
        "trial_ends_at": subscription.trial_ends_at
        if subscription.agreement_ref
        else min(now, subscription.trial_ends_at or now),
        "reminders": (),
        "suspension": None,
        "recovery": None,
        "owes_new_period": False,
        "barred_card": "",
    }


def is_waiver(subscription: Subscription, bill: Invoice) -> bool:
    """Whether a bill that was voided or written off was one for what is owed, or for the period that comes next.

    Bills are voided by a hold of ours too: they say nothing of what was paid before, nor of the period after it.
    """
    if subscription.recovery is not None:
        return subscription.recovery.invoice_ref == bill.ref
    if subscription.status is not Status.ACTIVE or subscription.owes_new_period:
        return False
    known_until = subscription.period_end
    return known_until is None or bill.period_start is None or bill.period_start >= known_until


def not_owed(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The bill was voided or written off at the provider: nothing is owed for this period any more."""
    entry = Entry("bill_waived", now, "The bill was voided at the payment provider: nothing is owed", cause)
    if _is_held(subscription):
        after = subscription.after(Event.NOTED, **_settled_while_held(subscription, charge))
    else:
        event = Event.RENEWED if subscription.status is Status.ACTIVE else Event.RECOVERED
        after = subscription.after(event, **_paid_up(subscription, charge, policy, now))
    return Step(after, (entry,), withdraws=RECOVERY_MAILS, invoice=charge.invoice)


def undecided(subscription: Subscription, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The provider was asked and has not decided on the renewal yet: ask again later."""
    after = subscription.after(Event.NOTED, ask_at=now + policy.ask_every)
    return Step(
        after, (Entry("renewal_undecided", now, "Asked the payment provider: no word on the renewal yet", cause),)
    )


def failed(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """A payment that was due failed for the first time: the recovery begins."""
    decline = charge.decline or UNKNOWN_DECLINE
    recovery = Recovery(
        since=now,
        step=0,
        tries=1,
        decline=decline,
        card_ref=subscription.card.ref if subscription.card else "",
        invoice_ref=charge.invoice.ref if charge.invoice and subscription.agreement_ref else "",
        period_end=charge.period_end,
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
    entry = Entry("payment_failed", now, f"Payment failed: {decline.code}", cause, _decline_details(decline, 1))
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
    rung = policy.recovery[recovery.step]
    event, changes = _harsher_part(subscription, rung, now)
    changes["recovery"] = replace(recovery, step=recovery.step + 1)
    after = subscription.after(event, **changes)
    entries = list(before.entries)
    if rung.suspend or rung.access is not None:
        entries.append(
            Entry(
                str(event),
                now,
                f"Day {rung.day} of the recovery: {describe(rung)}",
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
    if recovery is None or not policy.recovery[recovery.step].retry:
        return False
    return not subscription.card_is_barred and subscription.may_try(now)


def climbed(subscription: Subscription, charge: Charge | None, policy: Policy, now: datetime, cause: Cause) -> Step:
    """One rung up the ladder: *charge* is the retry that failed, None when none was made."""
    recovery = subscription.recovery
    assert recovery is not None  # noqa: S101 - only a subscription in recovery has a rung that is due
    rung = policy.recovery[recovery.step]
    if charge is not None:
        start = failed_again(subscription, charge, now, cause)
    else:
        summary = f"Day {rung.day} of the recovery: no retry, {_why_not(subscription)}" if rung.retry else ""
        entries = (Entry("retry_skipped", now, summary, cause),) if summary else ()
        start = Step(subscription, entries)
    return _with_rung(start, policy, now, cause)


def _why_not(subscription: Subscription) -> str:
    if subscription.card_is_barred:
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
    )
    reason = decline.code if subscription.status is Status.PAST_DUE else subscription.status_reason
    after = subscription.after(Event.RECOVERY_ADVANCED, recovery=tried, status_reason=reason)
    entry = Entry("retry_failed", now, f"Retry failed: {decline.code}", cause, _decline_details(decline, tried.tries))
    return Step(after, (entry,))


def _decline_details(decline: Decline, tries: int) -> dict[str, str]:
    return {"decline_code": decline.code, "advice": decline.advice, "try": str(tries)}


def _recovery_mails(subscription: Subscription, rung: LadderStep, policy: Policy, now: datetime) -> list[Mail]:
    recovery = subscription.recovery
    if recovery is None or not rung.mail:
        return []
    facts = {
        "attempt": str(recovery.tries),
        "attempts": str(1 + sum(step.retry for step in policy.recovery)),
        "decline_code": recovery.decline.code,
        **_next_try(subscription, recovery, policy),
    }
    ends = recovery.since + timedelta(days=policy.recovery[-1].day)
    facts["cancel_at"] = moment(ends)
    key = f"{moment(recovery.since)}/{rung.day}"
    if rung.suspend:
        return [
            mail(
                subscription,
                Occasion.SUSPENDED,
                now,
                occasion_key=key,
                keep_data_until=moment(ends),
                reason="nonpayment",
                **facts,
            )
        ]
    if recovery.decline.action_url or recovery.decline.code == "authentication_required":
        action = {"action_url": recovery.decline.action_url} if recovery.decline.action_url else {}
        return [mail(subscription, Occasion.ACTION_REQUIRED, now, occasion_key=key, **facts, **action)]
    return [mail(subscription, Occasion.PAYMENT_FAILED, now, occasion_key=key, **facts)]


def _next_try(subscription: Subscription, recovery: Recovery, policy: Policy) -> dict[str, str]:
    if subscription.card_is_barred:
        return {}
    ahead = (step for step in policy.recovery[recovery.step :] if step.retry)
    return next(({"next_attempt_at": moment(recovery.since + timedelta(days=step.day))} for step in ahead), {})
