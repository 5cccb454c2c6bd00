"""Deadlines for requests that do not arrive and answers that are not read, by either library that may read requests."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from api.http.slow_clients import WITHIN, PunctualH11Protocol, punctual_protocol
from api.http.slow_clients_httptools import MAX_HEAD_BYTES, PunctualHttpToolsProtocol
from api.http.unread_answers import LEAST
from api.http.unread_answers import WITHIN as READ_WITHIN
from tests.harness.patience import until

GET = b"GET / HTTP/1.1\r\nHost: tenure\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: tenure\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"POST / HTTP/1.1\r\nHost: tenure\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n"
CLOSING = GET[:-2] + b"Connection: close\r\n\r\n"


class Wire(asyncio.Transport):
    """A connection, of which the test is the other end."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.unread = 0
        """Bytes that the other end has not taken. It takes each at once, until the test says otherwise."""
        self.closed = self.aborted = False
        self.protocol: Any = None
        """One that has taken the connection over."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unread

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Loop:
    """The running loop, whose deadlines pass when the test says so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines: dict[asyncio.TimerHandle, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_later(self, delay: float, call: Callable[..., object], *values: Any) -> asyncio.TimerHandle:
        handle = self._loop.call_later(3600, call, *values)
        if delay in (WITHIN, READ_WITHIN):
            self._deadlines[handle] = call
        return handle

    @property
    def waits(self) -> bool:
        return any(not handle.cancelled() for handle in self._deadlines)

    def pass_deadline(self) -> None:
        due, self._deadlines = self._deadlines, {}
        for handle, call in due.items():
            if not handle.cancelled():
                handle.cancel()
                call()


class Connection:
    """A connection to an application that answers with the body when it may."""

    def __init__(self, kind: type[PunctualH11Protocol | PunctualHttpToolsProtocol]) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.headers: list[dict[str, str]] = []
        self.hung_up = self.ended = 0
        self.wire, self.loop = Wire(), Loop()
        config = Config(self._answer, interface="asgi3", log_config=None, access_log=False, lifespan="off", ws="none")
        config.load()
        self.protocol = kind(config, ServerState(), {}, self.loop)  # type: ignore[arg-type]
        self.protocol.connection_made(self.wire)

    @property
    def owner(self) -> Any:
        """The protocol that has the connection."""
        return self.wire.protocol or self.protocol

    def receive(self, data: bytes) -> None:
        self.owner.data_received(data)

    def leave_unread(self, size: int) -> None:
        """So much waits to be sent that writing is paused."""
        self.wire.unread = size
        self.owner.pause_writing()

    def pass_deadline(self) -> None:
        """Pass it, and lose the connection if it is aborted."""
        self.loop.pass_deadline()
        if self.wire.aborted:
            self.owner.connection_lost(None)

    async def answered(self, times: int = 1) -> None:
        await until(lambda: self.wire.sent.count(b"HTTP/1.1 200 OK") == times)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.headers.append(dict(request.headers))
        await self.may_answer.wait()
        try:
            body = await request.body()
        except ClientDisconnect:
            self.hung_up += 1
            return
        await PlainTextResponse(b"<" + body + b">")(scope, receive, send)
        self.ended += 1


@pytest.fixture(params=[PunctualH11Protocol, PunctualHttpToolsProtocol])
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    made = Connection(request.param)
    yield made
    made.protocol.connection_lost(None)


async def test_a_request_that_arrives_is_answered_and_none_is_waited_for(connection: Connection) -> None:
    assert connection.loop.waits
    for times in (1, 2):
        connection.receive(POST)
        await connection.answered(times)
        assert not connection.loop.waits
    assert b"<body>" in connection.wire.sent
    assert not connection.wire.closed


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET[:-2], POST[:-1]])
async def test_what_does_not_arrive_is_a_timeout(connection: Connection, sent: bytes) -> None:
    if sent:
        connection.receive(sent)
    assert connection.loop.waits

    connection.loop.pass_deadline()

    assert connection.wire.closed
    assert connection.wire.sent.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in connection.wire.sent.lower()
    assert b"request_timeout" in connection.wire.sent


async def test_the_application_hears_that_the_body_will_not_come(connection: Connection) -> None:
    connection.receive(POST[:-1])
    await until(lambda: bool(connection.headers))

    connection.loop.pass_deadline()

    await until(lambda: connection.hung_up == 1)
    assert connection.wire.sent.count(b"HTTP/1.1") == 1


async def test_the_next_request_has_a_deadline_of_its_own(connection: Connection) -> None:
    connection.receive(GET)
    await connection.answered()
    connection.receive(GET[:9])
    assert connection.loop.waits
    connection.receive(GET[9:])
    await connection.answered(2)
    assert not connection.loop.waits


async def test_bytes_that_belong_to_no_request_keep_no_connection_open(connection: Connection) -> None:
    connection.receive(GET)
    await connection.answered()
    connection.receive(b"\r\n")

    connection.loop.pass_deadline()

    assert connection.wire.closed


@pytest.mark.parametrize("behind", [GET[:9], POST[:-1]])
async def test_time_that_we_take_is_not_counted(connection: Connection, behind: bytes) -> None:
    connection.may_answer.clear()
    connection.receive(GET + behind)
    connection.loop.pass_deadline()
    connection.loop.pass_deadline()
    assert not connection.wire.closed

    connection.may_answer.set()
    await connection.answered()
    connection.receive((GET if behind == GET[:9] else POST)[len(behind) :])
    await connection.answered(2)


@pytest.mark.parametrize("begun", [GET[:-2], CHUNKED, CHUNKED[:-5] + b"\r\n4;"])
async def test_a_head_or_what_follows_a_body_without_end_is_refused(connection: Connection, begun: bytes) -> None:
    connection.receive(begun)
    line = b"X: " + b"x" * 1021 + b"\r\n"
    for _ in range(MAX_HEAD_BYTES // len(line) + 1):
        if not connection.wire.closed:
            connection.receive(line)

    assert connection.wire.closed
    assert connection.wire.sent.startswith(b"HTTP/1.1 400 ")


async def test_a_field_without_end_behind_a_body_is_refused(connection: Connection) -> None:
    connection.receive(CHUNKED + b"X: ")
    for _ in range(MAX_HEAD_BYTES // 1024 + 1):
        if not connection.wire.closed:
            connection.receive(b"x" * 1024)

    assert connection.wire.closed
    assert connection.wire.sent.startswith(b"HTTP/1.1 400 ")


async def test_the_size_of_a_head_does_not_count_what_came_before_it(connection: Connection) -> None:
    body = b"x" * 100_000
    connection.receive(POST.replace(b"Length: 4", b"Length: 100000")[:-4] + body + GET[:10])
    connection.receive(GET[10:])

    await connection.answered(2)
    assert b"<" + body + b">" in connection.wire.sent
    assert connection.wire.sent.count(b"HTTP/1.1") == 2


@pytest.mark.parametrize("behind", [b"no request\r\n\r\n", GET.replace(b"/", b"http://", 1)])
async def test_no_refusal_is_sent_in_place_of_the_answer_to_the_request_before(
    connection: Connection, behind: bytes
) -> None:
    connection.may_answer.clear()
    connection.receive(POST + behind)
    connection.may_answer.set()

    # One of the libraries reads the second of these.
    await until(lambda: connection.wire.closed or connection.wire.sent.count(b"200 OK") == 2)
    assert connection.wire.sent.startswith(b"HTTP/1.1 200 OK")
    assert b"<body>" in connection.wire.sent


async def test_what_follows_a_body_is_no_header(connection: Connection) -> None:
    connection.receive(CHUNKED + b"X-Forwarded-For: 203.0.113.7\r\n\r\n")
    await connection.answered()
    assert "x-forwarded-for" not in connection.headers[0]
    assert b"<body>" in connection.wire.sent


async def test_an_offer_of_another_protocol_is_declined_and_the_request_answered(connection: Connection) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    for times in (1, 2):
        head, body = POST.replace(b"\r\n\r\n", b"\r\n" + offer)[:-4], POST[-4:]
        connection.receive(head + body[:2])
        assert connection.loop.waits
        connection.receive(body[2:])
        await connection.answered(times)
    assert connection.wire.sent.count(b"<body>") == 2


async def test_an_offer_behind_a_request_that_is_not_answered_ends_the_connection(connection: Connection) -> None:
    connection.may_answer.clear()
    connection.receive(GET + POST.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"))
    connection.may_answer.set()
    await until(lambda: connection.wire.closed or connection.wire.sent.count(b"200 OK") == 2)
    assert connection.wire.sent.count(b"<body>") == connection.wire.sent.count(b"200 OK") - 1


@pytest.mark.parametrize("sent", [GET, GET + GET])
async def test_a_client_that_does_not_read_loses_its_connection_and_the_application_ends(
    connection: Connection, sent: bytes
) -> None:
    connection.leave_unread(70_000)
    connection.receive(sent)
    await until(lambda: bool(connection.headers))
    assert connection.loop.waits

    connection.wire.unread -= LEAST - 1
    connection.pass_deadline()

    assert connection.wire.aborted
    await until(lambda: connection.ended == 1)
    assert connection.wire.sent == b""
    assert not connection.loop.waits


async def test_a_client_that_reads_slowly_keeps_its_connection(connection: Connection) -> None:
    connection.receive(GET)
    await connection.answered()
    connection.leave_unread(3 * LEAST)
    for left in (2 * LEAST, LEAST):
        connection.wire.unread = left
        connection.pass_deadline()
        assert not connection.wire.aborted
        assert connection.loop.waits

    connection.owner.resume_writing()
    assert not connection.loop.waits
    connection.receive(GET)
    await connection.answered(2)


@pytest.mark.parametrize("is_half_closed", [False, True])
async def test_what_is_not_read_keeps_no_connection_from_closing(connection: Connection, is_half_closed: bool) -> None:
    connection.wire.unread = LEAST + 700
    connection.receive(GET if is_half_closed else CLOSING)
    await connection.answered()
    if is_half_closed:
        connection.owner.eof_received()
    connection.wire.close()
    connection.wire.unread = 700
    connection.pass_deadline()
    assert not connection.wire.aborted

    connection.pass_deadline()

    assert connection.wire.aborted


async def test_what_is_left_of_a_long_answer_keeps_no_connection_from_closing(connection: Connection) -> None:
    connection.leave_unread(70_000)
    connection.receive(CLOSING)
    connection.wire.unread = 10_000
    connection.owner.resume_writing()
    await until(lambda: connection.wire.closed)

    connection.pass_deadline()

    assert connection.wire.aborted


async def test_what_is_read_is_not_waited_for(connection: Connection) -> None:
    connection.receive(CLOSING)
    await until(lambda: connection.wire.closed)
    assert not connection.loop.waits


async def test_an_offer_of_another_protocol_does_not_end_the_watch(connection: Connection) -> None:
    connection.leave_unread(70_000)
    connection.receive(POST.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"))
    await until(lambda: bool(connection.headers))

    connection.pass_deadline()

    assert connection.wire.aborted
    await until(lambda: connection.ended == 1)


def test_it_reads_by_h11_where_httptools_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert punctual_protocol() is PunctualHttpToolsProtocol
    monkeypatch.setitem(sys.modules, "api.http.slow_clients_httptools", None)
    assert punctual_protocol() is PunctualH11Protocol
