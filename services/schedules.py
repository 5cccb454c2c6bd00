"""The Temporal Schedules, as operators see and control them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from temporalio.client import (
    Client,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    WorkflowExecution,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable, Rejected
from domain.names import (
    reconcile_schedule_id,
    report_usage_schedule_id,
    roll_up_schedule_id,
    sweep_schedule_id,
)

WITHIN: Final = timedelta(seconds=2.5)
"""How long Temporal may take to tell about all of them."""
RUNS_SHOWN: Final = 5
NEXT_SHOWN: Final = 3


class ScheduleState(StrEnum):
    """Whether a Schedule starts runs."""

    ACTIVE = "active"
    PAUSED = "paused"
    MISSING = "missing"
    """No worker has made it yet: workers do when they start."""
    UNKNOWN = "unknown"
    """Temporal does not respond."""


class RunStatus(StrEnum):
    """What has come of a run."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    STOPPED = "stopped"
    """Terminated or canceled by somebody."""


_STATUSES: Final = {
    WorkflowExecutionStatus.RUNNING: RunStatus.RUNNING,
    WorkflowExecutionStatus.COMPLETED: RunStatus.COMPLETED,
    WorkflowExecutionStatus.FAILED: RunStatus.FAILED,
    WorkflowExecutionStatus.TIMED_OUT: RunStatus.TIMED_OUT,
}


@dataclass(frozen=True)
class ScheduledRun:
    """One run of a Schedule, or its last part if it was continued."""

    workflow: str
    run: str
    started_at: datetime
    ended_at: datetime | None
    status: RunStatus


@dataclass(frozen=True)
class ScheduleStatus:
    """A Schedule as Temporal has it."""

    id: str
    state: ScheduleState
    note: str = ""
    every: timedelta | None = None
    next_times: Sequence[datetime] = ()
    """None while it is paused."""
    runs: Sequence[ScheduledRun] = ()
    """The latest, the newest first."""


def schedule_ids() -> tuple[str, ...]:
    """The ids of all Schedules."""
    return sweep_schedule_id(), report_usage_schedule_id(), reconcile_schedule_id(), roll_up_schedule_id()


class Schedules:
    """Reads and controls the Schedules. Pausing one twice, or running it while it runs, does no harm."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def all(self) -> list[ScheduleStatus]:
        """All of them; of what Temporal does not tell in time the state is unknown."""
        return list(await asyncio.gather(*(self._known(id_) for id_ in schedule_ids())))

    async def trigger(self, id_: str) -> ScheduleStatus:
        """Run it now, unless a run is in progress.

        Raises:
            Rejected: code `unknown_schedule`.
            GatewayUnavailable: code `temporal_unavailable`.
        """
        return await self._act(id_, "trigger")

    async def pause(self, id_: str) -> ScheduleStatus:
        """Start no more runs until it is resumed; a run in progress goes on. It raises what `trigger` does."""
        return await self._act(id_, "pause")

    async def resume(self, id_: str) -> ScheduleStatus:
        """Start runs again when they are due. It raises what `trigger` does."""
        return await self._act(id_, "resume")

    async def _known(self, id_: str) -> ScheduleStatus:
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                return await self._status(id_)
        except (TimeoutError, GatewayUnavailable):
            return ScheduleStatus(id_, ScheduleState.UNKNOWN)
        except Rejected:
            return ScheduleStatus(id_, ScheduleState.MISSING)

    async def _act(self, id_: str, action: str) -> ScheduleStatus:
        if id_ not in schedule_ids():
            raise _unknown(id_)
        handle = self._client.get_schedule_handle(id_)
        before = await self._described(handle)
        # The note says how to run it manually: without one of its own, pausing would replace it.
        note = before.schedule.state.note
        try:
            if action == "trigger":
                # As its description says: never a second one, whatever the Schedule does about runs that come late.
                await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
            elif action == "pause":
                await handle.pause(note=note)
            else:
                await handle.unpause(note=note)
        except (RPCError, RuntimeError) as error:
            raise _failure(error, id_) from error
        return await self._status(id_)

    async def _status(self, id_: str) -> ScheduleStatus:
        described, runs = await asyncio.gather(self._described(self._client.get_schedule_handle(id_)), self._runs(id_))
        schedule = described.schedule
        is_paused = schedule.state.paused
        intervals = schedule.spec.intervals
        return ScheduleStatus(
            id_,
            ScheduleState.PAUSED if is_paused else ScheduleState.ACTIVE,
            schedule.state.note or "",
            intervals[0].every if intervals else None,
            () if is_paused else tuple(described.info.next_action_times[:NEXT_SHOWN]),
            runs,
        )

    async def _described(self, handle: ScheduleHandle) -> ScheduleDescription:
        try:
            return await handle.describe()
        except (RPCError, RuntimeError) as error:  # RuntimeError: a client that has not connected yet
            raise _failure(error, handle.id) from error

    async def _runs(self, id_: str) -> tuple[ScheduledRun, ...]:
        query = f"TemporalScheduledById = '{id_}' AND ExecutionStatus != 'ContinuedAsNew'"
        try:
            found = [run async for run in self._client.list_workflows(query, limit=RUNS_SHOWN, page_size=RUNS_SHOWN)]
        except (RPCError, RuntimeError) as error:
            raise _failure(error, id_) from error
        return tuple(sorted(map(_run, found), key=lambda run: run.started_at, reverse=True))


def _run(found: WorkflowExecution) -> ScheduledRun:
    status = _STATUSES.get(found.status, RunStatus.STOPPED) if found.status is not None else RunStatus.RUNNING
    return ScheduledRun(found.id, found.run_id, found.start_time, found.close_time, status)


def _failure(error: Exception, id_: str) -> Rejected | GatewayUnavailable:
    if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
        return _unknown(id_)
    return GatewayUnavailable(f"Temporal does not respond: {error}", code="temporal_unavailable")


def _unknown(id_: str) -> Rejected:
    return Rejected(
        f"there is no Schedule {id_!r}: there are {', '.join(schedule_ids())}, which workers make when they start",
        code="unknown_schedule",
    )
