"""The deadline of `api.http.slow_clients` for uvicorn's protocol that reads by httptools, an optional library."""

import asyncio
from typing import Any, Final, cast

import httptools
from fastapi import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.http.slow_clients import Deadline, Part, PunctualH11Protocol, hang_up, timeout_answer
from api.http.unread_answers import WatchedTransport, WatchedWriting

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of the request line and the headers together, or of what stands between and behind the chunks of a body.

httptools itself would take any number.
"""


class PunctualHttpToolsProtocol(WatchedWriting, HttpToolsProtocol):
    """The one that reads by httptools."""

    _arriving: Part | None = None
    """The part of a request that has begun and is not complete."""
    _unread = 0
    """Bytes received since a head, a piece of a body or a whole request was complete."""
    _answered: RequestResponseCycle | None = None
    """The request that the application has; uvicorn itself knows only the one that came last."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", WatchedTransport(transport, self.loop)))
        self._deadline = Deadline(self.loop, self._end)
        self._deadline.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.stop()
        if self._answered is not None:
            hang_up(self._answered)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        # Before the parser has read it: what belongs to something complete is counted no longer.
        self._unread += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._hand_over(data[offer.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse("Invalid HTTP request received.")
        if not self._is_reading():
            self._deadline.stop()
            return
        self._deadline.begin()
        if self._unread > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse("The head of the request is too large.")

    def on_message_begin(self) -> None:
        self._arriving = "headers"
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Not those behind a body: they would stand among the others, and a proxy that sets one of those passes these.
        if self._arriving == "headers":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # Behind it: it raises an error if the request has a bad URL, and then none of it is carried out.
        self._arriving, self._unread = "body", 0

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._arriving, self._unread = None, 0
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        # Not the request itself: it is given to h11, as httptools does not read the body of one that offers that.
        return True

    def _hand_over(self, rest: bytes) -> None:
        """Have h11 read this request, which offers another protocol, and what follows: it ignores the offer."""
        self._deadline.stop()
        if self._is_responding():
            self._read_no_more()
            return
        headers = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        version = self.parser.get_http_version().encode()
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, b"".join(headers))
        self.connections.discard(self)
        other = PunctualH11Protocol(self.config, self.server_state, self.app_state, self.loop)
        self.transport.stop()
        other.connection_made(self.transport.itself)
        self.transport.set_protocol(other)
        if self.flow.write_paused:
            other.pause_writing()
        other.data_received(head + rest)

    def _refuse(self, why: str) -> None:
        if self._arriving == "body" or not self._is_responding():
            self.send_400_response(why)
        else:  # it would be taken for the answer to the request before
            self._read_no_more()

    def _read_no_more(self) -> None:
        """Close the connection behind the answers to what is read. The client repeats what has none."""
        self.flow.pause_reading()
        self.cycle.keep_alive = False

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
