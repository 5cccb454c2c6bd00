"""Types of settings that are numbers; what is said of a bad one names the bounds of that setting."""

import math
import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from domain.request_rates import RequestRate


def _share(text: object) -> object:
    share = _number(text)
    if share is None or not 0 <= share <= 1:
        raise ValueError(f"must be a share from 0 to 1, like 0.1 for a tenth, not {str(text).strip()!r}")
    return share


def _number(text: object) -> float | None:
    try:
        number = float(str(text))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _above_0(what: str, most: int) -> BeforeValidator:
    def check(text: object) -> object:
        number = _number(text)
        if number is None or not 0 < number <= most:
            raise ValueError(f"must be {what}, above 0 and up to {most:,}, not {str(text).strip()!r}")
        return number

    return BeforeValidator(check)


def _whole(what: str, most: int) -> BeforeValidator:
    """A whole number of at least 1, in the words of the setting itself."""

    def check(text: object) -> object:
        digits = str(text).strip()
        if not re.fullmatch("[0-9]{1,9}", digits) or not 1 <= int(digits) <= most:
            raise ValueError(f"must be {what}, 1 to {most}, not {digits!r}")
        return int(digits)

    return BeforeValidator(check)


def _rate(text: object) -> object:
    if not isinstance(text, str):
        return text
    first, *others = (one.strip() for one in text.split(","))
    by_role = dict(one.partition("=")[::2] for one in others)
    return RequestRate(_a_second(first), {role.strip(): _a_second(number) for role, number in by_role.items()})


def _a_second(text: object) -> float:
    number = str(text).strip()
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", number, re.ASCII):
        raise ValueError(
            f"must be requests a second, like 100, or 100, read_only=20 with rates for some roles; 0 is no limit; "
            f"not {number!r}"
        )
    return float(number)


Share = Annotated[float, BeforeValidator(_share)]
RequestsASecond = Annotated[RequestRate, NoDecode, BeforeValidator(_rate)]
AddressesASecond = Annotated[float, BeforeValidator(_a_second)]
Replicas = Annotated[int, _whole("how many API processes run", 10_000)]
Port = Annotated[int, _whole("a port", 65_535)]
Connections = Annotated[int, _whole("how many connections this process may open", 1_000)]
RequestsAtOnce = Annotated[int, _whole("how many requests may be in progress at once", 1_000_000)]
Seconds = Annotated[float, _above_0("a number of seconds", 3_600)]
Hertz = Annotated[float, _above_0("a number a second", 1_000_000)]
