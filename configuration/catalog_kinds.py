"""The types of values in a catalog file, each with its JSON schema for editors."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainValidator, StringConstraints, ValidationInfo, WithJsonSchema

from configuration.prices import Discount, amount_of
from domain.did_you_mean import did_you_mean
from domain.entitlements.usage import MAX_QUANTITY
from domain.money import DECIMALS

FREE = "free"
"""Written explicitly, so that no plan is free because its prices were forgotten."""
UNLIMITED = "unlimited"
MAX_NUMBER = MAX_QUANTITY
"""Beyond that the database could not compute a limit with seats, add-ons and percentages."""
CODE_PATTERN = "^[a-z][a-z0-9_]{0,39}$"
_CODE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True)
class Declared:
    """What the parts of a catalog need to know about its other parts."""

    currency: str | None
    """None: it is invalid, which is reported separately."""
    features: dict[str, Any]
    """None as a value: declared, but invalid."""

    @classmethod
    def of(cls, info: ValidationInfo) -> "Declared":
        context = info.context
        assert isinstance(context, cls)  # noqa: S101 - passed by every check of a catalog
        return context


def _is_code(code: object) -> str:
    if not isinstance(code, str) or not code or len(code) > 40 or set(code) - _CODE_LETTERS or not code[0].isalpha():
        raise ValueError(
            "must be lower-case letters, digits and _, start with a letter, and have at most 40 characters"
        )
    return code


def _is_currency(code: object) -> str:
    if not isinstance(code, str) or code not in DECIMALS:
        raise ValueError(f"must be a currency code in lower case, like usd; {did_you_mean(str(code), DECIMALS)}")
    return code


def _amount(price: object, info: ValidationInfo) -> int:
    currency = Declared.of(info).currency
    # The decimals of an invalid currency are unknown.
    return 0 if currency is None else amount_of(price, currency)


def _is_contact(address: object) -> str:
    parts = urlsplit(address) if isinstance(address, str) and address.isprintable() and " " not in address else None
    if parts is not None and (
        (parts.scheme == "https" and parts.hostname) or (parts.scheme == "mailto" and "@" in parts.path)
    ):
        return parts.geturl()
    raise ValueError(
        "must be an address like https://yourproduct.com/contact or mailto:sales@yourproduct.com, "
        f"not {str(address)[:60]!r}"
    )


Code = Annotated[str, BeforeValidator(_is_code), WithJsonSchema({"type": "string", "pattern": CODE_PATTERN})]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=300)]
ButtonText = Annotated[str, StringConstraints(min_length=1, max_length=30, strip_whitespace=True)]
ContactAddress = Annotated[
    str, BeforeValidator(_is_contact), WithJsonSchema({"type": "string", "pattern": r"^(https://|mailto:)\S+$"})
]
Number = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
Currency = Annotated[str, BeforeValidator(_is_currency), WithJsonSchema({"type": "string", "enum": sorted(DECIMALS)})]
Price = Annotated[
    int,
    PlainValidator(_amount),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}]}
    ),
]
DiscountShare = Annotated[
    Discount,
    PlainValidator(Discount.of),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,2}(\.[0-9]+)? ?%$"}),
]
