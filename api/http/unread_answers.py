"""Ends connections whose client does not read its answer: uvicorn waits for ever, also to close one."""

import asyncio
import fcntl
import struct
import termios
from contextlib import suppress
from typing import Any, Final

import structlog

WITHIN: Final = 30.0
LEAST: Final = 30 * 1024
"""A client has to take so many bytes in so many seconds, or all that is left. There is no limit for a whole answer."""

log = structlog.get_logger("tenure.access")


class WatchedTransport:
    """A transport, as uvicorn uses it, that is aborted when the client takes too little of what waits to be sent.

    It watches while writing is paused, and from its closing on: only then does anything wait for the client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.itself = transport
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0
        # Each answer asks for these: without a detour.
        self.write, self.is_closing = transport.write, transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self.itself, name)

    def close(self) -> None:
        if not self.is_closing():
            self.itself.close()
            self.watch()

    def watch(self) -> None:
        """Begin to watch, unless it has begun or nothing waits to be sent."""
        if self._timer is None and self.itself.get_write_buffer_size():
            self._left = self._to_be_taken()
            self._timer = self._loop.call_later(WITHIN, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer, before = None, self._left
        if before - self._to_be_taken() >= LEAST:
            self.watch()
            return
        log.info("client too slow", waited_for="reading")
        self.itself.abort()

    def _to_be_taken(self) -> int:
        """Return how much waits here and in the kernel, which asks for more only when a third of its part is gone."""
        waiting = self.itself.get_write_buffer_size()
        socket = self.itself.get_extra_info("socket")
        if socket is not None:
            with suppress(OSError):  # not every system tells
                waiting += struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
        return waiting


class WatchedWriting(asyncio.Protocol):
    """What a protocol of uvicorn does for its `WatchedTransport`."""

    transport: Any

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.stop()
        if self.transport.is_closing():
            self.transport.watch()

    def eof_received(self) -> None:
        # Behind this the transport closes itself.
        self.transport.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.transport.stop()
