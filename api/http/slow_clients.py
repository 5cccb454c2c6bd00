"""Ends connections on which a request does not arrive in time: uvicorn itself waits for ever."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal, cast

import h11
import structlog
from fastapi import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.errors import problem
from api.http.unread_answers import WatchedTransport, WatchedWriting

WITHIN: Final = 15.0
"""Seconds from the first byte of a request, or from the opening of a connection, to the last byte of its body."""
TOO_SLOW: Final = "request_timeout"
STATUS: Final = 408

Part = Literal["headers", "body"]
"""Of a request."""

log = structlog.get_logger("tenure.access")


def punctual_protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with a deadline for headers and bodies. Time that we take to respond is not counted.

    A client that is late gets a 408, and its connection is closed. A request that has reached the application ends
    there as if the client had hung up, which it as good as did.

    It reads by httptools where that is installed, which takes a fraction of h11's time.
    """
    try:
        from api.http.slow_clients_httptools import PunctualHttpToolsProtocol  # noqa: PLC0415 - an optional library
    except ImportError:
        return PunctualH11Protocol
    return PunctualHttpToolsProtocol


def timeout_answer(waited_for: Part) -> Response:
    """Return what a client that is late is told, and log it."""
    log.info("client too slow", waited_for=waited_for)
    answer = problem(STATUS, TOO_SLOW, f"the request did not arrive within {WITHIN:g} s")
    answer.headers["Connection"] = "close"
    return answer


class Deadline:
    """The time within which a request has to arrive; then *end* is called."""

    def __init__(self, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
        self._loop = loop
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin, unless it has begun."""
        if self._timer is None:
            self._timer = self._loop.call_later(WITHIN, self._is_over)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_over(self) -> None:
        self._timer = None
        self._end()


def hang_up(cycle: Any) -> None:
    """End a request within the application as if the client had hung up; *cycle* is uvicorn's of that request."""
    if not cycle.response_complete:
        # Before the loop tells it that the connection is lost, the application must not send anything.
        cycle.disconnected = True
        cycle.message_event.set()


class PunctualH11Protocol(WatchedWriting, H11Protocol):
    """The one that reads by h11."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", WatchedTransport(transport, self.loop)))
        self._deadline = Deadline(self.loop, self._end)
        self._deadline.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.stop()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self._is_reading():
            self._deadline.begin()
        else:
            self._deadline.stop()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # another response has begun
            self.transport.close()

    def _is_reading(self) -> bool:
        """True if a part of a request is there, and the rest of it is not."""
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

    def _end(self) -> None:
        if self.transport.is_closing():
            return
        has_begun = self.conn.their_state is h11.SEND_BODY
        answer = timeout_answer("body" if has_begun else "headers")
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(answer)
        self.transport.close()
        if has_begun:
            hang_up(self.cycle)

    def _send(self, answer: Response) -> None:
        response = h11.Response(status_code=answer.status_code, headers=answer.raw_headers)
        for event in (response, h11.Data(bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
