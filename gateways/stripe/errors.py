"""Maps Stripe's errors to ours: refused for good, or no reliable answer."""

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
"""Replaces Stripe's codes for invalid parameters, which our callers do not know."""
CARD_PARAMETERS = frozenset({"payment_method", "default_payment_method", "invoice_settings[default_payment_method]"})
"""The parameters that carry a caller's payment method."""

LOCK_CODES = frozenset({"lock_timeout", "idempotency_key_in_use"})
"""Codes for another call in progress on the same object or under the same key."""

_NO_CARD = re.compile(r"no attached payment source|no `?default[_ ]payment[_ ]method")
_INACTIVE_PRICE = re.compile(r"price specified is inactive")
_ADDRESS = re.compile(r"\S+@\S+")


@contextmanager
def translated() -> Iterator[None]:
    """Turns the SDK's exceptions into GatewayRefused, GatewayForbidden, GatewayBusy or GatewayUnavailable.

    These end up in workflow histories and logs, so they contain no customer data and do not chain the SDK's error,
    which holds the whole response.
    """
    try:
        yield
    except stripe.CardError as error:
        reason = _error_body(error).get("decline_code") or error.code or "card_declined"
        raise GatewayRefused(f"the card was declined: {reason}", code="card_declined", field="payment_method") from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # An operator fixes a wrong key, and then the step must continue: the step itself is not refused.
        raise GatewayForbidden(f"Stripe does not accept our key: {_message(error)}", code="stripe_key") from None
    except stripe.RateLimitError as error:
        raise _busy(error) from None
    except stripe.IdempotencyError as error:
        raise GatewayRefused(f"Stripe has this key for another request: {_message(error)}", code=KEY_IS_TAKEN) from None
    except stripe.InvalidRequestError as error:
        raise (_busy(error) if _code(error) in LOCK_CODES else _refusal(error)) from None
    except stripe.APIConnectionError as error:
        raise GatewayUnavailable(f"Stripe cannot be reached: {_last_line(error.__cause__ or error)}") from None
    except stripe.StripeError as error:
        if _code(error) in LOCK_CODES:
            raise _busy(error) from None
        raise GatewayUnavailable(f"Stripe gave no usable answer: {_message(error)}") from None


def _last_line(error: BaseException) -> str:
    """The last line of the SDK's user-facing text says what happened."""
    words = str(error).strip() or type(error).__name__
    return _ADDRESS.sub("<address>", words.splitlines()[-1])


def _message(error: stripe.StripeError) -> str:
    return _ADDRESS.sub("<address>", str(error))


def _busy(error: stripe.StripeError) -> GatewayBusy:
    haste = Haste.LOCK if _code(error) in LOCK_CODES else Haste.RATE
    headers: Mapping[str, str] = error.headers or {}
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    retry_after = float(asked) if asked.isdecimal() else 0.0
    return GatewayBusy(f"Stripe turned the call away: {_message(error)}", haste=haste, retry_after=retry_after)


def is_about_price(error: stripe.InvalidRequestError) -> bool:
    """True if Stripe has no such price, or the price is inactive."""
    message = str(error.user_message or error)
    return (error.code == MISSING and "price" in (error.param or message)) or bool(_INACTIVE_PRICE.search(message))


def _refusal(error: stripe.InvalidRequestError) -> GatewayRefused:
    param = error.param or ""
    message = _ADDRESS.sub("<address>", str(error.user_message or error))
    if _is_our_fault(error, param):
        fault = f"Stripe does not accept {param} as Tenure sends it, which is a fault in Tenure, not in the request"
        return GatewayRefused(f"{fault}: {message}", code=OUR_PARAMETER)
    about_card = param in CARD_PARAMETERS or "PaymentMethod" in message or "payment method you provided" in message
    return GatewayRefused(
        message,
        code=UNKNOWN_PAYMENT_METHOD if about_card and error.code == MISSING else error.code,
        field="payment_method" if about_card else None,
    )


def _is_our_fault(error: stripe.InvalidRequestError, param: str) -> bool:
    """True if our request is wrong: a parameter that Stripe does not know, requires, or expects in another form."""
    return bool(param) and (
        (error.code or "").startswith("parameter_") or (not error.code and param not in CARD_PARAMETERS)
    )


def declined(error: stripe.CardError) -> Charge:
    """The charge for a declined card."""
    body = _error_body(error)
    code = str(body.get("decline_code") or error.code or "generic_decline")
    outcome = ChargeOutcome.DECLINED
    if code in NEEDS_CUSTOMER or error.code in NEEDS_CUSTOMER:
        code, outcome = "authentication_required", ChargeOutcome.ACTION_REQUIRED
    return Charge(outcome, decline=decline(code, str(body.get("advice_code") or "")))


def without_card(error: stripe.InvalidRequestError) -> Charge:
    """The charge for a missing card. Raises any other error again."""
    # Stripe has no error code for this.
    if not _NO_CARD.search(str(error)):
        raise error
    return Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))


def decline(code: str, advice: str) -> Decline:
    """A decline with the card networks' advice, which we follow (docs.stripe.com/declines/codes)."""
    return Decline(code, advice, needs_new_details=advice == CONFIRM_CARD_DATA)


def _code(error: stripe.StripeError) -> str:
    """Stripe's error code. The SDK exposes it for some kinds of errors only."""
    return str(_error_body(error).get("code") or "")


def _error_body(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    carried = body.get("error") if isinstance(body, dict) else None
    return carried if isinstance(carried, dict) else {}
