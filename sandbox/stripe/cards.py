"""Stripe's test cards, and how they answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.stripe.clock import Clocks
from sandbox.stripe.store import Object, Store

OK = "ok"
AUTHENTICATE = "authentication_required"
AUTHENTICATE_UNLESS_SET_UP = "authentication_required_unless_set_up"

GENERIC_MESSAGE = "Your card was declined."
OWN_CODES = {
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "incorrect_number": "Your card number is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
"""Decline codes that Stripe also gives as the error's code, with their message."""

MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "card_not_supported": "Your card is not supported.",
    "currency_not_supported": "Your card is not supported for this currency.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently "
    "or exceeding its amount limit.",
    AUTHENTICATE: "Your card was declined. This transaction requires authentication.",
    **OWN_CODES,
}

_NEVER = "do_not_try_again"
_CHECK = "confirm_card_data"
_LATER = "try_again_later"
DECLINE_CODES = {
    AUTHENTICATE: None,
    "approve_with_id": _LATER,
    "call_issuer": _LATER,
    "card_not_supported": _NEVER,
    "card_velocity_exceeded": _LATER,
    "currency_not_supported": _NEVER,
    "do_not_honor": _LATER,
    "do_not_try_again": _NEVER,
    "duplicate_transaction": None,
    "expired_card": _CHECK,
    "fraudulent": _NEVER,
    "generic_decline": _LATER,
    "highest_risk_level": _NEVER,
    "incorrect_address": _CHECK,
    "incorrect_cvc": _CHECK,
    "incorrect_number": _CHECK,
    "incorrect_zip": _CHECK,
    "insufficient_funds": _LATER,
    "invalid_account": _NEVER,
    "invalid_amount": None,
    "issuer_not_available": _LATER,
    "lost_card": _NEVER,
    "merchant_blacklist": _NEVER,
    "new_account_information_available": _CHECK,
    "no_action_taken": _LATER,
    "not_permitted": _LATER,
    "pickup_card": _NEVER,
    "processing_error": _LATER,
    "reenter_transaction": _LATER,
    "restricted_card": _NEVER,
    "revocation_of_all_authorizations": _NEVER,
    "revocation_of_authorization": _NEVER,
    "security_violation": _LATER,
    "service_not_allowed": _LATER,
    "stolen_card": _NEVER,
    "stop_payment_order": _NEVER,
    "transaction_not_allowed": _LATER,
    "try_again_later": _LATER,
    "withdrawal_count_limit_exceeded": _LATER,
}
"""Every decline code the simulator knows, with the advice that comes with it."""


@dataclass(frozen=True)
class TestCard:
    """A test card by its name at Stripe: its looks, and its answers when attached and when charged."""

    brand: str = "visa"
    last4: str = "4242"
    on_attach: str = OK
    on_charge: str = OK
    expires_in_years: int = 4
    everybodys: bool = False
    """True if it is the same card for all customers; otherwise each customer has their own."""


TEST_CARDS = {
    "pm_card_visa": TestCard(),
    # Ours, not Stripe's: a card that several customers use.
    "pm_card_visa_shared": TestCard(everybodys=True),
    "pm_card_visa_debit": TestCard(last4="5556"),
    "pm_card_mastercard": TestCard("mastercard", "4444"),
    "pm_card_mastercard_debit": TestCard("mastercard", "8210"),
    "pm_card_amex": TestCard("amex", "8431"),
    "pm_card_discover": TestCard("discover", "9424"),
    "pm_card_chargeCustomerFail": TestCard(last4="0341", on_charge="generic_decline"),
    "pm_card_chargeDeclined": TestCard(last4="0002", on_attach="generic_decline"),
    "pm_card_authenticationRequired": TestCard(last4="3184", on_charge=AUTHENTICATE),
    "pm_card_authenticationRequiredOnSetup": TestCard(last4="3155", on_charge=AUTHENTICATE_UNLESS_SET_UP),
    "pm_card_authenticationRequiredSetupForOffSession": TestCard(last4="0446"),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": TestCard(
        last4="3178", on_charge="insufficient_funds"
    ),
    "pm_card_threeDSecure2Required": TestCard(last4="3220", on_charge=AUTHENTICATE),
    **{
        f"pm_card_{brand}chargeDeclined{name}": TestCard(last4=last4, on_attach=code)
        for brand in ("", "visa_")
        for name, last4, code in (
            ("InsufficientFunds", "9995", "insufficient_funds"),
            ("LostCard", "9987", "lost_card"),
            ("StolenCard", "9979", "stolen_card"),
            ("ExpiredCard", "0069", "expired_card"),
            ("IncorrectCvc", "0127", "incorrect_cvc"),
            ("ProcessingError", "0119", "processing_error"),
            ("VelocityLimitExceeded", "6975", "card_velocity_exceeded"),
        )
    },
    "pm_card_visa_chargeDeclined": TestCard(last4="0002", on_attach="generic_decline"),
}


@dataclass(frozen=True)
class Decline:
    """Why a card was not charged."""

    decline_code: str

    @property
    def wants_customer(self) -> bool:
        return self.decline_code == AUTHENTICATE

    @property
    def code(self) -> str:
        return self.decline_code if self.decline_code in {*OWN_CODES, AUTHENTICATE} else "card_declined"

    @property
    def message(self) -> str:
        return MESSAGES.get(self.decline_code, GENERIC_MESSAGE)

    @property
    def advice(self) -> str | None:
        return DECLINE_CODES[self.decline_code]

    def as_error(self) -> dict[str, Any]:
        """The fields of an error envelope, except its type."""
        fields = {
            "code": self.code,
            "decline_code": self.decline_code,
            "message": self.message,
            "advice_code": self.advice,
        }
        return {name: value for name, value in fields.items() if value is not None}


def check_answers(answers: Sequence[str]) -> None:
    """Check that these are valid card answers.

    Raises:
        ValueError: it is empty, or one is neither `ok` nor a decline code of Stripe; the message lists them.

    """
    unknown = [answer for answer in answers if answer != OK and answer not in DECLINE_CODES]
    if unknown or not answers:
        known = ", ".join([OK, *sorted(DECLINE_CODES)])
        problem = f"unknown card answer {unknown[0]!r}" if unknown else "no card answers given"
        raise ValueError(f"{problem}; known are: {known}")


class Bank:
    """Answers charges: as set by `set_card_answers`, or else like the test card."""

    def __init__(self, store: Store, clocks: Clocks) -> None:
        self._store = store
        self._clocks = clocks

    def instruct(self, customer: str, card: str | None, answers: Sequence[str]) -> None:
        check_answers(answers)
        self._store.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
            self._clocks.name(customer),
            card,
            json.dumps(list(answers)),
        )

    def card_came_on_file(self, customer: str, card: str) -> None:
        """Answers set before there was a card belong to the first one."""
        self._store.execute(
            "UPDATE answers SET card = ? WHERE customer = ? AND card IS NULL", card, self._clocks.name(customer)
        )

    def carry_over(self, customer: str, external_id: str) -> None:
        """Answers set for an external id, even before it was known, stay with the customer."""
        self._store.execute("UPDATE OR IGNORE answers SET customer = ? WHERE customer = ?", external_id, customer)

    def answer(self, customer: str, method: Object, *, present: bool) -> Decline | None:
        """None if the charge succeeds; customers who are *present* authenticate."""
        instruction = self._next_instruction(customer, method["id"])
        answer = instruction or method["_on_charge"]
        if answer == AUTHENTICATE_UNLESS_SET_UP:
            answer = OK if method["_set_up"] else AUTHENTICATE
        if answer == OK or (present and answer == AUTHENTICATE):
            return None
        return Decline(answer)

    def _next_instruction(self, customer: str, card: str) -> str | None:
        name = self._clocks.name(customer)
        self.card_came_on_file(customer, card)
        rows = self._store.query("SELECT answers FROM answers WHERE customer = ? AND card = ?", name, card)
        if not rows:
            return None
        first, *rest = json.loads(rows[0][0])
        if rest:
            self._store.execute("UPDATE answers SET answers = ? WHERE customer = ?", json.dumps(rest), name)
        return str(first)
