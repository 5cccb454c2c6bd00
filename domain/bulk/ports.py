"""The ports of bulk runs: their rows, and what sends a row's command."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.bulk.runs import BulkRow, BulkRun, RowOutcome, RunState, Tally


@dataclass(frozen=True)
class RowResult:
    """What came of a row's command."""

    outcome: RowOutcome
    code: str = ""


class BulkRecords(Protocol):
    """Runs and their rows. Every method raises GatewayUnavailable if the database is unreachable."""

    async def run_of(self, run: str) -> BulkRun: ...

    async def waiting(self, run: str, *, limit: int) -> Sequence[BulkRow]:
        """Return the next rows without an outcome, in order."""
        ...

    async def settle(self, run: BulkRun, row: BulkRow, result: RowResult) -> bool:
        """Write a row's outcome, and the command with it to the audit; False if it has one."""
        ...

    async def tally(self, run: str) -> Tally: ...

    async def enter(self, run: str, state: RunState) -> Tally:
        """Write what a run is doing, unless it is over; rows that wait when it is stopped are skipped.

        Returns how far it has come.
        """
        ...


class RowCommands(Protocol):
    """Sends commands to subscriptions."""

    async def carry_out(self, run: BulkRun, row: BulkRow) -> RowResult:
        """Have a subscription carry the run's action out; once, however often it is asked.

        Raises:
            GatewayUnavailable: nothing was sent, and a retry will.
        """
        ...
