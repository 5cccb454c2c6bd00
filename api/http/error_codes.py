"""The error codes of the API: what each means, and what to do about it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class ErrorCode:
    """One code that callers can get."""

    code: str
    group: str
    means: str
    do: str
    """What the caller, or the operator, can do."""


def _read() -> Mapping[str, ErrorCode]:
    groups = tomllib.loads((files("api.http") / "error_codes.toml").read_text(encoding="utf-8"))
    found = [ErrorCode(code, group, **texts) for group, codes in groups.items() for code, texts in codes.items()]
    known = {one.code: one for one in found}
    if len(known) != len(found):
        raise ValueError("api/http/error_codes.toml describes a code twice")
    return MappingProxyType(known)


ERROR_CODES: Final = _read()
"""Every code, in the order in which they are explained."""
