"""Answers probes: whether this worker's process is alive, and whether it has started."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

REQUEST_WITHIN: Final = 5.0
"""Seconds."""
LONGEST_REQUEST: Final = 8192
"""Bytes."""


class Health:
    """What probes are told.

    It depends on nothing outside of the process: while Temporal or PostgreSQL is away, to restart the worker helps
    nobody.
    """

    def __init__(self) -> None:
        self.is_ready = False

    def status(self, path: str) -> str:
        """Return the status line's end for `/healthz` or `/readyz`."""
        if path == "/healthz" or (path == "/readyz" and self.is_ready):
            return "200 OK"
        return "503 Service Unavailable" if path == "/readyz" else "404 Not Found"

    @asynccontextmanager
    async def served_at(self, address: str | None) -> AsyncIterator[None]:
        """Answer probes inside the block, at host:port; nowhere without an address."""
        if address is None:
            yield
            return
        host, _, port = address.rpartition(":")
        async with await asyncio.start_server(self._answer, host.strip("[]"), int(port), limit=LONGEST_REQUEST):
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
            method, path, *_ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            status = self.status(path.partition("?")[0]) if method in ("GET", "HEAD") else "405 Method Not Allowed"
            body = "" if method == "HEAD" else status
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(status)}\r\n"
                f"Connection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
        except (TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # no request that could be answered
        finally:
            writer.close()
