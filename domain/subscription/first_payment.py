"""Paid sign-ups whose first payment the provider does not accept for now: stored, but not begun."""

from dataclasses import replace
from datetime import datetime

from domain.access import Access
from domain.errors import GatewayUnavailable
from domain.provider.payments import Charge
from domain.subscription import commands
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.ends import FIRST_PAYMENT_DECLINED, FIRST_PAYMENT_NOT_TAKEN, End, EndKind
from domain.subscription.journal import Cause, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Subscription, Suspension, SuspensionKind


def waits_for_payment(subscription: Subscription) -> bool:
    """True if its first payment is still outstanding; until then it has not begun."""
    suspension = subscription.suspension
    return suspension is not None and suspension.kind is SuspensionKind.AWAITING_PAYMENT


def is_unbegun(subscription: Subscription) -> bool:
    """True if a sign-up has not begun: its first payment is to be confirmed or taken."""
    confirmation = subscription.confirmation
    is_to_be_confirmed = confirmation is not None and confirmation.action is ConfirmedAction.SIGN_UP
    return is_to_be_confirmed or waits_for_payment(subscription)


def deferred(subscription: Subscription, now: datetime) -> Step:
    """Without access until it is paid; the blocked step says why."""
    kind = SuspensionKind.AWAITING_PAYMENT
    suspension = Suspension(kind, now, "the first payment is still to be taken", Status.ACTIVE)
    return Step(
        subscription.after(Event.AWAITS_PAYMENT, access=Access.NONE, status_reason=kind.value, suspension=suspension)
    )


def not_taken(subscription: Subscription) -> GatewayUnavailable:
    """Returns the error for the caller who signs up in the meantime."""
    why = subscription.blocked.why if subscription.blocked is not None else "it has not answered"
    return GatewayUnavailable(
        f"the payment provider does not accept the first payment for now ({why}): nothing has begun, and it is retried"
        " until it succeeds; repeat the request with the same Idempotency-Key to get the outcome, or cancel"
        f" subscription {subscription.id}",
        code="first_payment_blocked",
        details={"subscription": subscription.id},
    )


def declined(subscription: Subscription, charge: Charge, now: datetime, cause: Cause) -> Step:
    """The first payment was declined: it ends before it began."""
    code = charge.decline.code if charge.decline else charge.outcome.value
    return _never_began(subscription, f"{FIRST_PAYMENT_DECLINED}: {code}", now, cause)


def withdrawn(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """Canceled before the first payment was taken."""
    return _never_began(subscription, FIRST_PAYMENT_NOT_TAKEN, now, cause)


def _never_began(subscription: Subscription, why: str, now: datetime, cause: Cause) -> Step:
    return replace(commands.canceled(subscription, End(EndKind.NEVER_BEGAN, why), now, cause), mails=())
