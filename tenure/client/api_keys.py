"""API keys as Tenure returns them."""

from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.values import KeyStatus, Role


@dataclass(frozen=True)
class ApiKey:
    """An API key, without its text, which Tenure does not store."""

    id: str
    name: str
    role: Role
    status: KeyStatus
    created_at: datetime
    hint: str = ""
    """How the key begins and ends."""
    created_by: str = ""
    expires_at: datetime | None = None
    """None: never."""
    last_used_at: datetime | None = None
    """About a minute behind."""
    revoked_at: datetime | None = None
    replaced_by: str | None = None
    """The id of the key that a rotation made."""


@dataclass(frozen=True)
class NewApiKey(ApiKey):
    """A new API key, with its text."""

    key: str | None = field(default=None, repr=False)
    """Shown once. None if an earlier attempt made it and its answer was lost: rotate it with no overlap."""


@dataclass(frozen=True)
class ApiKeyPage:
    """One page of API keys."""

    data: tuple[ApiKey, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""
