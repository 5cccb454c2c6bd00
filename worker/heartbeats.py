"""Heartbeats of activities that call outside: a worker that dies is noticed in seconds, not after the whole call."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from workflows.retries import HEARTBEAT_TIMEOUT

STEP: Final = HEARTBEAT_TIMEOUT / 5
"""How long a heartbeat may take. They are two steps apart: most calls end before the first one, which then costs
nothing, and Temporal Cloud bills each."""
LOST: Final = "heartbeat_lost"

Beat = Callable[[timedelta], Awaitable[None]]


class Heartbeats(Interceptor):
    """Heartbeats for every activity whose timeout for them is `HEARTBEAT_TIMEOUT`; others heartbeat by themselves.

    Each heartbeat is confirmed by Temporal. Where that fails for so long that Temporal may give the activity to another
    worker, the call is ended first: two attempts never run at once, unless this process stands still. For that, calls
    carry the same idempotency key in all attempts.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next, self._client)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next_interceptor: ActivityInboundInterceptor, client: Client) -> None:
        super().__init__(next_interceptor)
        self._client = client

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        if info.is_local or info.heartbeat_timeout != HEARTBEAT_TIMEOUT:
            return await super().execute_activity(input)
        handle = self._client.get_async_activity_handle(task_token=info.task_token)

        async def beat(within: timedelta) -> None:
            activity.heartbeat()  # for the SDK's own clock, and for cancellation by the workflow
            await handle.heartbeat(rpc_timeout=within)

        return await while_beating(lambda: super(_Inbound, self).execute_activity(input), beat, STEP)


async def while_beating(call: Callable[[], Awaitable[Any]], beat: Beat, step: timedelta) -> Any:
    """Await *call* with heartbeats meanwhile, and end it when they are lost. The timeout for them is five steps.

    Raises:
        ApplicationError: type `heartbeat_lost`; Temporal may have another worker try again.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - activities run in tasks
    beating = asyncio.create_task(_beat_until_lost(beat, step))
    beating.add_done_callback(lambda ended: None if ended.cancelled() else task.cancel())
    try:
        return await call()
    except asyncio.CancelledError:
        if not beating.done() or beating.cancelled():
            raise
        task.uncancel()
        raise ApplicationError("the heartbeat was lost, so the call was ended", type=LOST) from beating.exception()
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await beating


async def _beat_until_lost(beat: Beat, within: timedelta) -> None:
    """Return when Temporal may take the activity for dead before another heartbeat could reach it."""
    clock, step = asyncio.get_running_loop().time, within.total_seconds()
    confirmed, pause = clock(), 2 * step
    while True:
        await asyncio.sleep(pause)
        sent = clock()
        try:
            async with asyncio.timeout(step):
                await beat(within)
            confirmed, pause = sent, 2 * step
        except AsyncActivityCancelledError:
            return
        except (TimeoutError, RPCError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return
            # One that was lost is made good soon: the timeout of five steps goes on.
            pause = step / 4
            if clock() - confirmed + pause + step > 5 * step - step / 2:
                return
