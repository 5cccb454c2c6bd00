"""Purchases on a hosted page that could no longer begin when they were completed: undone, recorded and mailed."""

from dataclasses import replace
from datetime import datetime

from domain.money import Money, formatted
from domain.notifications.mail_types import Occasion
from domain.provider.payments import Reversal
from domain.subscription import commands, reversals
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.mails import mail
from domain.subscription.sign_up import SignUp
from domain.subscription.state import Subscription

PLAN_GONE = "plan_gone"
"""The code of a purchase of a plan that is not sold any more."""
FINAL = frozenset(
    {
        PLAN_GONE,
        "already_subscribed",
        "card_declined",
        "payment_declined",
        "payment_not_confirmed",
        "payment_not_taken",
        "trial_used",
        "unknown_payment_method",
    }
)
"""Codes of refusals after which a completed purchase can never begin. After any other one it is tried again."""


def refused(
    wish: SignUp, customer: str, code: str, why: str, reversal: Reversal | None, now: datetime, cause: Cause
) -> Step:
    """The subscription that a purchase could not begin: it ends before it began."""
    end = End(EndKind.NEVER_BEGAN, f"the purchase was undone: {why}")
    canceled = commands.canceled(wish.begun(customer, now), end, now, cause)
    return _with_refusal(replace(canceled, mails=()), code, why, reversal, now, cause)


def refused_after_the_end(
    ended: Subscription, code: str, why: str, reversal: Reversal | None, now: datetime, cause: Cause
) -> Step:
    """The same, where the refused sign-up has left a subscription that is over."""
    # A canceled subscription allows no events.
    after = replace(ended, sequence=ended.sequence + 1)
    return _with_refusal(Step(after, ()), code, why, reversal, now, cause)


def _with_refusal(step: Step, code: str, why: str, reversal: Reversal | None, now: datetime, cause: Cause) -> Step:
    after = step.subscription
    summary, details = f"Purchase undone: {why}", {"code": code}
    facts = {"refusal": code}
    if reversal is not None:
        # The provider reports the refund too; known, it is not mailed again.
        after = replace(after, known_reversals=reversals.known_with(after, reversal))
        money = formatted(Money(reversal.amount, reversal.currency))
        summary += f"; {money} refunded"
        details |= {"reversal": reversal.ref, "amount": str(reversal.amount), "currency": reversal.currency}
        facts |= {
            "refund_amount": str(reversal.amount),
            "currency": reversal.currency,
            "card_brand": reversal.card_brand,
            "card_last4": reversal.card_last4,
        }
    entry = Entry("purchase_undone", now, summary, cause, details)
    notification = mail(after, Occasion.PURCHASE_REFUSED, now, occasion_key=after.id, **facts)
    return replace(step, subscription=after, entries=(*step.entries, entry), mails=(notification,), reversal=reversal)
