"""Ends that the provider does not accept for now: decided nevertheless, and sent as soon as possible."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.money import Money, formatted
from domain.provider.payments import Invoice
from domain.subscription import commands
from domain.subscription.ends import End
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.reconcile_steps import wants_end
from domain.subscription.state import Subscription, UnreportedEnd


def must_be_reported(subscription: Subscription) -> bool:
    """True if the provider still has to end the agreement, immediately or with the paid period."""
    return subscription.untold_end is not None and (subscription.is_over or wants_end(subscription))


def ended_unreported(subscription: Subscription, end: End, now: datetime, cause: Cause) -> Step:
    """Ends the subscription, and keeps what is open at the provider so that it can be ended there later."""
    recovery = subscription.recovery
    untold = UnreportedEnd(now, recovery.invoice_ref if recovery is not None else "", subscription.confirmation)
    step = commands.canceled(subscription, end, now, cause)
    return replace(step, subscription=replace(step.subscription, untold_end=untold, confirmation=None))


def scheduled_unreported(
    subscription: Subscription, at: datetime, end: End, now: datetime, cause: Cause, *, ends_pause: bool = False
) -> Step:
    """Schedules the end, and withdraws a payment that awaits confirmation as soon as possible."""
    step = commands.cancel_scheduled(subscription, at, end, now, cause, ends_pause=ends_pause)
    after = confirmation_expired(step.subscription, now)
    untold = UnreportedEnd(now) if after.agreement_ref else None
    return replace(step, subscription=replace(after, untold_end=untold))


def confirmation_expired(subscription: Subscription, now: datetime) -> Subscription:
    """Lets the time to confirm a payment expire now, without taking a step."""
    waiting = subscription.confirmation
    return subscription if waiting is None else replace(subscription, confirmation=replace(waiting, expires_at=now))


def reported(subscription: Subscription, paid: Sequence[Invoice], now: datetime, cause: Cause) -> Step:
    """The provider accepted the end; an invoice that was *paid* there before is left for an operator."""
    if not subscription.is_over:
        return Step(subscription.after(Event.NOTED, untold_end=None))
    # A canceled subscription allows no events.
    after = replace(subscription, sequence=subscription.sequence + 1, untold_end=None)
    entries = [
        Entry(
            "charged_after_end",
            now,
            f"Invoice {invoice.ref} of {formatted(Money(invoice.amount, invoice.currency))} was paid before the payment"
            " provider knew of the end: an operator may have to refund it",
            cause,
            {"invoice": invoice.ref, "amount": str(invoice.amount), "currency": invoice.currency},
        )
        for invoice in paid
    ]
    summary = "The payment provider was notified of the end: it bills nothing further"
    return Step(after, (*entries, Entry("end_told", now, summary, cause)), invoice=paid[0] if paid else None)
