"""API keys over HTTP: made, rotated and revoked by admins, and shown once."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from api.app import create_app
from domain.api_keys import KeyMode, mode_of_key, new_key
from sandbox.serving import serve
from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of


async def created(caller: Caller, **body: Any) -> dict[str, Any]:
    answer = await caller.post("/v1/api-keys", {"role": "service"} | body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def works(stack: Stack, key: str) -> bool:
    async with Caller.holding(stack, key) as caller:
        return (await caller.get("/v1/plans")).status_code == 200


@pytest.fixture
async def live(stack: Stack) -> AsyncIterator[str]:
    """The address of an API that takes real money."""
    async with serve(create_app(replace(stack.api_parts, key_mode=KeyMode.LIVE))) as address:
        yield address


@pytest.mark.parametrize("role", list(Role))
async def test_a_key_of_every_role_is_created_and_shown_once(stack: Stack, alone: Caller, role: Role) -> None:
    made = await created(alone, role=role.value, name="the shop")

    assert (made["role"], made["name"], made["status"], made["expires_at"]) == (role, "the shop", "active", None)
    assert made["created_by"].startswith("admin ")
    assert mode_of_key(made["key"]) is KeyMode.TEST
    assert made["hint"].startswith("tn_test_")
    assert await works(stack, made["key"]) is (role is not Role.WEBHOOKS)

    listed = (await alone.get("/v1/api-keys")).json()
    assert made["key"] not in json.dumps(listed)
    [found] = [one for one in listed["data"] if one["id"] == made["id"]]
    assert found == {name: value for name, value in made.items() if name != "key"} | {
        "last_used_at": found["last_used_at"]
    }


async def test_a_repeat_gets_the_same_answer_without_the_key(stack: Stack, alone: Caller, name: str) -> None:
    body = {"role": "service", "name": name}
    first = await alone.post("/v1/api-keys", body, key=name)

    again = await alone.post("/v1/api-keys", body, key=name)

    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == first.json() | {"key": None}
    problem_of(await alone.post("/v1/api-keys", body | {"role": "admin"}, key=name), 409, "idempotency_key_reused")
    assert [one["name"] for one in (await alone.get("/v1/api-keys")).json()["data"]].count(name) == 1
    async with stack.engine.connect() as connection:
        for table in ("idempotency_keys", "api_keys"):
            rows = text(f"SELECT * FROM {table} WHERE tenant = :name")  # noqa: S608
            for row in await connection.execute(rows, {"name": name}):
                assert first.json()["key"].encode() not in b" ".join(
                    value if isinstance(value, bytes) else str(value).encode() for value in row
                )


async def test_a_repeat_whose_first_response_was_lost_makes_no_second_key(
    stack: Stack, alone: Caller, name: str
) -> None:
    body = {"role": "service", "name": name}
    first = (await alone.post("/v1/api-keys", body, key=name)).json()
    async with stack.engine.begin() as connection:
        await connection.execute(text("DELETE FROM idempotency_keys WHERE tenant = :name"), {"name": name})

    again = (await alone.post("/v1/api-keys", body, key=name)).json()

    assert (again["id"], again["key"]) == (first["id"], None)


async def test_a_rotated_key_works_beside_the_new_one(stack: Stack, alone: Caller, name: str) -> None:
    old = await created(alone, name=name)

    answer = await alone.post(f"/v1/api-keys/{old['id']}/rotate", {"overlap": "2h"}, key=name)

    new = answer.json()
    assert answer.status_code == 201, answer.text
    assert (new["name"], new["role"], new["status"]) == (name, "service", "active")
    assert await works(stack, old["key"])
    assert await works(stack, new["key"])
    [before] = [one for one in (await alone.get("/v1/api-keys")).json()["data"] if one["id"] == old["id"]]
    assert (before["status"], before["replaced_by"]) == ("rotated", new["id"])
    repeated = await alone.post(f"/v1/api-keys/{old['id']}/rotate", {"overlap": "2h"}, key=name)
    assert repeated.json() == new | {"key": None}
    problem_of(await alone.post(f"/v1/api-keys/{old['id']}/rotate"), 409, "api_key_rotated")


async def test_without_overlap_the_old_key_ends_at_once(stack: Stack, alone: Caller) -> None:
    old = await created(alone)

    new = (await alone.post(f"/v1/api-keys/{old['id']}/rotate", {"overlap": 0})).json()

    assert not await works(stack, old["key"])
    assert await works(stack, new["key"])


async def test_a_revoked_key_is_shown_as_revoked_and_refused(stack: Stack, alone: Caller) -> None:
    made = await created(alone)

    ended = await alone.post(f"/v1/api-keys/{made['id']}/revoke")

    assert ended.status_code == 200, ended.text
    assert (ended.json()["status"], ended.json()["revoked_at"] is not None) == ("revoked", True)
    assert "key" not in ended.json()
    assert not await works(stack, made["key"])
    assert (await alone.post(f"/v1/api-keys/{made['id']}/revoke")).json() == ended.json()
    problem_of(await alone.post(f"/v1/api-keys/{made['id']}/rotate"), 409, "api_key_revoked")


@pytest.mark.parametrize(("given", "days"), [("90d", 90), (86400, 1), ("1w", 7)])
async def test_a_key_expires_when_it_is_said_to(alone: Caller, given: object, days: int) -> None:
    made = await created(alone, expires_in=given)

    assert made["expires_at"][:10] > made["created_at"][:10]
    assert days == (_day(made["expires_at"]) - _day(made["created_at"])).days


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "role"),
        ({"role": "read-only"}, "role"),
        ({"role": "root"}, "role"),
        ({"role": "service", "name": "two\nlines"}, "name"),
        ({"role": "service", "expires_in": 0}, "expires_in"),
        ({"role": "service", "expires_in": -1}, "expires_in"),
        ({"role": "service", "expires_in": "soon"}, "expires_in"),
        ({"role": "service", "expires_in": "999999999d"}, "expires_in"),
        ({"role": "service", "expires_in": "999999999w"}, "expires_in"),
        ({"role": "service", "expires_in": True}, "expires_in"),
        ({"role": "service", "expires_in": 1.5}, "expires_in"),
        ({"role": "service", "tenant": "other"}, "tenant"),
    ],
)
async def test_a_malformed_request_names_the_field_and_makes_no_key(
    alone: Caller, body: dict[str, Any], field: str
) -> None:
    before = (await alone.get("/v1/api-keys")).json()

    problem = problem_of(await alone.post("/v1/api-keys", body), 422, "malformed")

    assert fields_of(problem) == {field}
    assert [one["id"] for one in (await alone.get("/v1/api-keys")).json()["data"]] == [
        one["id"] for one in before["data"]
    ]


async def test_an_overlap_is_bounded(alone: Caller) -> None:
    made = await created(alone)

    problem = problem_of(await alone.post(f"/v1/api-keys/{made['id']}/rotate", {"overlap": "31d"}), 422, "malformed")

    assert fields_of(problem) == {"overlap"}


@pytest.mark.parametrize("what", ["rotate", "revoke"])
async def test_another_tenants_keys_are_not_there(admin: Caller, alone: Caller, what: str) -> None:
    made = await created(alone)

    problem_of(await admin.post(f"/v1/api-keys/{made['id']}/{what}"), 404, "unknown_api_key")
    problem_of(await admin.post(f"/v1/api-keys/none/{what}"), 404, "unknown_api_key")
    assert made["id"] not in {one["id"] for one in (await admin.get("/v1/api-keys", limit=100)).json()["data"]}


async def test_the_list_is_paged(alone: Caller) -> None:
    made = [(await created(alone))["id"] for _ in range(3)]

    first = (await alone.get("/v1/api-keys", limit=2)).json()
    second = (await alone.get("/v1/api-keys", limit=2, cursor=first["next_cursor"])).json()

    assert [one["id"] for one in first["data"]] == made[:0:-1]
    assert second["data"][0]["id"] == made[0]
    assert second["next_cursor"] is None
    problem_of(await alone.get("/v1/api-keys", cursor="x"), 422, "malformed")


async def test_a_denial_names_the_role_that_is_lacking(stack: Stack) -> None:
    async with Caller.of_role(stack, Role.OPERATOR) as operator:
        problem = problem_of(await operator.get("/v1/api-keys"), 403, "forbidden")
        assert problem["detail"] == "a key with role operator may not do this; this requires admin"
    async with Caller.of_role(stack, Role.WEBHOOKS) as webhooks:
        detail = problem_of(await webhooks.get("/v1/plans"), 403, "forbidden")["detail"]
        assert detail == (
            "a key with role webhooks may not do this: it is for webhook endpoints and deliveries alone;"
            " this requires read_only, service, operator or admin"
        )


async def test_where_real_money_is_taken_test_keys_are_refused_in_clear_words(stack: Stack, live: str) -> None:
    async with Caller.at(live, stack.addresses.admin_key) as caller:
        problem = problem_of(await caller.get("/v1/plans"), 401, "unauthorized")
        assert "test key" in problem["detail"]
        assert "tenure keys create" in problem["detail"]
    async with Caller.at(live, new_key(KeyMode.TEST)) as stranger:
        problem_of(await stranger.get("/v1/plans"), 401, "unauthorized")


async def test_where_real_money_is_taken_keys_are_live(stack: Stack, live: str, alone: Caller) -> None:
    key = (await alone.post("/v1/api-keys", {"role": "admin"})).json()["key"]
    assert mode_of_key(key) is KeyMode.TEST
    async with Caller.of_role(stack, Role.ADMIN) as holder, Caller.at(live, _key_of(holder)) as admin:
        made = await created(admin)
        assert mode_of_key(made["key"]) is KeyMode.LIVE
        new = (await admin.post(f"/v1/api-keys/{made['id']}/rotate")).json()
        assert mode_of_key(new["key"]) is KeyMode.LIVE


def _key_of(caller: Caller) -> str:
    return str(caller.http.headers["Authorization"].removeprefix("Bearer "))


def _day(moment: str) -> Any:
    return datetime.fromisoformat(moment)
