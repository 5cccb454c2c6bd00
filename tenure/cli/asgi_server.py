"""The HTTP server of a process that ends by SIGTERM."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.loops.auto import auto_loop_factory

FINISHES_WITHIN: Final = 28
"""Seconds that requests in progress get when the process is asked to stop; a command waits up to 25 for its workflow.

With the load balancer's pause and what the application itself ends, it is what deploy/ gives a process."""


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Run a server's process by the fastest event loop that is installed: uvloop, or else asyncio's own."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(serving)


class Server(uvicorn.Server):
    """Leaves signals to us, so that a process that is asked to stop exits with status 0, and does not wait for ever."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        config.timeout_graceful_shutdown = FINISHES_WITHIN

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_until_stopped(server: Server, checking: Coroutine[Any, Any, None] | None = None) -> None:
    """Serve until the process is asked to stop, or *checking* raises."""
    serving = asyncio.create_task(server.serve())
    check = asyncio.create_task(checking) if checking is not None else serving
    try:
        await asyncio.wait({serving, check}, return_when=asyncio.FIRST_EXCEPTION)
        if check.done():
            check.result()
    finally:
        server.should_exit = True
        if check is not serving:
            check.cancel()
        await serving
