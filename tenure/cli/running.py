"""Running until told to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def until_stopped() -> None:
    """Return at the first SIGINT or SIGTERM; a second one ends the process the hard way."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop(name: signal.Signals) -> None:
        stopped.set()
        loop.remove_signal_handler(name)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop, name)
    await stopped.wait()


async def stoppable(work: Coroutine[Any, Any, None]) -> None:
    """Do the work, or as much of it as there is time for until SIGINT or SIGTERM."""
    task, stop = asyncio.create_task(work), asyncio.create_task(until_stopped())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not task.done():
        task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
