"""Stripe's errors in our words: refused for good, or no answer we can rely on."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import stripe

from domain.errors import GatewayBusy, GatewayForbidden, GatewayRefused, GatewayUnavailable, Haste
from domain.provider.payments import KEY_IS_TAKEN, NO_CARD, UNKNOWN_PAYMENT_METHOD, Charge, ChargeOutcome, Decline

CONFIRM_CARD_DATA = "confirm_card_data"
NEEDS_CUSTOMER = frozenset(
    {
        "authentication_required",
        "invoice_payment_intent_requires_action",
        "subscription_payment_intent_requires_action",
    }
)

MISSING = "resource_missing"
OUR_PARAMETER = "provider_parameter"
"""What is told in place of Stripe's codes for parameters: callers of ours do not know these."""
OF_CARDS = frozenset({"payment_method", "default_payment_method", "invoice_settings[default_payment_method]"})
"""The parameters in which callers' payment methods are handed on."""

LOCKED = frozenset({"lock_timeout", "idempotency_key_in_use"})
"""Codes that tell of another call which is at work on the same object, or under the same key."""

_NO_CARD = re.compile(r"no attached payment source|no `?default[_ ]payment[_ ]method")
_INACTIVE_PRICE = re.compile(r"price specified is inactive")
_ADDRESS = re.compile(r"\S+@\S+")


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the SDK raises into GatewayRefused, GatewayForbidden, GatewayBusy or GatewayUnavailable.

    These travel into histories and logs, so they name no customer; nor do they bring along the SDK's own error,
    which holds the whole answer.
    """
    try:
        yield
    except stripe.CardError as error:
        reason = _error_body(error).get("decline_code") or error.code or "card_declined"
        raise GatewayRefused(f"the card was declined: {reason}", code="card_declined", field="payment_method") from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # A wrong key is mended by an operator, and then the step must go on: not a refusal of the step.
        raise GatewayForbidden(f"Stripe does not accept our key: {_told(error)}", code="stripe_key") from None
    except stripe.RateLimitError as error:
        raise _busy(error) from None
    except stripe.IdempotencyError as error:
        raise GatewayRefused(f"Stripe knows this key for another request: {_told(error)}", code=KEY_IS_TAKEN) from None
    except stripe.InvalidRequestError as error:
        raise (_busy(error) if _code(error) in LOCKED else _refusal(error)) from None
    except stripe.APIConnectionError as error:
        raise GatewayUnavailable(f"Stripe cannot be reached: {_last_line(error.__cause__ or error)}") from None
    except stripe.StripeError as error:
        if _code(error) in LOCKED:
            raise _busy(error) from None
        raise GatewayUnavailable(f"Stripe gave no usable answer: {_told(error)}") from None


def _last_line(error: BaseException) -> str:
    """The SDK's words for people end with what happened."""
    words = str(error).strip() or type(error).__name__
    return _ADDRESS.sub("<address>", words.splitlines()[-1])


def _told(error: stripe.StripeError) -> str:
    return _ADDRESS.sub("<address>", str(error))


def _busy(error: stripe.StripeError) -> GatewayBusy:
    haste = Haste.LOCK if _code(error) in LOCKED else Haste.RATE
    headers: Mapping[str, str] = error.headers or {}
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    retry_after = float(asked) if asked.isdecimal() else 0.0
    return GatewayBusy(f"Stripe turned the call away: {_told(error)}", haste=haste, retry_after=retry_after)


def is_about_price(error: stripe.InvalidRequestError) -> bool:
    """Whether Stripe has no such price, or has it no longer for sale."""
    told = str(error.user_message or error)
    return (error.code == MISSING and "price" in (error.param or told)) or bool(_INACTIVE_PRICE.search(told))


def _refusal(error: stripe.InvalidRequestError) -> GatewayRefused:
    param = error.param or ""
    message = _ADDRESS.sub("<address>", str(error.user_message or error))
    if _is_ours(error, param):
        told = f"Stripe does not take {param} as we send it, which is a fault of ours and nothing of the request's"
        return GatewayRefused(f"{told}: {message}", code=OUR_PARAMETER)
    about_card = param in OF_CARDS or "PaymentMethod" in message or "payment method you provided" in message
    return GatewayRefused(
        message,
        code=UNKNOWN_PAYMENT_METHOD if about_card and error.code == MISSING else error.code,
        field="payment_method" if about_card else None,
    )


def _is_ours(error: stripe.InvalidRequestError, param: str) -> bool:
    """Whether the way in which we ask is refused: a parameter that Stripe does not know, misses, or takes otherwise."""
    return bool(param) and ((error.code or "").startswith("parameter_") or (not error.code and param not in OF_CARDS))


def declined(error: stripe.CardError) -> Charge:
    """A refused card as the outcome of a charge."""
    body = _error_body(error)
    code = str(body.get("decline_code") or error.code or "generic_decline")
    outcome = ChargeOutcome.DECLINED
    if code in NEEDS_CUSTOMER or error.code in NEEDS_CUSTOMER:
        code, outcome = "authentication_required", ChargeOutcome.ACTION_REQUIRED
    return Charge(outcome, decline=decline(code, str(body.get("advice_code") or "")))


def without_card(error: stripe.InvalidRequestError) -> Charge:
    """A charge for which no card was on file as its outcome; any other error is raised again."""
    # Stripe has no code of its own for it.
    if not _NO_CARD.search(str(error)):
        raise error
    return Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))


def decline(code: str, advice: str) -> Decline:
    """A refusal with the card networks' advice, which is obeyed (docs.stripe.com/declines/codes)."""
    return Decline(code, advice, needs_new_details=advice == CONFIRM_CARD_DATA)


def _code(error: stripe.StripeError) -> str:
    """What Stripe says it is; the SDK keeps it for some kinds of errors only."""
    return str(_error_body(error).get("code") or "")


def _error_body(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    carried = body.get("error") if isinstance(body, dict) else None
    return carried if isinstance(carried, dict) else {}
