"""Commands of customers and operators: what they may ask for, and what comes of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import Malformed, Rejected
from domain.journal import Cause, Entry, Step
from domain.letters import mail, moment
from domain.lifecycle import Event, Recovery, Status, Subscription, Suspension, SuspensionKind
from domain.mails import Occasion
from domain.payments import Card, Decline
from domain.policy import Access
from domain.reminders import Reminder

FIRST_PAYMENT_DECLINED = "the first payment was declined"
"""Begins the reason for which a sign-up without a trial has ended at once."""


class When(StrEnum):
    """When a trial converts."""

    NOW = "now"
    TRIAL_END = "trial_end"


class CancelAt(StrEnum):
    """When a cancellation takes effect."""

    PERIOD_END = "period_end"
    NOW = "now"


def check_alive(subscription: Subscription) -> None:
    if subscription.is_over:
        raise Rejected("the subscription is canceled; sign the customer up again", code="subscription_canceled")


def check_convert(subscription: Subscription, when: When, now: datetime, *, brings_card: bool) -> None:
    """Refuse a conversion that cannot be."""
    check_alive(subscription)
    if subscription.agreement_ref:
        raise Rejected("the subscription is converted already", code="already_converted")
    _check_not_held(subscription)
    if subscription.cancel_at is not None:
        raise Rejected("a cancellation is scheduled: undo it first", code="cancellation_scheduled")
    if not brings_card and subscription.card is None:
        raise Rejected(
            "there is no card on file: give a payment_method or open a checkout session",
            code="payment_method_required",
        )
    if not brings_card:
        _check_card(subscription)
    if when is When.NOW or subscription.status is not Status.TRIALING:
        _check_cap(subscription, now)


def _check_card(subscription: Subscription) -> None:
    if subscription.card_is_barred:
        raise Rejected("the card on file was declined for good: a new card is needed", code="card_cannot_be_retried")


def _check_cap(subscription: Subscription, now: datetime) -> None:
    if not subscription.may_try(now):
        raise Rejected("the card networks' cap on tries within 30 days is reached", code="too_many_tries")


def check_payment_method(subscription: Subscription) -> None:
    check_alive(subscription)


def check_checkout(subscription: Subscription) -> None:
    check_alive(subscription)
    _check_not_held(subscription)


def check_retry(subscription: Subscription, now: datetime) -> None:
    """Refuse a retry when nothing is owed or the card must not be tried."""
    check_alive(subscription)
    _check_not_held(subscription)
    if subscription.recovery is None:
        raise Rejected("no payment is waiting to be recovered", code="nothing_to_retry")
    _check_card(subscription)
    _check_cap(subscription, now)


def check_cancel(subscription: Subscription, at: CancelAt) -> None:
    check_alive(subscription)
    if at is CancelAt.PERIOD_END and subscription.cancel_at is not None:
        raise Rejected("a cancellation at the period's end is scheduled already", code="cancellation_scheduled")


def check_uncancel(subscription: Subscription) -> None:
    check_alive(subscription)
    if subscription.cancel_at is None:
        raise Rejected("no cancellation is scheduled", code="no_cancellation_scheduled")
    _check_not_held(subscription)
    if not subscription.allows(Event.CANCEL_WITHDRAWN):
        raise Rejected(f"a cancellation cannot be undone while {subscription.status}", code="transition_rejected")


def check_suspend(subscription: Subscription, reason: str) -> None:
    check_alive(subscription)
    _check_reason(reason)
    if subscription.status is Status.SUSPENDED:
        raise Rejected("the subscription is suspended already", code="already_suspended")


def check_reactivate(subscription: Subscription, reason: str) -> None:
    check_alive(subscription)
    _check_reason(reason)
    if subscription.status is not Status.SUSPENDED:
        raise Rejected(
            f"only a suspended subscription can be reactivated; this one is {subscription.status}",
            code="not_suspended",
        )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Malformed("a reason is needed for the audit log", field="reason")


def _check_not_held(subscription: Subscription) -> None:
    suspension = subscription.suspension
    if suspension is not None and suspension.kind is SuspensionKind.OPERATOR:
        raise Rejected(f"an operator suspended the subscription: {suspension.reason}", code="suspended_by_operator")


def signed_up(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The first step of a life without a trial; the first payment follows."""
    after = subscription.after(Event.NOTED)
    return Step(after, (Entry("signed_up", now, f"Signed up for {after.plan_name} without a trial", cause),))


def card_replaced(subscription: Subscription, customer_ref: str, card: Card, now: datetime, cause: Cause) -> Step:
    """A card was put on file, or the one there was renewed by its bank: then it may be tried again."""
    changes: dict[str, Any] = {"customer_ref": customer_ref, "card": card, "card_since": now}
    known, recovery = subscription.card, subscription.recovery
    if known is not None and known.ref == card.ref and known != card:
        changes["barred_card"] = ""
        if recovery is not None and recovery.card_ref == card.ref:
            changes["recovery"] = replace(recovery, card_ref="")
    after = subscription.after(Event.CARD_REPLACED, **changes)
    summary = f"Card on file: {card.brand} ending in {card.last4}"
    return Step(after, (Entry("card_replaced", now, summary, cause, {"card": card.ref}),))


def conversion_planned(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The customer agreed to convert when the trial ends; the card on file is what makes it happen."""
    after = subscription.after(Event.NOTED)
    ends_at = moment(subscription.trial_ends_at or now)
    return Step(after, (Entry("conversion_planned", now, f"Will convert when the trial ends at {ends_at}", cause),))


def declined_at_hand(subscription: Subscription, decline: Decline, now: datetime, cause: Cause) -> Step:
    """A charge that the customer asked for just now was declined; nothing else changes."""
    is_for_good = decline.is_hard and subscription.card is not None
    after = subscription.after(
        Event.NOTED,
        barred_card=subscription.card.ref if is_for_good and subscription.card else subscription.barred_card,
    )
    details = {"decline_code": decline.code}
    return Step(after, (Entry("charge_declined", now, f"The card was declined: {decline.code}", cause, details),))


def paid_until(subscription: Subscription) -> datetime | None:
    """Until when a canceling customer may go on: the trial's or the paid period's end; None: no longer."""
    if subscription.status is Status.TRIALING:
        return subscription.trial_ends_at
    return subscription.period_end if subscription.status is Status.ACTIVE else None


def cancel_scheduled(subscription: Subscription, at: datetime, reason: str, now: datetime, cause: Cause) -> Step:
    """The subscription ends by itself at *at*; until then it stays usable."""
    after = subscription.after(Event.CANCEL_SCHEDULED, cancel_at=at, cancel_reason=reason)
    details = {"cancel_at": moment(at), "reason": reason}
    entry = Entry("cancel_scheduled", now, f"Will be canceled at {moment(at)}{_because(reason)}", cause, details)
    letter = mail(after, Occasion.CANCELLATION_SCHEDULED, now, cancel_at=moment(at))
    return Step(after, (entry,), (letter,), withdraws=(Occasion.TRIAL_ENDING,))


def cancel_withdrawn(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    ahead = tuple(rung for rung in subscription.reminders if rung.at > now)
    after = subscription.after(Event.CANCEL_WITHDRAWN, cancel_at=None, cancel_reason="", reminders=ahead)
    entry = Entry("cancel_withdrawn", now, "The cancellation was undone", cause)
    return Step(after, (entry,), withdraws=(Occasion.CANCELLATION_SCHEDULED,))


def canceled(subscription: Subscription, reason: str, now: datetime, cause: Cause) -> Step:
    """The end. Every mail that still waits, but a receipt, is withdrawn."""
    after = subscription.after(
        Event.CANCELED,
        access=Access.NONE,
        status_reason=reason or "canceled",
        cancel_at=None,
        cancel_reason=reason,
        reminders=(),
        recovery=None,
        suspension=None,
        ask_at=None,
    )
    entry = Entry("canceled", now, f"Canceled{_because(reason)}", cause, {"reason": reason})
    letter = mail(after, Occasion.CANCELED, now, canceled_reason=reason)
    stale = tuple(occasion for occasion in Occasion if occasion not in (Occasion.RECEIPT, Occasion.CANCELED))
    voided = subscription.recovery.invoice_ref if subscription.recovery else ""
    return Step(after, (entry,), (letter,), withdraws=stale, voided=voided)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def suspended(subscription: Subscription, reason: str, now: datetime, cause: Cause) -> Step:
    """An operator turned access off; clocks stand still until it is given back."""
    suspension = Suspension(SuspensionKind.OPERATOR, now, reason, subscription.status, access=subscription.access)
    after = subscription.after(
        Event.SUSPENDED_BY_OPERATOR,
        access=Access.NONE,
        status_reason="operator",
        suspension=suspension,
        ask_at=None,
    )
    entry = Entry("suspended", now, f"Suspended by an operator: {reason}", cause, {"reason": reason})
    letter = mail(after, Occasion.SUSPENDED, now, reason=reason)
    return Step(
        after,
        (entry,),
        (letter,),
        withdraws=(Occasion.TRIAL_ENDING, Occasion.PAYMENT_FAILED, Occasion.ACTION_REQUIRED),
    )


@dataclass(frozen=True)
class Return:
    """How a suspended subscription comes back."""

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
    """An operator gave access back; what stood still goes on where it was."""
    recovery, held = _resumed(subscription, now), subscription.suspension
    period_is_over = subscription.period_end is not None and subscription.period_end <= now
    after = subscription.after(
        back.event,
        access=held.access if held is not None and back.event is Event.RETURNED_OWING else Access.FULL,
        status_reason="" if recovery is None else recovery.decline.code,
        suspension=None,
        recovery=recovery,
        trial_ends_at=back.trial_ends_at or subscription.trial_ends_at,
        # A trial that was to be canceled at its end is so at its new end.
        cancel_at=back.trial_ends_at if subscription.cancel_at and back.trial_ends_at else subscription.cancel_at,
        reminders=reminders,
        ask_at=now if back.event is Event.RETURNED_PAID_UP else None,
        owes_new_period=back.event is Event.RETURNED_PAID_UP and period_is_over,
    )
    entry = Entry("reactivated", now, f"Reactivated by an operator: {reason}", cause, {"reason": reason})
    facts = {"reason": reason}
    if after.status is Status.TRIALING and after.trial_ends_at is not None:
        facts["trial_ends_at"] = moment(after.trial_ends_at)
    elif after.status is Status.ACTIVE and after.period_end is not None:
        facts["period_end"] = moment(after.period_end)
    letter = mail(after, Occasion.REACTIVATED, now, **facts)
    return Step(after, (entry,), (letter,), withdraws=(Occasion.SUSPENDED, Occasion.TRIAL_EXPIRED))


def way_back(subscription: Subscription, reopen_for: timedelta, now: datetime) -> Return:
    """What an operator's reactivation brings a suspended subscription back to."""
    suspension = subscription.suspension
    assert suspension is not None  # noqa: S101 - checked by check_reactivate
    if suspension.kind is SuspensionKind.TRIAL_EXPIRED:
        return Return(Event.RETURNED_TO_TRIAL, now + reopen_for)
    if suspension.returns_to is Status.TRIALING:
        # The days of the trial that the suspension took are given back.
        left = (subscription.trial_ends_at or now) - suspension.since
        return Return(Event.RETURNED_TO_TRIAL, now + left)
    if suspension.returns_to is Status.ACTIVE:
        return Return(Event.RETURNED_PAID_UP)
    return Return(Event.RETURNED_OWING)


def _resumed(subscription: Subscription, now: datetime) -> Recovery | None:
    recovery, suspension = subscription.recovery, subscription.suspension
    if recovery is None or suspension is None:
        return recovery
    if suspension.kind is SuspensionKind.NONPAYMENT:
        # Given back although unpaid: the customer gets the whole ladder again before access is lost anew.
        return replace(recovery, since=now, step=1)
    return replace(recovery, since=recovery.since + (now - suspension.since))
