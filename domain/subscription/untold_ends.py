"""An end that the provider does not take for now: decided all the same, and told as soon as it can be."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.provider.payments import Invoice
from domain.subscription import commands
from domain.subscription.ends import End
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.reconcile_steps import wants_end
from domain.subscription.state import Subscription, UntoldEnd


def is_to_be_told(subscription: Subscription) -> bool:
    """Whether the provider is still to be told that it ends, at once or with the paid period."""
    return subscription.untold_end is not None and (subscription.is_over or wants_end(subscription))


def ended_untold(subscription: Subscription, end: End, now: datetime, cause: Cause) -> Step:
    """It is over. What is open at the provider is named, so that it can be ended there later."""
    recovery = subscription.recovery
    untold = UntoldEnd(now, recovery.invoice_ref if recovery is not None else "", subscription.confirmation)
    step = commands.canceled(subscription, end, now, cause)
    return replace(step, subscription=replace(step.subscription, untold_end=untold, confirmation=None))


def scheduled_untold(subscription: Subscription, at: datetime, end: End, now: datetime, cause: Cause) -> Step:
    """It ends at *at*, and a payment that waits for the customer's bank is withdrawn as soon as that can be."""
    step = commands.cancel_scheduled(subscription, at, end, now, cause)
    after = withdrawn_soon(step.subscription, now)
    untold = UntoldEnd(now) if after.agreement_ref else None
    return replace(step, subscription=replace(after, untold_end=untold))


def withdrawn_soon(subscription: Subscription, now: datetime) -> Subscription:
    """The same with the time for a payment to be confirmed over; no step is taken."""
    waits = subscription.confirmation
    return subscription if waits is None else replace(subscription, confirmation=replace(waits, expires_at=now))


def told(subscription: Subscription, paid: Sequence[Invoice], now: datetime, cause: Cause) -> Step:
    """The provider knows; a bill that was *paid* there all the same is left to an operator."""
    if not subscription.is_over:
        return Step(subscription.after(Event.NOTED, untold_end=None))
    # No event can happen to it any more.
    after = replace(subscription, sequence=subscription.sequence + 1, untold_end=None)
    entries = [
        Entry(
            "charged_after_end",
            now,
            f"Bill {bill.ref} of {bill.amount} {bill.currency} (minor units) was paid, and the end was not known at the"
            " payment provider: an operator may have to refund it",
            cause,
            {"invoice": bill.ref, "amount": str(bill.amount), "currency": bill.currency},
        )
        for bill in paid
    ]
    summary = "The payment provider was told of the end: nothing is billed any more"
    return Step(after, (*entries, Entry("end_told", now, summary, cause)), invoice=paid[0] if paid else None)
