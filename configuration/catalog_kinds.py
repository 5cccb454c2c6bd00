"""The kinds of values that stand in a catalog file, each with what an editor is told of it."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, StringConstraints, ValidationInfo, WithJsonSchema

from configuration.prices import Discount, amount_of
from domain.currencies import DECIMALS
from domain.did_you_mean import did_you_mean
from domain.entitlements.usage import MAX_QUANTITY

FREE = "free"
"""Said outright, so that no plan is given away because its prices were forgotten."""
UNLIMITED = "unlimited"
MAX_NUMBER = MAX_QUANTITY
"""Beyond it the database could not work out a limit with its seats, add-ons and shares."""
CODE_PATTERN = "^[a-z][a-z0-9_]{0,39}$"
_CODE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True)
class Declared:
    """What the parts of a catalog need to know of its other parts."""

    currency: str | None
    """None: it is at fault, which is told by itself."""
    features: dict[str, Any]
    """None of a code: declared, but in a way that cannot be used."""

    @classmethod
    def of(cls, info: ValidationInfo) -> "Declared":
        context = info.context
        assert isinstance(context, cls)  # noqa: S101 - whoever checks a catalog gives it
        return context


def _is_code(code: object) -> str:
    if not isinstance(code, str) or not code or len(code) > 40 or set(code) - _CODE_LETTERS or not code[0].isalpha():
        raise ValueError("must be lower-case letters, digits and _, begin with a letter, and be 40 long at most")
    return code


def _is_currency(code: object) -> str:
    if not isinstance(code, str) or code not in DECIMALS:
        raise ValueError(f"must be a currency's code in lower case, as usd; {did_you_mean(str(code), DECIMALS)}")
    return code


def _amount(price: object, info: ValidationInfo) -> int:
    currency = Declared.of(info).currency
    # Of a currency that is at fault nobody knows the decimals.
    return 0 if currency is None else amount_of(price, currency)


Code = Annotated[str, BeforeValidator(_is_code), WithJsonSchema({"type": "string", "pattern": CODE_PATTERN})]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=300)]
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
