"""Billing sessions over HTTP: who may make one, for whom, and what is kept of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of

PATH = "/v1/billing-sessions"


async def test_a_link_is_made_for_a_customer_or_a_subscription(admin: Caller, stack: Stack, name: str) -> None:
    made = await admin.signed_up(name)

    answers = [await admin.post(PATH, body) for body in ({"subscription": made["id"]}, {"customer": name})]

    assert [answer.status_code for answer in answers] == [201, 201]
    first, second = (answer.json() for answer in answers)
    assert first["url"].startswith(f"{stack.addresses.api_url}/billing/enter/")
    assert first["url"] != second["url"]
    assert first.keys() == {"url", "expires_at"}


@pytest.mark.parametrize(("asked", "seconds"), [({}, 300), ({"expires_in": 3600}, 3600), ({"expires_in": 1}, 1)])
async def test_a_link_expires_after_five_minutes_or_as_asked(
    admin: Caller, name: str, asked: dict[str, int], seconds: int
) -> None:
    await admin.signed_up(name)
    before = datetime.now(UTC)

    answer = await admin.post(PATH, {"customer": name} | asked)

    lives = datetime.fromisoformat(answer.json()["expires_at"]) - before
    # The database's clock is this machine's.
    assert timedelta(seconds=seconds - 1) <= lives <= datetime.now(UTC) - before + timedelta(seconds=seconds + 1)


async def test_a_repeat_returns_the_same_link_which_is_stored_nowhere(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)
    key = str(uuid4())

    first, again = [await admin.post(PATH, {"customer": name}, key=key) for _ in range(2)]
    other = await admin.post(PATH, {"customer": name, "flow": "pay"}, key=key)

    assert again.json() == first.json()
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    problem_of(other, 409, "idempotency_key_reused")
    token = first.json()["url"].rpartition("/")[2]
    async with stack.engine.connect() as connection:
        bodies = (
            await connection.execute(text("select body from idempotency_keys where key = :key"), {"key": key})
        ).all()
    assert [bytes(row.body) for row in bodies] == [b""]
    assert len(token) == 43


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"return_url": "http://app.example/settings"}, "return_url"),
        ({"return_url": "http://127.0.0.1.example/"}, "return_url"),
        ({"return_url": "https://ada:secret@app.example/"}, "return_url"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"flow": "refund"}, "flow"),
        ({"locale": "not a language"}, "locale"),
        ({"expires_in": 3601}, "expires_in"),
        ({"expires_in": 0}, "expires_in"),
        ({"embed": "yes"}, "embed"),
        ({"subscription": "5c1f2f0e-0000-4000-8000-0000000000bb"}, "body"),
    ],
    ids=str,
)
async def test_a_bad_request_names_its_field(admin: Caller, body: dict[str, Any], field: str) -> None:
    answer = await admin.post(PATH, {"customer": "whoever"} | body)

    assert fields_of(problem_of(answer, 422, "malformed")) == {field}


@pytest.mark.parametrize(
    "return_url", ["https://app.example/a?b=c", "http://localhost:3000/", "http://127.0.0.1:3000/x", "http://[::1]:80/"]
)
async def test_a_customer_is_sent_back_by_https_or_on_their_own_machine(
    admin: Caller, name: str, return_url: str
) -> None:
    await admin.signed_up(name)

    assert (await admin.post(PATH, {"customer": name, "return_url": return_url})).status_code == 201


async def test_nobody_gets_a_link_to_a_stranger(admin: Caller, stack: Stack, name: str) -> None:
    made = await admin.signed_up(name)

    async with Caller.of_role(stack, Role.SERVICE, tenant=name) as elsewhere:
        for body in ({"customer": name}, {"subscription": made["id"]}):
            assert (await elsewhere.post(PATH, body)).status_code == 404
    async with Caller.of_role(stack, Role.READ_ONLY) as reader:
        problem_of(await reader.post(PATH, {"customer": name}), 403, "forbidden")
