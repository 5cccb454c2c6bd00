"""Recording usage over HTTP: batches with a result per event, setting gauges, resetting counters."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of


def an_event(customer: str, meter: str = "runs", quantity: object = 1, key: str = "", **more: object) -> dict[str, Any]:
    return {"customer": customer, "meter": meter, "quantity": quantity, "key": f"{customer}-{key or meter}"} | more


async def told(caller: Caller, *events: object) -> dict[str, Any]:
    answer = await caller.send("/v1/usage", json.dumps({"events": list(events)}).encode())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def used(caller: Caller, customer: str, feature: str) -> int:
    found = (await caller.get(f"/v1/customers/{customer}/usage")).json()["usage"][feature]["used"]
    assert isinstance(found, int)
    return found


async def test_recorded_usage_is_counted_beyond_every_limit(shop: Caller, name: str) -> None:
    batch = await told(
        shop, an_event(name, quantity=9), an_event(name, "calls", 50), an_event(name, quantity=3, key="2")
    )

    assert (batch["counted"], batch["repeated"], batch["refused"]) == (3, 0, 0)
    assert [(one["key"], one["outcome"], one["used"], one["limit"], one["level"]) for one in batch["results"]] == [
        (f"{name}-runs", "counted", 9, 10, "warned"),
        (f"{name}-calls", "counted", 50, 3, "reached"),
        (f"{name}-2", "counted", 12, 10, "reached"),
    ]
    assert (await used(shop, name, "runs"), await used(shop, name, "calls")) == (12, 50)


async def test_a_repeated_batch_counts_nothing_twice(shop: Caller, name: str) -> None:
    batch = [an_event(name, key=str(number)) for number in range(3)]
    await told(shop, *batch)

    again = await told(shop, *batch, an_event(name, key="new"), an_event(name, key="new"))

    assert [one["outcome"] for one in again["results"]] == ["repeated"] * 3 + ["counted", "repeated"]
    assert (again["counted"], again["repeated"], again["refused"]) == (1, 4, 0)
    assert await used(shop, name, "runs") == 4


WRONG: list[tuple[object, str, str]] = [
    ({"meter": "runz"}, "unknown_meter", "'runs'"),
    ({"meter": "export"}, "feature_not_in_plan", "counted"),
    ({"quantity": 0}, "malformed", "quantity: must be at least 1"),
    ({"quantity": -1}, "malformed", "quantity:"),
    ({"quantity": 10**12 + 1}, "malformed", "quantity:"),
    ({"quantity": 1.5}, "malformed", "quantity:"),
    ({"quantity": True}, "malformed", "quantity:"),
    ({"key": ""}, "malformed", "key:"),
    ({"customer": "\0"}, "malformed", "customer: control characters"),
    ({"customer": "a\ud83d"}, "malformed", "customer:"),
    ({"meter": "runs\ud83d"}, "malformed", "meter:"),
    ({"key": "a\ud83d"}, "malformed", "key:"),
    ({"\ud83d": 1}, "malformed", "event:"),
    ({"action": "consume"}, "malformed", "action:"),
    ({"amount": 1}, "malformed", "amount: unknown field"),
    ({"at": "yesterday"}, "malformed", "at:"),
    ({"at": "0001-01-01T00:00:00+14:00"}, "malformed", "at: the year"),
    ({"at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "in_the_future", "5 minutes"),
    ({"at": (datetime.now(UTC) - timedelta(days=36)).isoformat()}, "too_late", "35 days"),
    ({"action": "release"}, "not_a_gauge", "gauges"),
    ({"action": "release", "meter": "seats"}, "nothing_to_release", "in use"),
    ({"key": "taken"}, "key_reused", "a new key"),
    ("an event", "malformed", "event: "),
    (None, "malformed", "event: "),
]


async def test_a_malformed_event_is_refused_on_its_own_with_the_reason(shop: Caller, name: str) -> None:
    await told(shop, an_event(f"{name}-other") | {"key": "taken"})
    wrong = [an_event(name, key=str(n)) | one if isinstance(one, dict) else one for n, (one, _, _) in enumerate(WRONG)]

    batch = await told(shop, an_event(name, key="first"), *wrong, an_event(name, key="last"))

    first, *refused, last = batch["results"]
    assert [(one["outcome"], one["code"]) for one in refused] == [("refused", code) for _, code, _ in WRONG]
    for one, (_, code, detail) in zip(refused, WRONG, strict=True):
        assert detail in one["detail"], f"{code}: {one['detail']}"
    assert (first["outcome"], last["outcome"], last["used"]) == ("counted", "counted", 2)
    assert (batch["counted"], batch["refused"]) == (2, len(WRONG))
    halves = [one for one in refused if None in (one["key"], one["customer"], one["meter"])]
    assert len(halves) == 5, "of an event that is none, and of what came as half of a character"
    assert {one["plan"] is None for one in refused if one["code"] == "malformed"} == {True}
    known = [one for one in (first, *refused, last) if one["code"] != "malformed"]
    assert {(one["plan"]["catalog"], one["plan"]["code"], one["basis"]) for one in known} == {
        ("gadgets_v1", "free", "free_plan")
    }


async def test_late_events_count_in_their_own_period(shop: Caller, name: str) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    batch = await told(shop, an_event(name, "calls", 2, at=yesterday), an_event(name, "calls", 1, key="today"))
    assert [one["used"] for one in batch["results"]] == [2, 1]
    past = (await shop.get(f"/v1/customers/{name}/usage/calls")).json()["periods"]
    assert [one["used"] for one in past] == [2, 1]


async def test_gauges_can_be_set_in_a_batch(shop: Caller, name: str) -> None:
    actions = [("set", 7), ("release", 2), ("record", 1), ("set", 0), ("record", 4)]
    events = [an_event(name, "seats", quantity, key=str(n), action=a) for n, (a, quantity) in enumerate(actions)]
    assert [one["used"] for one in (await told(shop, *events))["results"]] == [7, 5, 6, 0, 4]


async def test_a_batch_holds_up_to_a_thousand_events(shop: Caller, name: str) -> None:
    events = [an_event(f"{name}-{number % 7}", key=str(number)) for number in range(1000)]
    assert (await told(shop, *events))["counted"] == 1000
    assert await used(shop, f"{name}-0", "runs") == 143

    more = await shop.post("/v1/usage", {"events": [*events, an_event(name)]})
    assert fields_of(problem_of(more, 422, "malformed")) == {"events"}


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": {}}, {"events": None}, []])
async def test_an_invalid_batch_is_rejected_as_a_whole(shop: Caller, body: object) -> None:
    problem_of(await shop.post("/v1/usage", body), 422, "malformed")


async def test_a_read_only_key_cannot_record_usage(stack: Stack, name: str) -> None:
    async with Caller.of_role(stack, Role.READ_ONLY) as reader:
        problem_of(await reader.post("/v1/usage", {"events": [an_event(name)]}), 403, "forbidden")
        problem_of(await reader.post(f"/v1/customers/{name}/usage/users/set", {"quantity": 1}), 403, "forbidden")


async def test_a_gauge_can_be_set(shop: Caller, name: str) -> None:
    path = f"/v1/customers/{name}/usage/seats/set"
    first = (await shop.post(path, {"quantity": 4, "key": f"{name}-1"})).json()
    again = (await shop.post(path, {"quantity": 4, "key": f"{name}-1"})).json()
    none = (await shop.post(path, {"quantity": 0}, key=f"{name}-2")).json()

    assert (first["used"], first["limit"], first["level"], first["repeated"]) == (4, 1, "reached", False)
    assert (again["used"], again["repeated"]) == (4, True)
    assert (none["used"], none["quantity"], none["key"]) == (0, 0, f"{name}-2")
    assert none["plan"]["code"] == "free"
    problem_of(await shop.post(path, {"quantity": 5, "key": f"{name}-1"}), 409, "key_reused")
    assert fields_of(problem_of(await shop.post(path, {"quantity": -1}), 422, "malformed")) == {"quantity"}
    unnamed = await shop.http.post(path, json={"quantity": 1})
    assert fields_of(problem_of(unnamed, 422, "malformed")) == {"key"}


@pytest.mark.parametrize(
    ("feature", "status", "code"), [("calls", 422, "not_a_gauge"), ("seatz", 404, "unknown_feature")]
)
async def test_only_gauges_can_be_set(shop: Caller, name: str, feature: str, status: int, code: str) -> None:
    problem_of(await shop.post(f"/v1/customers/{name}/usage/{feature}/set", {"quantity": 1}), status, code)


async def test_an_operator_resets_one_feature_or_a_whole_meter_with_a_reason(
    stack: Stack, shop: Caller, name: str
) -> None:
    await told(shop, an_event(name, "posts", 2))
    path = f"/v1/customers/{name}/usage/posts_a_day/reset"

    answer = (await shop.post(path, {"reason": "counted twice by us", "key": f"{name}-reset"})).json()

    assert (answer["feature"], answer["used"], answer["remaining"]) == ("posts_a_day", 0, 2)
    assert {one["feature"]: one["used"] for one in answer["limits"]} == {"posts_a_day": 0}
    assert await used(shop, name, "posts_a_week") == 2
    query = text("select reason, split_part(actor, ' ', 1) as role from usage_log where key = :key")
    async with stack.engine.connect() as connection:
        assert (await connection.execute(query, {"key": f"{name}-reset"})).one() == ("counted twice by us", "admin")
    await told(shop, an_event(name, "posts", 1, key="more"))
    repeated = (await shop.post(path, {"reason": "counted twice by us", "key": f"{name}-reset"})).json()
    assert (repeated["repeated"], repeated["used"]) == (True, 1)

    await shop.post(f"/v1/customers/{name}/usage/posts/reset", {"reason": "counted twice by us"})
    assert (await used(shop, name, "posts_a_day"), await used(shop, name, "posts_a_week")) == (0, 0)


async def test_a_days_limit_of_calls_is_cleared_and_the_audit_has_what_was_counted(shop: Caller, name: str) -> None:
    await shop.signed_up(name, plan="pro")
    known = (await shop.get(f"/v1/customers/{name}")).json()
    for number in range(2):
        assert (await consume(shop, name, number)).status_code == 200
    problem_of(await consume(shop, name, 3), 429, "limit_reached")
    path = f"/v1/customers/{name}/usage/calls/reset"

    assert (await shop.post(path, {"reason": "their integration went wild", "used": 25})).json()["used"] == 25

    assert (await consume(shop, name, 4)).status_code == 200
    raised = await shop.post(path, {"reason": "a slip", "used": 51})
    assert fields_of(problem_of(raised, 422, "malformed")) == {"used"}
    entries = (await shop.get("/v1/audit", target=known["id"], action="resetUsage")).json()["data"]
    assert [(one["reason"], one["outcome"]) for one in entries] == [
        ("a slip", "refused"),
        ("their integration went wild", "done"),
    ]
    assert entries[1]["after"]["usage"] == {"calls": {"before": 50, "after": 25}}
    assert entries[1]["after"]["email"] == known["email"]


async def consume(shop: Caller, name: str, number: int) -> httpx.Response:
    return await shop.post(
        f"/v1/customers/{name}/consume", {"feature": "calls", "quantity": 25, "key": f"{name}/{number}"}
    )


async def test_a_gauge_is_set_and_not_reset(shop: Caller, name: str) -> None:
    await shop.post(f"/v1/customers/{name}/usage/seats/set", {"quantity": 1}, key=name)

    refused = await shop.post(f"/v1/customers/{name}/usage/seats/reset", {"reason": "because"})

    assert fields_of(problem_of(refused, 422, "is_a_gauge")) == {"feature"}
    assert await used(shop, name, "seats") == 1


async def test_a_reset_requires_an_operator_and_a_reason(stack: Stack, shop: Caller, name: str) -> None:
    path = f"/v1/customers/{name}/usage/runs/reset"
    async with Caller.of_role(stack, Role.SERVICE) as service:
        problem_of(await service.post(path, {"reason": "because"}), 403, "forbidden")
    for body in ({}, {"reason": ""}, {"reason": "  "}):
        assert fields_of(problem_of(await shop.post(path, body), 422, "malformed")) == {"reason"}
    switch = await shop.post(f"/v1/customers/{name}/usage/export/reset", {"reason": "because"})
    assert fields_of(problem_of(switch, 422, "not_counted")) == {"feature"}
