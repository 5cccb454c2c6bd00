"""A paid sign-up whose first payment the provider does not take for now: written down, and nothing has begun."""

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
    """Whether its first payment is still to be taken; until then it has not begun."""
    suspension = subscription.suspension
    return suspension is not None and suspension.kind is SuspensionKind.AWAITING_PAYMENT


def is_unbegun(subscription: Subscription) -> bool:
    """Whether a sign-up is still to begin: its first payment is to be confirmed, or to be taken."""
    confirmation = subscription.confirmation
    is_to_be_confirmed = confirmation is not None and confirmation.action is ConfirmedAction.SIGN_UP
    return is_to_be_confirmed or waits_for_payment(subscription)


def put_off(subscription: Subscription, now: datetime) -> Step:
    """Without access until it is paid; why it waits is told with what is blocked."""
    kind = SuspensionKind.AWAITING_PAYMENT
    suspension = Suspension(kind, now, "the first payment is still to be taken", Status.ACTIVE)
    return Step(
        subscription.after(Event.AWAITS_PAYMENT, access=Access.NONE, status_reason=kind.value, suspension=suspension)
    )


def not_taken(subscription: Subscription) -> GatewayUnavailable:
    """What whoever signs up is told meanwhile."""
    why = subscription.blocked.why if subscription.blocked is not None else "it has not answered"
    return GatewayUnavailable(
        f"the payment provider does not take the first payment for now ({why}): nothing has begun, and it is tried"
        " until it does; repeat the request with the same Idempotency-Key to learn how it ended, or cancel the"
        f" subscription, {subscription.id}",
        code="first_payment_blocked",
        details={"subscription": subscription.id},
    )


def declined(subscription: Subscription, charge: Charge, now: datetime, cause: Cause) -> Step:
    """Over before it began; whoever signed up is answered so."""
    code = charge.decline.code if charge.decline else charge.outcome.value
    return _never_began(subscription, f"{FIRST_PAYMENT_DECLINED}: {code}", now, cause)


def withdrawn(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """Canceled before the first payment was taken."""
    return _never_began(subscription, FIRST_PAYMENT_NOT_TAKEN, now, cause)


def _never_began(subscription: Subscription, why: str, now: datetime, cause: Cause) -> Step:
    return replace(commands.canceled(subscription, End(EndKind.NEVER_BEGAN, why), now, cause), mails=())
