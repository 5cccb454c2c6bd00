"""What the forms of the console have in common: a key, a reason, and how their fields are read."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from domain.errors import Malformed
from domain.money import DECIMALS, shown_decimals, step

REASON: Final = "reason"
LONGEST_REASON: Final = 1000
LARGEST: Final = 10**12
AMOUNT: Final = "amount"
_AMOUNT: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,3})|,([0-9]{1,2}))?")

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


def example_amount(currency: str) -> str:
    """Return how an amount of a currency is written: "12.50", and "1250" where there are no decimals."""
    decimals = shown_decimals(currency.lower())
    return f"12.5{'0' * (decimals - 1)}" if decimals else "1250"


def minor_units(text: str, currency: str) -> int:
    """Return an amount that a person wrote, such as "12.50" or "12,50", in minor units.

    "1,000" is a thousand to one reader and one to another: it is refused, as is "1.000" where there are no three
    decimals.

    Raises:
        Malformed: it is no amount of the currency that can be moved.
    """
    code = currency.lower()
    decimals, found = DECIMALS.get(code, 2), _AMOUNT.fullmatch(text.strip())
    written = (found[2] or found[3] or "") if found is not None else ""
    units = int(found[1] + written.ljust(decimals, "0")) if found is not None else 0
    if not 0 < units < LARGEST or len(written) > decimals or units % step(code):
        example = example_amount(code)
        raise Malformed(f"Enter an amount in {code.upper()}, as {example}, without a sign for thousands.", field=AMOUNT)
    return units
