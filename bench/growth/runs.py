"""What runs by itself: a Schedule, triggered, until its run has ended."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from temporalio.service import RPCError

from sandbox.stack import Stack
from services.schedules import RunStatus, ScheduledRun, Schedules

LOOK_EVERY = 0.1
"""Seconds."""
A_RUN_WITHIN = 600.0
"""Seconds. With nothing to catch up with."""


@dataclass(frozen=True)
class Run:
    """A run of a Schedule."""

    schedule: str
    seconds: float
    status: RunStatus
    """Running: it was ended after the time that it was given."""


async def run(stack: Stack, schedule: str, *, within: float) -> Run:
    """Run a Schedule now, for at most this many seconds."""
    schedules = Schedules(stack.client)
    known = {each.run for each in await _runs(schedules, schedule)}
    began = time.perf_counter()
    await schedules.trigger(schedule)
    latest: ScheduledRun | None = None
    while time.perf_counter() - began < within:
        await asyncio.sleep(LOOK_EVERY)
        latest = next((each for each in await _runs(schedules, schedule) if each.run not in known), None)
        if latest is not None and latest.status is not RunStatus.RUNNING:
            return Run(schedule, time.perf_counter() - began, latest.status)
    if latest is not None:
        with suppress(RPCError):
            await stack.client.get_workflow_handle(latest.workflow).terminate("it has run for as long as it may")
    return Run(schedule, time.perf_counter() - began, RunStatus.RUNNING)


async def _runs(schedules: Schedules, id_: str) -> Sequence[ScheduledRun]:
    return next(each.runs for each in await schedules.all() if each.id == id_)
