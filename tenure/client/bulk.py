"""Bulk runs as Tenure returns them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tenure.client.values import BulkKind, BulkOutcome, BulkState


@dataclass(frozen=True)
class BulkAction:
    """What is done to each subscription."""

    kind: BulkKind
    days: int | None = None
    """Of `extend_trial`."""
    at: str | None = None
    """Of `cancel`: `period_end` or `now`."""
    policy: str | None = None
    """Of `migrate_policy`: the version of a published policy."""


@dataclass(frozen=True)
class BulkStatusCounts:
    """Of the subscriptions in one status."""

    would_be_done: int
    refused: int


@dataclass(frozen=True)
class BulkExample:
    """A subscription, and why it would refuse."""

    subscription: str
    status: str
    code: str | None = None
    """None: it would be done."""


@dataclass(frozen=True)
class BulkPreview:
    """What a run would do if it were started now."""

    action: BulkAction
    chosen: int
    would_be_done: int
    """Pass it as `expected`."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Subscriptions that would refuse, by error code."""
    by_status: Mapping[str, BulkStatusCounts] = field(default_factory=dict)
    examples: tuple[BulkExample, ...] = ()
    inverse: BulkAction | None = None
    """What would undo it; None: nothing does."""


@dataclass(frozen=True)
class BulkCounts:
    """Number of subscriptions by outcome."""

    done: int = 0
    refused: int = 0
    unknown: int = 0
    skipped: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class BulkActor:
    """Who has asked for a run."""

    kind: str
    id: str
    role: str = ""


@dataclass(frozen=True)
class BulkRun:
    """A bulk run."""

    id: str
    action: BulkAction
    state: BulkState
    rate: int
    """Subscriptions a second."""
    chosen: int
    counts: BulkCounts
    actor: BulkActor
    created_at: datetime
    filter: Mapping[str, Any] = field(default_factory=dict)
    of: str | None = None
    """The run that it undoes."""
    reason: str | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    ended_at: datetime | None = None
    inverse: BulkAction | None = None
    workflow_id: str = ""


@dataclass(frozen=True)
class BulkRunPage:
    """One page of bulk runs."""

    data: tuple[BulkRun, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class BulkRow:
    """One subscription of a run."""

    subscription: str
    status: str
    """When it was chosen."""
    outcome: BulkOutcome | None = None
    """None: it waits for its turn."""
    code: str | None = None
    """Why it was refused, or is not known."""
    at: datetime | None = None


@dataclass(frozen=True)
class BulkRowPage:
    """One page of a run's subscriptions."""

    data: tuple[BulkRow, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""
