"""Webhooks are accepted only when signed, and stored once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import structlog

from sandbox.stack import Stack
from tests.api.messages import PATH, an_event, kept, signed
from tests.harness.callers import Caller, problem_of, written, written_at_rest


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Every log line with its bound values."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        (None, "bad_signature"),
        ("", "bad_signature"),
        ("nonsense", "bad_signature"),
        ("t=abc,v1=00", "bad_signature"),
        ("t=1,v0=00", "bad_signature"),
        ("{forged}", "bad_signature"),
        ("t=1,v1=é", "bad_signature"),
        ("{stale}", "stale_signature"),
        ("{early}", "future_signature"),
    ],
)
async def test_an_event_without_a_current_signature_is_rejected(
    stack: Stack, stranger: Caller, signature: str | None, code: str
) -> None:
    event = an_event()
    body = json.dumps(event).encode()
    secret = stack.addresses.webhook_secret
    dated = {"stale": signed(body, secret, time.time() - 301), "early": signed(body, secret, time.time() + 86_400)}
    told = (signature or "").format(forged=signed(body, "whsec_other"), **dated)
    headers = [] if signature is None else [(b"Stripe-Signature", told.encode("latin-1"))]

    answer = await stranger.http.post(PATH, content=body, headers=headers)

    problem_of(answer, 400, code)
    assert await kept(stack, event["id"]) == []


async def test_a_clock_slightly_ahead_is_tolerated(stack: Stack, stranger: Caller) -> None:
    event = an_event()
    body = json.dumps(event).encode()

    answer = await stranger.send(
        PATH, body, **{"Stripe-Signature": signed(body, stack.addresses.webhook_secret, time.time() + 60)}
    )

    assert answer.status_code == 200
    assert await kept(stack, event["id"]) == [None]


async def test_a_modified_body_is_rejected(stack: Stack, stranger: Caller) -> None:
    event = an_event()
    body = json.dumps(event).encode()
    signature = signed(body, stack.addresses.webhook_secret)

    problem_of(await stranger.send(PATH, body + b" ", **{"Stripe-Signature": signature}), 400, "bad_signature")

    assert await kept(stack, event["id"]) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"event"', b"{}", b'{"id":"evt_1","type":"x","data":{"object":null}}', b"\xff\xfe"],
)
async def test_a_signed_body_that_is_not_an_event_is_rejected(stack: Stack, stranger: Caller, body: bytes) -> None:
    before = await written_at_rest(stack, "webhook_inbox")
    signature = signed(body, stack.addresses.webhook_secret)

    problem_of(await stranger.send(PATH, body, **{"Stripe-Signature": signature}), 400, "bad_event")

    assert await written(stack.engine, "webhook_inbox") == before


async def test_an_event_sent_ten_times_is_stored_once_and_acknowledged_each_time(
    stack: Stack, stranger: Caller
) -> None:
    event = an_event()
    body = json.dumps(event).encode()
    signature = {"Stripe-Signature": signed(body, stack.addresses.webhook_secret)}

    answers = await asyncio.gather(*(stranger.send(PATH, body, **signature) for _ in range(10)))

    assert [answer.status_code for answer in answers] == [200] * 10
    assert await kept(stack, event["id"]) == [None]


REFUSED: dict[str, tuple[bytes, dict[str, Any], int, str]] = {
    "forged": (json.dumps(an_event()).encode(), {"secret": "whsec_other"}, 400, "bad_signature"),
    "stale": (json.dumps(an_event()).encode(), {"at": 0}, 400, "stale_signature"),
    "oversized": (json.dumps(an_event(more="x" * 1024 * 1024)).encode(), {}, 413, "too_large"),
    "no JSON": (b"id=evt_1", {}, 400, "bad_event"),
    "no object": (b"[]", {}, 400, "bad_event"),
    "nested too deeply": (b"[" * 100_000, {}, 400, "bad_event"),
    "a zero in its id": (b'{"id":"evt_\\u0000","type":"x","data":{"object":{}}}', {}, 400, "bad_event"),
    "half a character": (b'{"id":"evt_\\ud800","type":"x","data":{"object":{}}}', {}, 400, "bad_event"),
    "an endless id": (json.dumps(an_event() | {"id": "e" * 100_000}).encode(), {}, 400, "bad_event"),
    "another account": (json.dumps(an_event() | {"account": "acct_other"}).encode(), {}, 400, "wrong_account"),
    "another context": (
        b'{"id":"evt_1","object":"v2.core.event","type":"v1.invoice.paid","context":"acct_other"}',
        {},
        400,
        "wrong_account",
    ),
    "live mode": (json.dumps(an_event() | {"livemode": True}).encode(), {}, 400, "wrong_mode"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("is_announced", [True, False], ids=["length announced", "in pieces"])
async def test_a_rejected_webhook_leaves_one_log_line_and_no_row(
    stack: Stack, stranger: Caller, logged: list[Any], name: str, case: str, is_announced: bool
) -> None:
    body, signing, status, code = REFUSED[case]
    before = await written_at_rest(stack, "webhook_inbox")
    signature = signed(body, **{"secret": stack.addresses.webhook_secret} | signing)
    headers = {"Stripe-Signature": signature, "X-Request-Id": name}

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    answer = await stranger.http.post(PATH, content=body if is_announced else pieces(), headers=headers)

    problem_of(answer, status, code)
    [line] = [line for line in logged if line.get("request_id") == name]
    assert (line["event"], line["log_level"]) == ("request", "warning")
    assert (line["status"], line["refused"]) == (status, code)
    assert await written(stack.engine, "webhook_inbox") == before


@pytest.mark.parametrize(("secret", "status"), [("whsec_old", 200), ("whsec_new", 200), ("whsec_none", 400)])
async def test_both_secrets_are_valid_while_one_is_being_replaced(
    rotating: httpx.AsyncClient, secret: str, status: int
) -> None:
    body = json.dumps(an_event()).encode()

    answer = await rotating.post(PATH, content=body, headers={"Stripe-Signature": signed(body, secret)})

    assert answer.status_code == status
