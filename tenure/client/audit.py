"""The audit as Tenure returns it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenure.client.values import AuditOutcome


@dataclass(frozen=True)
class AuditActor:
    """Who acted."""

    kind: str
    """`key`, `operator`, `customer` or `command`."""
    id: str
    role: str = ""


@dataclass(frozen=True)
class AuditTarget:
    """What was acted on, by Tenure's id."""

    kind: str = ""
    id: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """One command, and what came of it."""

    id: str
    at: datetime
    actor: AuditActor
    action: str
    target: AuditTarget
    request_id: str
    outcome: AuditOutcome
    code: str | None = None
    """Why it was refused, or is not known."""
    settled_at: datetime | None = None
    reason: str | None = None
    address: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Note:
    """A note that is kept: `audit` has its text, under this id."""

    id: str
    subscription: str


@dataclass(frozen=True)
class AuditPage:
    """One page of the audit."""

    data: tuple[AuditEntry, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""
