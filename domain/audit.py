"""The audit: who has asked for what, and what came of it. What people wrote is kept beside it, and only referred to."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

_PREFIX: Final = "audit:"
_REFERENCE: Final = re.compile(r"audit:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
ERASED: Final = "(erased)"
"""What stands for a reason that was erased with its customer's data."""


class ActorKind(StrEnum):
    """Who acts."""

    KEY = "key"
    OPERATOR = "operator"
    CUSTOMER = "customer"
    COMMAND = "command"
    """Somebody with access to the machine, by a `tenure` command."""


class AuditOutcome(StrEnum):
    """What has come of a command."""

    ASKED = "asked"
    """Not known yet: it is under way, or the process that sent it has stopped."""
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """It may have been carried out: its subscription's timeline says."""


@dataclass(frozen=True)
class Actor:
    """Who acts; ids and codes, no names."""

    kind: ActorKind
    id: str
    role: str = ""


@dataclass(frozen=True)
class AuditTarget:
    """What is acted on, by our own id; empty: not known before it is done."""

    kind: str = ""
    id: str = ""


@dataclass(frozen=True)
class AuditedCommand:
    """A command as it is asked for."""

    tenant: str
    actor: Actor
    action: str
    """The operation's id, as in OpenAPI, or the `tenure` command."""
    target: AuditTarget
    request_id: str
    key: str = ""
    """The command's key, by which the journal knows it; empty: it leads to no journal entry."""
    reason: str = ""
    """What the actor wrote."""
    address: str = ""
    """Where the request came from."""


@dataclass(frozen=True)
class AuditEntry:
    """A command with what came of it, for readers."""

    id: str
    at: datetime
    actor: Actor
    action: str
    target: AuditTarget
    request_id: str
    outcome: AuditOutcome
    code: str
    """Why it was refused, or is not known; empty otherwise."""
    settled_at: datetime | None
    reason: str | None
    address: str | None
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


def reference_to(entry: UUID) -> str:
    """What stands for the reason of an entry wherever it must not be repeated."""
    return f"{_PREFIX}{entry}"


def references_in(texts: Iterable[str]) -> frozenset[UUID]:
    """The entries that these texts refer to."""
    return frozenset(UUID(found) for text in texts for found in _REFERENCE.findall(text))


def with_reasons(text: str, reasons: Mapping[UUID, str]) -> str:
    """The text, with each reference replaced by the reason."""
    return _REFERENCE.sub(lambda found: reasons.get(UUID(found[1])) or ERASED, text) if _PREFIX in text else text
