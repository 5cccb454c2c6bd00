"""The deadline of `api.http.slow_clients` for uvicorn's protocol that reads by httptools, an optional library."""

import asyncio
from typing import Final

import httptools
from fastapi import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.http.slow_clients import Deadline, Part, PunctualH11Protocol, hang_up, timeout_answer

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of the request line and the headers together, as h11 takes; httptools itself would take any number."""


class PunctualHttpToolsProtocol(HttpToolsProtocol):
    """The one that reads by httptools."""

    _arriving: Part | None = None
    """The part of a request that has begun and is not complete."""
    _head_bytes = 0
    """Received of an incomplete head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = Deadline(self.loop, self._end)
        self._deadline.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._hand_over(data[offer.args[0] :])
            return
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        if not self._is_reading():
            self._deadline.stop()
            self._head_bytes = 0
            return
        self._deadline.begin()
        self._head_bytes = 0 if self._arriving == "body" else self._head_bytes + len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        self._arriving = "headers"
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Not those behind a body: they would stand among the others, and a proxy that sets one of those passes these.
        if self._arriving == "headers":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._arriving = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = None
        super().on_message_complete()

    def _should_upgrade(self) -> bool:
        # Not the request itself: it is given to h11, as httptools does not read the body of one that offers that.
        return True

    def _hand_over(self, rest: bytes) -> None:
        """Have h11 read this request, which offers another protocol, and what follows: it ignores the offer."""
        self._deadline.stop()
        if self._is_responding():
            # The client repeats what is not answered when a connection ends.
            self.flow.pause_reading()
            self.cycle.keep_alive = False
            return
        headers = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        version = self.parser.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, b"".join(headers))
        self.connections.discard(self)
        other = PunctualH11Protocol(self.config, self.server_state, self.app_state, self.loop)
        other.connection_made(self.transport)
        self.transport.set_protocol(other)
        other.data_received(head + rest)

    def _is_reading(self) -> bool:
        """True if a part of a request is there, or bytes that belong to none, and the rest is not."""
        return self._arriving is not None or not self._is_responding()

    def _is_responding(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _end(self) -> None:
        if self.transport.is_closing():
            return
        has_begun = self._arriving == "body"
        if self.pipeline or (not has_begun and self._is_responding()):
            # It is behind a request that we have not answered: its time begins when we have.
            self._deadline.begin()
            return
        answer = timeout_answer("body" if has_begun else "headers")
        if not has_begun or not self.cycle.response_started:
            self._send(answer)
        self.transport.close()
        if has_begun:
            hang_up(self.cycle)

    def _send(self, answer: Response) -> None:
        headers = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[answer.status_code], headers, bytes(answer.body)))
