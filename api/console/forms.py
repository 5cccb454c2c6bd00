"""What the forms of the console have in common: a key, a reason, and how their fields are read."""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from domain.errors import Malformed
from domain.money import DECIMALS

REASON: Final = "reason"
LONGEST_REASON: Final = 1000
LARGEST: Final = 10**12

Fields = Mapping[str, str]
Model = TypeVar("Model", bound=BaseModel)


def new_key() -> str:
    """Return the key of a new form."""
    return secrets.token_urlsafe(24)


def reason_in(fields: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the reason that the operator gave, and what is wrong with it by field."""
    reason = fields.get(REASON, "").strip()
    if not reason:
        return "", {REASON: "Say why: it is kept in the audit."}
    if len(reason) > LONGEST_REASON:
        return reason, {REASON: f"Use at most {LONGEST_REASON} characters."}
    if not reason.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        return "", {REASON: "Leave out characters that cannot be shown."}
    return reason, {}


def requested(model: type[Model], fields: Fields, **typed: Any) -> Model:
    """Return the request of a form, checked as the API's own.

    Args:
        model: the request.
        fields: the form, of which empty fields count as left out.
        **typed: fields that are no text.

    Raises:
        Malformed: a field is wrong; it names the first.

    """
    texts = {name: text for name, text in fields.items() if name in model.model_fields and text.strip()}
    try:
        return model.model_validate(texts | typed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise Malformed(str(first["msg"]), field=str(first["loc"][0]) if first["loc"] else "body") from None


def whole_number(fields: Fields, name: str) -> int:
    """Return a field as a number.

    Raises:
        Malformed: it is none.
    """
    given = fields.get(name, "").strip()
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise Malformed("Enter a whole number.", field=name)
    return int(given)


def minor_units(text: str, currency: str) -> int:
    """Return an amount that a person wrote, such as "12.50", in minor units.

    Raises:
        Malformed: it is no amount of the currency.
    """
    wrong = Malformed("Enter an amount, as 12.50.", field="amount")
    try:
        units = Decimal(text.replace(",", ".")).scaleb(DECIMALS.get(currency.lower(), 2))
    except ArithmeticError:  # no number, or one out of all proportion
        raise wrong from None
    if not units.is_finite() or units != units.to_integral_value() or not 0 < units < LARGEST:
        raise wrong
    return int(units)
