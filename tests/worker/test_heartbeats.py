"""A call that loses its heartbeat ends before another worker tries again."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from tests.harness.patience import until
from worker.heartbeats import LOST, while_beating

STEP = timedelta(milliseconds=10)
AWAY = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
GONE = RPCError("no such activity", RPCStatusCode.NOT_FOUND, b"")


class Temporal:
    """Confirms heartbeats until it fails with the error, or hangs."""

    def __init__(self, confirms: int = 0, then: Exception | None = None) -> None:
        self.heard = 0
        self._confirms, self._then = confirms, then

    async def beat(self, _within: timedelta) -> None:
        self.heard += 1
        if self.heard > self._confirms:
            if self._then is None:
                await asyncio.Event().wait()
            else:
                raise self._then


class Call:
    """A call outside that may take for ever."""

    def __init__(self) -> None:
        self.was_ended = False

    async def __call__(self) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_ended = True
            raise
        return "done"


async def test_a_call_goes_on_while_its_heartbeats_are_confirmed() -> None:
    temporal = Temporal(confirms=10**9)

    async def call() -> str:
        await until(lambda: temporal.heard >= 10)
        return "done"

    assert await while_beating(call, temporal.beat, STEP) == "done"


async def test_a_fast_call_sends_none() -> None:
    temporal = Temporal()

    async def call() -> str:
        return "done"

    assert await while_beating(call, temporal.beat, timedelta(hours=1)) == "done"
    assert temporal.heard == 0


@pytest.mark.parametrize(
    "error",
    [AWAY, GONE, None, AsyncActivityCancelledError()],
    ids=["away", "given to another", "hangs", "canceled"],
)
async def test_a_call_whose_heartbeats_are_lost_is_ended(error: Exception | None) -> None:
    call = Call()

    async with asyncio.timeout(60):
        with pytest.raises(ApplicationError) as caught:
            await while_beating(call, Temporal(confirms=2, then=error).beat, STEP)

    assert call.was_ended
    assert caught.value.type == LOST
    assert not caught.value.non_retryable


async def test_one_heartbeat_that_fails_is_made_good_by_the_next() -> None:
    heard = 0

    async def beat(_within: timedelta) -> None:
        nonlocal heard
        heard += 1
        if heard == 2:
            raise AWAY

    async def call() -> str:
        await until(lambda: heard >= 3)
        return "done"

    # Long enough that a busy machine is not late by a whole beat.
    assert await while_beating(call, beat, timedelta(milliseconds=500)) == "done"


async def test_a_fault_in_a_heartbeat_ends_the_call_too() -> None:
    call = Call()
    with pytest.raises(ApplicationError):
        await while_beating(call, Temporal(then=RuntimeError("a fault")).beat, STEP)
    assert call.was_ended


async def test_a_worker_that_stops_ends_the_call_as_ever() -> None:
    call = Call()
    running = asyncio.create_task(while_beating(call, Temporal(confirms=10**9).beat, STEP))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert call.was_ended


async def test_a_call_that_fails_fails_as_it_would_alone() -> None:
    async def call() -> str:
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        await while_beating(call, Temporal().beat, STEP)
