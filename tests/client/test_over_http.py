"""Both clients on real connections, to a server that is away, breaks off and comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.processes import free_port
from sandbox.serving import serve
from tenure.client import AsyncTenure, LimitReached, Malformed, Options, RetryPolicy, Tenure, Unavailable
from tests.client.steps import entitlement
from tests.harness.patience import PATIENT

UNHURRIED = RetryPolicy(total_timeout=PATIENT, attempt_timeout=PATIENT, first_pause=0.001)
OPTIONS = Options(staleness=PATIENT, quick=UNHURRIED)
COUNTED = {"feature": "images", "customer": "ada", "used": 1, "limit": 5}
Ask = Callable[..., Any]


@dataclass
class Elsewhere:
    """A server that answers one thing after the other; None: it breaks off in the middle."""

    replies: list[Response | None]
    heard: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.json() if await request.body() else None
        self.heard.append((request.method, request.url.path, dict(request.headers), body))
        reply = self.replies.pop(0)
        if reply is not None:
            await reply(scope, receive, send)
            return
        headers = [(b"content-length", b"1000"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"half": ', "more_body": False})


@pytest.fixture(params=["awaited", "blocking"])
def client(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Calls a method by name, of the one client or the other."""

    @asynccontextmanager
    async def client(url: str, options: Options = OPTIONS) -> AsyncIterator[Ask]:
        if request.param == "awaited":
            async with AsyncTenure(url, "key-1", options) as awaited:
                yield lambda name, *args, **named: getattr(awaited, name)(*args, **named)
        else:
            with Tenure(url, "key-1", options) as blocking:
                yield lambda name, *args, **named: asyncio.to_thread(getattr(blocking, name), *args, **named)

    return client


async def test_a_use_is_sent_again_as_it_was_until_it_is_answered(client: Ask) -> None:
    elsewhere = Elsewhere([None, Response("away", 503), JSONResponse(COUNTED, headers={"RateLimit": '"images";r=4'})])
    async with serve(elsewhere) as url, client(url) as call:
        used = await call("consume", "ada lovelace", "images", 2, value="large")

    assert (used.used, used.limit, used.headers["ratelimit"]) == (1, 5, '"images";r=4')
    assert len(elsewhere.heard) == 3
    bodies = [body for _, _, _, body in elsewhere.heard]
    assert bodies[0] == bodies[1] == bodies[2]
    assert {**bodies[0], "key": ""} == {"feature": "images", "quantity": 2, "key": "", "value": "large"}
    assert len(bodies[0]["key"]) == 36
    method, path, headers, _ = elsewhere.heard[0]
    assert (method, path) == ("POST", "/v1/customers/ada lovelace/consume")
    assert headers["authorization"] == "Bearer key-1"


async def test_commands_carry_their_key_in_the_header(client: Ask) -> None:
    after = {"id": "s1", "customer": {"external_id": "ada"}, "plan": "pro", "status": "active", "access": "full"}
    elsewhere = Elsewhere([JSONResponse(after)] * 2)
    async with serve(elsewhere) as url, client(url) as call:
        await call("change_plan", "s1", plan="pro", key="upgrade-1")
        await call("change_plan", "s1", plan="pro")

    keys = [headers["idempotency-key"] for _, _, headers, _ in elsewhere.heard]
    assert keys[0] == "upgrade-1"
    assert len(keys[1]) == 36
    assert [body for *_, body in elsewhere.heard] == [{"plan": "pro"}] * 2


async def test_a_refusal_comes_back_as_an_error_with_its_members(client: Ask) -> None:
    said = {"code": "limit_reached", "detail": "all 5 are used", "used": 5, "limit": 5, "status": 429}
    elsewhere = Elsewhere([JSONResponse(said, 429, {"Retry-After": "77"})])
    async with serve(elsewhere) as url, client(url) as call:
        with pytest.raises(LimitReached, match="all 5 are used") as refusal:
            await call("consume", "ada", "images")

    assert (refusal.value.used, refusal.value.retry_after) == (5, 77)


async def test_nobody_there_is_unavailable_and_the_last_answer_does_for_a_while(client: Ask) -> None:
    elsewhere, port = Elsewhere([JSONResponse(entitlement())]), free_port()
    options = Options(staleness=0, stale_if_unavailable=PATIENT, quick=UNHURRIED)
    async with client(f"http://127.0.0.1:{port}", options) as call:
        async with serve(elsewhere, port=port):
            assert not (await call("check", "ada", "ai_inbox")).stale
        assert (await call("check", "ada", "ai_inbox")).stale
        with pytest.raises(Unavailable, match="Tenure did not answer: ConnectError"):
            await call("check", "ada", "another")
        with pytest.raises(Unavailable):
            await call("consume", "ada", "images")


async def test_silence_is_borne_for_the_time_of_one_try(client: Ask) -> None:
    silent = asyncio.Event()

    async def say_nothing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await silent.wait()

    impatient = Options(quick=RetryPolicy(attempt_timeout=0.05, attempts=2, first_pause=0.001))
    async with serve(say_nothing) as url, client(url, impatient) as call:
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await call("check", "ada", "ai_inbox")
        silent.set()


async def test_an_answer_is_remembered_by_either_client_until_it_is_invalidated() -> None:
    elsewhere = Elsewhere([JSONResponse(entitlement()), JSONResponse(entitlement(allowed=False))])
    async with serve(elsewhere) as url, AsyncTenure(url, "key-1", OPTIONS) as tenure:
        assert (await tenure.check("ada", "ai_inbox")).allowed
        assert (await tenure.check("ada", "ai_inbox")).allowed
        tenure.invalidate("ada")
        assert not (await tenure.check("ada", "ai_inbox")).allowed


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="is no address of an API: it begins with https://"):
        Tenure("tenure.example", "key-1")


async def test_who_ask_the_same_at_once_ask_once(client: Ask) -> None:
    elsewhere = Elsewhere([JSONResponse(entitlement())])
    async with serve(elsewhere) as url, client(url) as call:
        told = await asyncio.gather(*(call("check", "ada", "ai_inbox") for _ in range(8)))

    assert [one.allowed for one in told] == [True] * 8
    assert len(elsewhere.heard) == 1


async def test_a_request_that_is_broken_off_leaves_its_question_to_who_waits_for_it() -> None:
    heard, first_answer = asyncio.Event(), asyncio.Event()
    elsewhere = Elsewhere([JSONResponse(entitlement())])

    async def silent_at_first(scope: Scope, receive: Receive, send: Send) -> None:
        if not heard.is_set() and scope["type"] == "http":
            heard.set()
            await first_answer.wait()
            return
        await elsewhere(scope, receive, send)

    async with serve(silent_at_first) as url, AsyncTenure(url, "key-1", OPTIONS) as tenure:
        first, *others = [asyncio.create_task(tenure.check("ada", "ai_inbox")) for _ in range(4)]
        await heard.wait()
        others.pop().cancel()  # who only waits takes nothing from the others
        first.cancel()
        told = await asyncio.gather(*others)
        first_answer.set()

    assert [one.allowed for one in told] == [True, True]
    assert len(elsewhere.heard) == 1


async def test_half_a_character_reaches_tenure_which_says_what_to_mend(client: Ask) -> None:
    said = {"code": "malformed", "errors": [{"field": "key", "detail": "no text"}]}
    elsewhere = Elsewhere([JSONResponse(said, 422)])
    async with serve(elsewhere) as url, client(url) as call:
        with pytest.raises(Malformed):
            await call("consume", "ada", "images", key="a\ud83d")

    assert elsewhere.heard[0][3]["key"] == "a\ud83d"
