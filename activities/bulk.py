"""Bulk runs: activities that work rows off, and record what a run is doing."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.bulk.ports import BulkRecords, RowCommands
from domain.bulk.runs import BulkRow, BulkRun, RunState, Tally

AT_ONCE = 10
"""Subscriptions of one run that are sent their command at a time."""


@dataclass(frozen=True)
class RowsRequest:
    """Requests the next rows of a run, this many of them."""

    run: str
    limit: int


@dataclass(frozen=True)
class StateRequest:
    """Requests that a run is recorded to do this."""

    run: str
    state: RunState


class BulkActivities:
    """The activities of bulk runs; one per worker."""

    def __init__(self, records: BulkRecords, commands: RowCommands) -> None:
        self._records = records
        self._commands = commands

    @activity.defn(name="work_off_bulk_rows")
    async def work_off_rows(self, request: RowsRequest) -> Tally:
        """Work off the next rows. Idempotent: a subscription takes a run's command once, a row one outcome."""
        with as_temporal_failures():
            run = await self._records.run_of(request.run)
            turns = asyncio.Semaphore(AT_ONCE)
            rows = await self._records.waiting(run.id, limit=request.limit)
            # One that fails does not keep the others from being settled.
            ended = await asyncio.gather(*(self._work_off(run, row, turns) for row in rows), return_exceptions=True)
            for error in ended:
                if error is not None:
                    raise error
            return await self._records.tally(run.id)

    @activity.defn(name="record_bulk_state")
    async def record_state(self, request: StateRequest) -> Tally:
        """Record what a run is doing. Idempotent."""
        with as_temporal_failures():
            return await self._records.enter(request.run, request.state)

    async def _work_off(self, run: BulkRun, row: BulkRow, turns: asyncio.Semaphore) -> None:
        async with turns:
            await self._records.settle(run, row, await self._commands.carry_out(run, row))
