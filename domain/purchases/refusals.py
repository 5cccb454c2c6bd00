"""Purchases on a hosted page that can no longer begin when they are completed: undone, recorded and mailed."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from domain.money import Money, formatted
from domain.notifications.mail_types import Mail, Occasion
from domain.privacy.redaction import ERASED
from domain.provider.payments import Reversal
from domain.subscription import commands, reversals
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.mails import mail
from domain.subscription.sign_up import SignUp
from domain.subscription.state import Subscription

PLAN_GONE: Final = "plan_gone"
"""The code of a purchase of a plan that is not sold any more."""
UNDONE: Final = "the purchase was undone"
"""The start of the reason of a subscription whose purchase was undone."""
WHY: Final = {
    PLAN_GONE: "the plan is not sold any more",
    "already_subscribed": "the customer has a subscription already",
    "card_declined": "the card was declined",
    ERASED: "the customer's data was erased",
    "payment_declined": "the payment was declined",
    "payment_not_confirmed": "the payment was not confirmed",
    "payment_not_taken": "the payment was not taken",
    "trial_used": "there was a trial before",
    "unknown_payment_method": "the card is not on file any more",
}
"""Why a completed purchase can never begin, by the code of the refusal. After any other one it is tried again."""


@dataclass(frozen=True)
class Undone:
    """A purchase that was undone at the provider."""

    sign_up: SignUp
    customer: str
    code: str
    """One of `WHY`."""
    agreement_ref: str = ""
    """What it had bought; empty: nothing was charged."""
    refund: Reversal | None = None

    @property
    def reason(self) -> str:
        return f"{UNDONE}: {WHY[self.code]}"


def recorded(undone: Undone, ended: Subscription | None, now: datetime, cause: Cause) -> Step:
    """The subscription that could not begin, ended, with a mail. Recorded again, it changes nothing.

    *ended* is what the refused sign-up has left; None: nothing.
    """
    if ended is not None and ended.cancel_reason.startswith(UNDONE):
        return Step(ended, (), (_mail(ended, undone, now),))
    entries: tuple[Entry, ...] = ()
    if ended is None:
        # Never on trial, so that no figure counts it as one.
        begun = replace(undone.sign_up.begun(undone.customer, now), trial_ends_at=None)
        canceled = commands.canceled(begun, End(EndKind.NEVER_BEGAN, undone.reason), now, cause)
        after, entries = canceled.subscription, canceled.entries
    else:
        # A canceled subscription allows no events.
        after = replace(ended, sequence=ended.sequence + 1, cancel_reason=undone.reason, status_reason=undone.reason)
    after = replace(after, agreement_ref=undone.agreement_ref)
    if undone.refund is not None:
        # The provider reports the refund too; known, it is not mailed again.
        after = replace(after, known_reversals=reversals.known_with(after, undone.refund))
    entry = Entry("purchase_undone", now, _summary(undone), cause, _details(undone))
    return Step(after, (*entries, entry), (_mail(after, undone, now),), reversal=undone.refund)


def _summary(undone: Undone) -> str:
    refund = undone.refund
    money = f"; {formatted(Money(refund.amount, refund.currency))} refunded" if refund is not None else ""
    return f"Purchase undone: {WHY[undone.code]}{money}"


def _details(undone: Undone) -> dict[str, str]:
    refund = undone.refund
    if refund is None:
        return {"code": undone.code}
    return {"code": undone.code, "reversal": refund.ref, "amount": str(refund.amount), "currency": refund.currency}


def _mail(after: Subscription, undone: Undone, now: datetime) -> Mail:
    facts, refund = {"refusal": undone.code}, undone.refund
    if refund is not None:
        facts |= {
            "refund_amount": str(refund.amount),
            "currency": refund.currency,
            "card_brand": refund.card_brand,
            "card_last4": refund.card_last4,
        }
    return mail(after, Occasion.PURCHASE_REFUSED, now, occasion_key=after.id, **facts)
