"""Bulk runs: their states, the outcomes of their rows, and how far one has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.audit import Actor
from domain.bulk.actions import BulkAction
from domain.errors import Rejected

DEFAULT_RATE: Final = 5
HIGHEST_RATE: Final = 50
"""Subscriptions a second."""
MOST_ROWS: Final = 10_000
"""The most subscriptions that a run chooses."""


class RunState(StrEnum):
    """What a run is doing."""

    STARTING = "starting"
    """Its rows are fixed, and its workflow has not begun. It does not begin by itself if its start was lost."""
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    """By an operator; the rows that were left are skipped."""
    FINISHED = "finished"

    @property
    def is_over(self) -> bool:
        return self in (RunState.STOPPED, RunState.FINISHED)


class RowOutcome(StrEnum):
    """What came of one subscription; written once."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing was changed; the code says why."""
    UNKNOWN = "unknown"
    """It may have been carried out, or may yet be: its timeline says."""
    SKIPPED = "skipped"
    """The run was stopped before."""


@dataclass(frozen=True)
class Tally:
    """Number of rows by outcome."""

    done: int = 0
    refused: int = 0
    unknown: int = 0
    skipped: int = 0
    waiting: int = 0

    @property
    def chosen(self) -> int:
        return self.done + self.refused + self.unknown + self.skipped + self.waiting

    def in_words(self) -> str:
        """One line for an operator."""
        parts = {"done": self.done, "refused": self.refused, "unknown": self.unknown, "skipped": self.skipped}
        said = [f"{count} {name}" for name, count in parts.items() if count or name in ("done", "refused")]
        return f"{', '.join(said)}, {self.waiting} waiting, of {self.chosen} chosen"


@dataclass(frozen=True)
class Order:
    """Who starts a run, why, and how."""

    actor: Actor
    key: str
    """The command's key: a repeat finds the run of the first time."""
    reference: str
    """What stands for the reason, which the audit has."""
    expected: int
    """For how many subscriptions it must be done now."""
    rate: int = DEFAULT_RATE
    """Subscriptions a second."""


@dataclass(frozen=True)
class NewRun:
    """A run as it is asked for; its rows come with it."""

    id: str
    tenant: str
    action: BulkAction
    filter: Mapping[str, object]
    """By what its subscriptions were chosen, without what names a customer."""
    inverse_of: str | None
    """The run whose rows it undoes."""
    actor: Actor
    reference: str
    """What stands for the reason, which the audit has."""
    rate: int
    """Subscriptions a second."""


@dataclass(frozen=True)
class BulkRun(NewRun):
    """A run as it is now."""

    state: RunState
    tally: Tally
    created_at: datetime
    reason: str = ""
    """Empty: it was erased."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Refused rows by code."""
    ended_at: datetime | None = None


@dataclass(frozen=True)
class BulkRow:
    """One subscription of a run."""

    position: int
    subscription: str
    status: str
    """When it was chosen."""
    outcome: RowOutcome | None = None
    """None: it waits for its turn."""
    code: str = ""
    at: datetime | None = None
    """When its outcome was written."""


def unknown_run(run: str) -> Rejected:
    """Return what a look-up of no run says."""
    return Rejected(f"there is no bulk run {run[:64]!r}", code="unknown_bulk_run")


def command_key(run: str, subscription: str) -> str:
    """The key of a row's command: a subscription carries it out once, however often it is sent."""
    return f"bulk/{run}/{subscription}"
