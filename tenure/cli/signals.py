"""Running until stopped by a signal."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def for_ever() -> None:
    """Wait until cancelled."""
    await asyncio.get_running_loop().create_future()


async def stoppable(work: Coroutine[Any, Any, None]) -> None:
    """Run until the work is done or SIGINT or SIGTERM cancels it; a second signal kills the process."""
    loop, task = asyncio.get_running_loop(), asyncio.create_task(work)

    def stop() -> None:
        task.cancel()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    with suppress(asyncio.CancelledError):
        await task
