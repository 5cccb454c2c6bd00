"""Request bodies about API keys."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from api.http.fields import Name, RequestModel
from storage.access.api_keys import DEFAULT_OVERLAP, LONGEST_LIFE, LONGEST_OVERLAP, Role

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}
_LENGTH: Final = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_SCHEMA: Final = WithJsonSchema(
    {
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d{1,9}[smhdw]$"}],
        "description": "seconds, or a number and a unit: `30m`, `24h`, `90d`",
        "examples": ["90d", 86400],
    }
)


def _length(given: object) -> object:
    seconds = given
    if isinstance(given, str) and (found := _LENGTH.fullmatch(given)):
        seconds = int(found[1]) * _UNITS[found[2]]
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST_LIFE.total_seconds():
        return timedelta(seconds=seconds)
    raise ValueError(f"give seconds, or a text such as '24h' or '90d', up to {LONGEST_LIFE.days}d")


Length = Annotated[timedelta, BeforeValidator(_length), _SCHEMA]
Life = Annotated[Length, Field(ge=timedelta(seconds=1), le=LONGEST_LIFE)]


class CreateApiKeyRequest(RequestModel):
    """What a new key is for."""

    role: Role = Field(description="what it permits; docs/api-roles.md lists the endpoints of each")
    name: Name | None = Field(default=None, description="its role if left out", examples=["signup flow"])
    expires_in: Life | None = Field(default=None, description="how long it is valid; left out: it does not expire")


class RotateApiKeyRequest(RequestModel):
    """How a key gives way to a new one."""

    overlap: Annotated[Length, Field(le=LONGEST_OVERLAP)] = Field(
        default=DEFAULT_OVERLAP,
        description="how long the old key is still valid, up to 30 days; 0 ends it now",
        examples=["24h"],
    )
    expires_in: Life | None = Field(
        default=None, description="how long the new key is valid; left out: as long as the old one was meant to be"
    )
