"""Stripe's errors in our words: refused for good, or no answer we can rely on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.payments import Charge, ChargeOutcome, Decline

NEEDS_CUSTOMER = frozenset(
    {
        "authentication_required",
        "invoice_payment_intent_requires_action",
        "subscription_payment_intent_requires_action",
    }
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the SDK raises into GatewayRefused or GatewayUnavailable."""
    try:
        yield
    except stripe.CardError as error:
        reason = _error_body(error).get("decline_code") or error.code or "card_declined"
        raise GatewayRefused(
            f"the card was declined: {reason}", code="card_declined", field="payment_method"
        ) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # A wrong key is mended by an operator, and then the step must go on: not a refusal of the step.
        raise GatewayUnavailable(f"Stripe does not accept our key: {error.user_message}", code="stripe_key") from error
    except stripe.IdempotencyError as error:
        raise GatewayRefused(f"Stripe knows this key for another request: {error}", code="idempotency") from error
    except stripe.InvalidRequestError as error:
        if error.http_status == 409:
            raise GatewayUnavailable(f"Stripe is busy with the same object: {error}") from error
        raise _refusal(error) from error
    except stripe.StripeError as error:
        raise GatewayUnavailable(f"Stripe gave no usable answer: {error}") from error


def _refusal(error: stripe.InvalidRequestError) -> GatewayRefused:
    param = error.param or ""
    about_card = "payment_method" in param or "PaymentMethod" in str(error.user_message)
    return GatewayRefused(
        str(error.user_message or error),
        code="unknown_payment_method" if about_card and error.code == "resource_missing" else error.code,
        field="payment_method" if about_card else None,
    )


def declined(error: stripe.CardError) -> Charge:
    """A refused card as the outcome of a charge."""
    body = _error_body(error)
    code = str(body.get("decline_code") or error.code or "generic_decline")
    outcome = ChargeOutcome.DECLINED
    if code in NEEDS_CUSTOMER or error.code in NEEDS_CUSTOMER:
        code, outcome = "authentication_required", ChargeOutcome.ACTION_REQUIRED
    return Charge(outcome, decline=Decline(code, advice=str(body.get("advice_code") or "")))


def _error_body(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    carried = body.get("error") if isinstance(body, dict) else None
    return carried if isinstance(carried, dict) else {}
