"""Serves a process's metrics, or answers to probes, each on an address of its own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from monitoring.exposition import CONTENT_TYPE, PATH, Expose

STOP_WITHIN = 1
"""Seconds that an open request gets when the process stops."""


class _Server(uvicorn.Server):
    """Leaves signals to its process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening(address: str) -> socket.socket:
    """Return a socket that listens at an address like `0.0.0.0:9464`; port 0 takes a free one.

    Raises:
        OSError: the address is not available.
    """
    host, _, port = address.rpartition(":")
    # With the protocol named; otherwise asyncio does not set TCP_NODELAY.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), int(port)))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def serving(expose: Expose, listener: socket.socket) -> AsyncIterator[None]:
    """Answer `GET /metrics` while the block runs; the listener is closed at its end."""
    async with answering(_app(expose), listener):
        yield


@asynccontextmanager
async def answering(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Let an app answer requests while the block runs; the listener is closed at its end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_WITHIN,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await running
        listener.close()


def _app(expose: Expose) -> ASGIApp:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        is_scrape = scope["path"] == PATH and scope["method"] in ("GET", "HEAD")
        status, body = (200, await expose()) if is_scrape else (404, f"metrics are at {PATH}\n".encode())
        kind = CONTENT_TYPE if is_scrape else "text/plain; charset=utf-8"
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app
