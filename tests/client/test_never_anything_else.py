"""Whatever goes wrong on the way is told by an error of the tree, in the time that was said, and without the key."""

import asyncio
import gc
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from sandbox.serving import serve
from tenure.client import (
    AsyncTenure,
    CannotSend,
    Event,
    Malformed,
    Options,
    RetryPolicy,
    Tenure,
    TenureError,
    Unavailable,
)
from tenure.client.entitlements import Entitlement
from tenure.client.fastapi import Gate, answer_refusals
from tenure.client.requests import Answer, Call

BRIEF = Options(quick=RetryPolicy(total_timeout=0.5, attempt_timeout=0.25, first_pause=0.001))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"feature": "images", "kind": "number", "allowed": true}'
SECRET = "tnr_live_0123456789"
Ask = Callable[..., Any]


def awaited(url: str, options: Options) -> Ask:
    async def ask(name: str, *args: Any, **named: Any) -> Any:
        async with AsyncTenure(url, "key-1", options) as tenure:
            return await getattr(tenure, name)(*args, **named)

    return ask


def blocking(url: str, options: Options) -> Ask:
    def in_thread(name: str, args: Any, named: Any) -> Any:
        with Tenure(url, "key-1", options) as tenure:
            return getattr(tenure, name)(*args, **named)

    async def ask(name: str, *args: Any, **named: Any) -> Any:
        return await asyncio.to_thread(in_thread, name, args, named)

    return ask


both = pytest.mark.parametrize("client", [awaited, blocking])


@asynccontextmanager
async def a_server(at_once: bytes, by_drips: bytes = b"") -> AsyncIterator[str]:
    """Says something at once to whoever asks, and the rest a byte at a time, over and over."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(at_once)
            while by_drips:
                for byte in by_drips:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}"


@both
@pytest.mark.parametrize(
    ("at_once", "by_drips"),
    [
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
        (HEAD, b"X-More: and more\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["body", "headers", "chunks"],
)
async def test_a_server_that_answers_in_drips_is_left_when_time_is_up(
    client: Callable[..., Ask], at_once: bytes, by_drips: bytes
) -> None:
    async with a_server(at_once, by_drips) as url, asyncio.timeout(60):
        with pytest.raises(Unavailable):
            await client(url, BRIEF)("check", "ada", "images")


@both
async def test_a_command_has_its_own_longer_time_and_no_more(client: Callable[..., Ask]) -> None:
    options = Options(commands=RetryPolicy(total_timeout=0.3, attempt_timeout=0.2, first_pause=0.001))
    async with a_server(HEAD + b"Content-Length: 1000000\r\n\r\n", b" ") as url, asyncio.timeout(60):
        with pytest.raises(Unavailable):
            await client(url, options)("cancel", "s1")


@both
@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000,
        HEAD + b"Content-Length: 6\r\n\r\n\xff\xfe\xff\xfe\xff\xfe",
        HEAD + b"Content-Length: 4\r\n\r\nnull",
        HEAD + b"Content-Length: 5000\r\n\r\n" + b"9" * 5000,
        b"HTTP/1.1 503 Away\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Away\r\nRetry-After: " + b"9" * 500 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Away\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000,
        b"no HTTP at all\r\n\r\n",
    ],
    ids=["gzip", "deep", "no text", "null", "huge number", "odd wait", "endless wait", "deep problem", "no HTTP"],
)
async def test_an_odd_answer_is_no_answer(client: Callable[..., Ask], answer: bytes) -> None:
    async with a_server(answer) as url:
        with pytest.raises(Unavailable):
            await client(url, BRIEF)("check", "ada", "images")


@both
@pytest.mark.parametrize(
    "wrong",
    [
        lambda ask: ask("consume", "ada", "images", float("nan")),
        lambda ask: ask("consume", "ada", "images", value=object()),
        lambda ask: ask("record", [Event("ada", "images", float("inf"), "k")]),  # type: ignore[arg-type]
    ],
    ids=["no number", "an object", "an endless event"],
)
async def test_what_json_cannot_say_is_malformed(client: Callable[..., Ask], wrong: Callable[[Ask], Any]) -> None:
    with pytest.raises(Malformed):
        await wrong(client("http://127.0.0.1:9", BRIEF))


@both
async def test_an_address_too_long_to_be_sent_is_no_outage(client: Callable[..., Ask]) -> None:
    with pytest.raises(CannotSend):
        await client("http://127.0.0.1:9", BRIEF)("check", "a" * 70_000, "images")


@pytest.mark.parametrize(
    "error", [httpx.LocalProtocolError("x"), httpx.UnsupportedProtocol("x"), httpx.InvalidURL("x")]
)
async def test_a_gate_that_opens_in_an_outage_lets_nobody_in_for_a_mistake_of_the_products_own(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(AsyncTenure, "_http", lambda _self: Mistaken(error))
    tenure, app = AsyncTenure("http://127.0.0.1:9", "key-1"), FastAPI()
    gate = Gate(tenure, customer=lambda: "ada", when_unavailable="allow")
    answer_refusals(app)

    for requirement, path in ((gate.require_plan("pro"), "/plan"), (gate.consume("images"), "/use")):
        app.add_api_route(path, lambda: "in", dependencies=[requirement])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://product") as user:
        answers = [await user.get(path) for path in ("/plan", "/use")]

    assert [answer.status_code for answer in answers] == [500, 500]


class Mistaken:
    """In the place of httpx's client."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def request(self, **_how: Any) -> httpx.Response:
        raise self.error


async def test_a_closed_client_says_so() -> None:
    awaiting, blocks = AsyncTenure("http://127.0.0.1:9", "key-1"), Tenure("http://127.0.0.1:9", "key-1")
    await awaiting.aclose()
    blocks.close()

    with pytest.raises(CannotSend, match="closed"):
        await awaiting.check("ada", "images")
    with pytest.raises(CannotSend, match="closed"):
        blocks.check("ada", "images")


@pytest.fixture
def left_to_the_collector() -> Iterator[None]:
    """Connections of loops that are gone can be closed by nobody: the collector does it, and warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.mark.usefixtures("left_to_the_collector")
async def test_one_client_serves_one_event_loop_after_another() -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            head = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": BODY})

    def in_a_loop_of_its_own(client: AsyncTenure) -> bool:
        return asyncio.run(client.check("ada", "images")).allowed

    async with serve(app) as url:
        tenure = AsyncTenure(url, "key-1", Options(staleness=0))
        told = [await asyncio.to_thread(in_a_loop_of_its_own, tenure) for _ in range(3)]
        await tenure.aclose()
        del tenure

    assert told == [True] * 3


@pytest.mark.parametrize("made", [Tenure, AsyncTenure])
@pytest.mark.parametrize(
    "key",
    [f"{SECRET}\n", f" {SECRET}", f"{SECRET}é", f"{SECRET}\x00", f"{SECRET} {SECRET}", f"{SECRET}\ud83d", "", None],
)
def test_a_key_that_no_header_can_hold_is_refused_at_once_and_not_told(made: Callable[..., Any], key: Any) -> None:
    with pytest.raises(ValueError, match="API key") as refusal:
        made("https://tenure.example", key)

    assert SECRET not in "".join(traceback.format_exception(refusal.value, chain=True)).split("Error: ", 1)[1]
    assert SECRET not in repr(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("made", [Tenure, AsyncTenure])
@pytest.mark.parametrize(
    "url",
    [
        *("", "tenure.example", "ftp://tenure.example", "http://", "https:///v1", "https://tenure.example:999999"),
        *("https://[::1", "https://tenure .example", f"https://{'a' * 64}.example", "https://tenure.example?x=1", None),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(made: Callable[..., Any], url: Any) -> None:
    with pytest.raises(ValueError, match="no address of an API"):
        made(url, "key-1")


def test_a_wait_may_be_told_as_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    waits = [TenureError("x", headers={"retry-after": said}).retry_after for said in (at, "7", "²", "-1", "soon", "")]

    assert waits[0] is not None
    assert 60 < waits[0] <= 90
    assert waits[1:] == [7, None, None, None, None]


def test_a_deeply_nested_answer_cannot_be_read() -> None:
    call = Call("GET", "/v1/x", Entitlement)

    with pytest.raises(Unavailable):
        call.read(Answer(200, {}, b'{"a":' * 100_000))
