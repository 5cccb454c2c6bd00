"""Serves an ASGI application on a free loopback port, inside the running event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

KEEP_ALIVE = 300
"""In seconds; long, since a client that reuses a connection just as it is closed sees its request fail."""
STOP_WITHIN = 2
"""In seconds; the time that open requests get when the server stops."""


class _Server(uvicorn.Server):
    """Leaves signals to its process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    # With the protocol named; otherwise asyncio does not set TCP_NODELAY.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(f"{host}:{port} is not available: {error.strerror}; choose another port") from error
    return listener


@asynccontextmanager
async def serve(
    app: ASGIApp, *, port: int = 0, host: str = "127.0.0.1", protocol: type[asyncio.Protocol] | None = None
) -> AsyncIterator[str]:
    """Serve *app* while the block runs and yield its URL; port 0 selects a free one.

    *protocol* reads the requests, if not uvicorn's own.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=protocol or "auto",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_WITHIN,
        timeout_keep_alive=KEEP_ALIVE,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if running.done():
                await running
                raise RuntimeError("the server ended before it was ready")
            await asyncio.sleep(0.005)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()
