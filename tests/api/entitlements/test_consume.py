"""Consumption over HTTP: what is counted, what is refused and how, and that a key counts once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from storage.access.api_keys import ApiKeys, Role
from storage.access.tenants import Tenants
from tests.harness.callers import Caller, fields_of, problem_of

PLAN = {"code": "free", "name": "Free", "catalog": "gadgets_v1"}


async def consume(caller: Caller, customer: str, feature: str, **more: Any) -> Any:
    return await caller.post(f"/v1/customers/{customer}/consume", {"feature": feature} | more)


async def test_usage_is_counted_and_the_remainder_is_returned(shop: Caller, name: str) -> None:
    answer = await consume(shop, name, "runs", quantity=3, key=f"{name}-1")

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["plan"] == PLAN
    assert (told["basis"], told["customer"], told["key"]) == ("free_plan", name, f"{name}-1")
    assert (told["allowed"], told["repeated"], told["hint"], told["upgrades"]) == (True, False, None, [])
    counts = ("used", "limit", "unlimited", "remaining", "percent", "level", "window")
    assert [told[count] for count in counts] == [3, 10, False, 7, 30, "ok", "month"]
    assert datetime.fromisoformat(told["resets_at"]).day == 1
    assert [one["feature"] for one in told["limits"]] == ["runs"]


async def test_usage_beyond_the_limit_is_refused(shop: Caller, name: str) -> None:
    for number in range(3):
        assert (await consume(shop, name, "calls", key=f"{name}-{number}")).status_code == 200

    refused = await consume(shop, name, "calls", key=f"{name}-4")

    problem = problem_of(refused, 429, "limit_reached")
    assert (problem["used"], problem["limit"], problem["remaining"], problem["percent"]) == (3, 3, 0, 100)
    assert problem["plan"]["code"] == "free"
    assert [(one["plan"], one["limit"], one["price_difference"]) for one in problem["upgrades"]] == [
        ("pro", 50, 4900),
        ("scale", 60, 19900),
    ]
    assert 0 < int(refused.headers["Retry-After"]) <= 86400
    assert refused.headers["RateLimit-Policy"].startswith('"calls";q=3;w=86400, "key";')
    assert refused.headers["RateLimit"].startswith('"calls";r=0;t=')


async def test_a_feature_not_in_the_plan_is_refused_with_the_plans_that_have_it(shop: Caller, name: str) -> None:
    problem = problem_of(await consume(shop, name, "jobs", key=name), 403, "feature_not_in_plan")
    switch = problem_of(await consume(shop, name, "export", key=name), 403, "feature_not_in_plan")
    model = problem_of(await consume(shop, name, "models", value="gpt", key=name), 403, "feature_not_in_plan")

    assert [plan["code"] for plan in problem["plans"]] == ["pro", "scale"]
    assert [plan["code"] for plan in switch["plans"]] == ["pro", "scale"]
    assert [plan["code"] for plan in model["plans"]] == ["scale"]
    assert model["available"] == ["basic"]
    assert [one["plan"] for one in model["upgrades"]] == ["scale"]


async def test_an_unknown_feature_is_not_found_and_similar_names_are_suggested(shop: Caller, name: str) -> None:
    problem = problem_of(await consume(shop, name, "callz", key=name), 404, "unknown_feature")

    assert "'calls'" in problem["detail"]
    assert problem["near"][0] == "calls"


async def test_a_meter_consumes_all_its_features_or_none(shop: Caller, name: str) -> None:
    first = (await consume(shop, name, "posts", key=f"{name}-1")).json()
    second = (await consume(shop, name, "posts_a_week", key=f"{name}-2")).json()

    assert [(one["feature"], one["used"], one["limit"]) for one in first["limits"]] == [
        ("posts_a_day", 1, 2),
        ("posts_a_week", 1, 3),
    ]
    assert first["feature"] == "posts_a_day", "of a meter, the one of which the least is left"
    assert (second["feature"], second["used"], second["hint"]) == ("posts_a_week", 2, second["hint"])
    assert "Posts a day: 2 of 2" in second["hint"], "the hint is of what is nearest to its limit"
    problem = problem_of(await consume(shop, name, "posts_a_week", key=f"{name}-3"), 429, "limit_reached")
    assert (problem["feature"], problem["used"], problem["limit"]) == ("posts_a_day", 2, 2)
    usage = (await shop.get(f"/v1/customers/{name}/usage")).json()["usage"]
    assert (usage["posts_a_day"]["used"], usage["posts_a_week"]["used"]) == (2, 2)


async def test_of_two_reached_limits_the_longer_lasting_one_is_reported(shop: Caller, name: str) -> None:
    event = {"customer": name, "meter": "posts", "quantity": 3, "key": f"{name}-told"}
    assert (await shop.post("/v1/usage", {"events": [event]})).json()["counted"] == 1

    refused = await consume(shop, name, "posts_a_day", key=name)

    usage = (await shop.get(f"/v1/customers/{name}/usage")).json()["usage"]
    last = max(usage[one]["resets_at"] for one in ("posts_a_day", "posts_a_week"))
    assert problem_of(refused, 429, "limit_reached")["resets_at"] == last
    wait = (datetime.fromisoformat(last) - datetime.now(UTC)).total_seconds()
    assert abs(int(refused.headers["Retry-After"]) - wait) < 60


async def test_near_the_limit_there_is_a_hint_and_what_would_allow_more(shop: Caller, name: str) -> None:
    levels = {}
    for used in range(1, 12):
        told = (await consume(shop, name, "runs", key=f"{name}-{used}")).json()
        levels[used] = (told["level"], told["hint"] is not None, [one["plan"] for one in told["upgrades"]])
    problem = problem_of(await consume(shop, name, "runs", key=f"{name}-12"), 429, "limit_reached")

    more = ["pro", "scale"]
    assert levels[7] == ("ok", False, [])
    assert levels[8] == ("hint", True, more)
    assert levels[9] == ("warned", True, more)
    assert levels[10] == ("grace", True, more)
    assert levels[11] == ("reached", True, more)
    assert (problem["used"], problem["limit"], problem["percent"]) == (11, 10, 110)
    if problem["grace_ends_at"] is None:
        assert datetime.fromisoformat(problem["resets_at"]) <= datetime.now(UTC) + timedelta(days=7)
    else:
        grace = datetime.fromisoformat(problem["grace_ends_at"]) - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < grace <= timedelta(days=7)
    assert "11 of 10" in problem["detail"]


async def test_a_limit_that_money_can_raise_is_a_402(shop: Caller, name: str) -> None:
    await shop.signed_up(name, plan="pro")
    headers = (await consume(shop, name, "jobs", quantity=5, key=f"{name}-1")).headers

    refused = await consume(shop, name, "jobs", key=f"{name}-2")

    problem = problem_of(refused, 402, "limit_reached")
    assert [(one["plan"], one["limit"], one["price_difference"]) for one in problem["upgrades"]] == [
        ("scale", 8, 15000)
    ]
    assert "Retry-After" not in refused.headers
    fortnight = 14 * 86400
    assert headers["RateLimit-Policy"].startswith(f'"jobs";q=5;w={fortnight}, '), "a trial is one period"


async def test_add_ons_and_seats_count_and_are_suggested(shop: Caller, name: str) -> None:
    await shop.signed_up(name, plan="pro", quantity=2, add_ons={"seats": 1})

    told = (await consume(shop, name, "seats", quantity=8, key=f"{name}-1")).json()
    problem = problem_of(await consume(shop, name, "seats", quantity=3, key=f"{name}-2"), 429, "limit_reached")

    assert (told["limit"], told["used"], told["resets_at"], told["window"]) == (8, 8, None, "gauge")
    [plan, add_on] = problem["upgrades"]
    assert (plan["plan"], plan["limit"], plan["price_difference"]) == ("scale", 22, 2 * 15000)
    assert (add_on["plan"], add_on["add_on"], add_on["units"], add_on["limit"]) == (None, "seats", 2, 12)
    assert (add_on["amount"], add_on["price_difference"]) == (1000, 1000)
    assert "8 of 8 used" in problem["detail"]


async def test_consuming_an_uncounted_feature_checks_it_and_counts_nothing(shop: Caller, name: str) -> None:
    await shop.signed_up(name, plan="pro")

    answers = [
        await consume(shop, name, "export", key=f"{name}-1"),
        await consume(shop, name, "models", value="dalle3", key=f"{name}-1"),
        await consume(shop, name, "quality", value="draft", key=f"{name}-1"),
        await consume(shop, name, "rate", key=f"{name}-1"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4, [answer.text for answer in answers]
    assert {(one["allowed"], one["meter"], one["used"]) for one in (answer.json() for answer in answers)} == {
        (True, None, None)
    }
    assert answers[0].headers["RateLimit"].startswith('"key";')
    premium = problem_of(await consume(shop, name, "quality", value="premium", key=name), 403, "feature_not_in_plan")
    assert premium["available"] == ["draft", "standard"]
    fast = problem_of(await consume(shop, name, "rate", quantity=6, key=name), 403, "feature_not_in_plan")
    assert [plan["code"] for plan in fast["plans"]] == [one["plan"] for one in fast["upgrades"]] == ["scale"]
    assert (await consume(shop, name, "rate", quantity=5, key=name)).json()["quantity"] == 5
    problem = problem_of(await consume(shop, name, "window_days", key=name), 422, "not_counted")
    assert "?quantity=" in problem["detail"]


async def test_a_key_counts_once_however_often_it_is_sent(shop: Caller, name: str) -> None:
    first = (await consume(shop, name, "calls", quantity=2, key=name)).json()
    again = await consume(shop, name, "calls", quantity=2, key=name)
    many = await asyncio.gather(*(consume(shop, name, "calls", key=f"{name}-at-once") for _ in range(8)))

    assert first["repeated"] is False
    assert (again.status_code, again.json()) == (200, first | {"repeated": True})
    assert sorted(one.json()["repeated"] for one in many) == [False] + [True] * 7
    assert (await shop.get(f"/v1/customers/{name}/usage")).json()["usage"]["calls"]["used"] == 3
    assert (await consume(shop, name, "calls", key=f"{name}-at-once")).json()["repeated"], "also when none is left"


@pytest.mark.parametrize("other", [{"quantity": 2}, {"feature": "runs"}])
async def test_a_key_of_other_usage_is_refused(shop: Caller, name: str, other: dict[str, Any]) -> None:
    await consume(shop, name, "calls", key=name)

    problem_of(
        await shop.post(f"/v1/customers/{name}/consume", {"feature": "calls", "key": name} | other), 409, "key_reused"
    )
    problem = problem_of(await consume(shop, f"{name}-2", "calls", key=name), 409, "key_reused")
    assert (problem["customer"], problem["feature"]) == (f"{name}-2", "calls")
    assert (problem["plan"], problem["basis"]) == (PLAN, "free_plan")


async def test_a_key_is_required_in_the_body_or_the_header(shop: Caller, name: str) -> None:
    path, body = f"/v1/customers/{name}/consume", {"feature": "calls"}

    told = (await shop.post(path, body, key=f"{name}-header")).json()
    both = (await shop.post(path, body | {"key": f"{name}-body"}, key=f"{name}-header")).json()
    neither = await shop.send(path, json.dumps(body).encode())

    assert (told["key"], told["used"]) == (f"{name}-header", 1)
    assert (both["key"], both["used"]) == (f"{name}-body", 2)
    assert fields_of(problem_of(neither, 422, "malformed")) == {"key"}


BAD = [
    ({"quantity": 0}, "quantity"),
    ({"quantity": -1}, "quantity"),
    ({"quantity": 10**12 + 1}, "quantity"),
    ({"quantity": 10**30}, "quantity"),
    ({"quantity": 1.5}, "quantity"),
    ({"quantity": "1"}, "quantity"),
    ({"quantity": True}, "quantity"),
    ({"key": ""}, "key"),
    ({"key": "k" * 256}, "key"),
    ({"key": "a\0b"}, "key"),
    ({"feature": ""}, "feature"),
    ({"feature": 1}, "feature"),
    ({"value": "dalle3"}, "value"),
    ({"feature": "models", "value": "dalle4"}, "value"),
    ({"feature": "export", "value": "x"}, "value"),
    ({"feature": "export", "quantity": 2}, "quantity"),
    ({"feature": "models", "value": "basic", "quantity": 2}, "quantity"),
    ({"feature": "quality", "quantity": 2}, "quantity"),
    ({"unit\ud83d": 1}, "body"),
    ({"units": 1}, "units"),
]


@pytest.mark.parametrize(("bad", "field"), BAD)
async def test_an_invalid_consumption_is_rejected_with_its_field(
    shop: Caller, name: str, bad: dict[str, Any], field: str
) -> None:
    body = json.dumps({"feature": "calls", "key": name} | bad).encode()
    refused = await shop.send(f"/v1/customers/{name}/consume", body)

    assert fields_of(problem_of(refused, 422, "malformed")) == {field}
    assert (await shop.get(f"/v1/customers/{name}/usage")).json()["usage"]["calls"]["used"] == 0


@pytest.mark.parametrize(
    "strange",
    ["org/7/entitlements", "%F0%9F%8E%89 party", "a'; drop table usage --", "x" * 200, "consume"],
)
async def test_unusual_external_ids_work(shop: Caller, strange: str, name: str) -> None:
    told = await consume(shop, strange, "runs", quantity=1, key=name)
    shown = await shop.get(f"/v1/customers/{strange}/entitlements/runs")

    assert told.status_code == 200, told.text
    assert shown.json()["used"] == told.json()["used"] == 1
    assert shown.json()["customer"] == unquote(strange)


@pytest.mark.parametrize("strange", ["%00", "%07a", "x" * 201, "%20"])
async def test_invalid_external_ids_are_rejected(shop: Caller, strange: str, name: str) -> None:
    refused = await consume(shop, strange, "runs", key=name)
    assert fields_of(problem_of(refused, 422, "malformed")) == {"external_id"}


async def test_a_read_only_key_cannot_consume(stack: Stack, name: str) -> None:
    async with Caller.of_role(stack, Role.READ_ONLY) as reader, Caller.of_role(stack, Role.SERVICE) as service:
        problem_of(await consume(reader, name, "users", key=name), 403, "forbidden")
        problem_of(await reader.post(f"/v1/customers/{name}/release", {"feature": "users"}), 403, "forbidden")
        assert (await reader.get(f"/v1/customers/{name}/entitlements")).status_code == 200
        problem_of(await consume(service, name, "users", key=name), 403, "no_plan")


async def test_usage_is_counted_per_tenant(stack: Stack, shop: Caller, name: str) -> None:
    await Tenants(stack.engine).add(name, name)
    key = await ApiKeys(stack.engine).create(Role.SERVICE, name, tenant=name)
    async with Caller.at(str(shop.http.base_url), key) as other:
        for caller in (shop, other):
            assert (await consume(caller, name, "calls", quantity=3, key=name)).json()["used"] == 3


async def test_usage_of_a_counter_is_given_back_by_its_key(shop: Caller, name: str) -> None:
    path, body = f"/v1/customers/{name}/release", {"feature": "calls", "key": f"{name}-job"}
    assert (await consume(shop, name, "calls", quantity=2, key=f"{name}-job")).json()["used"] == 2
    assert (await consume(shop, name, "calls", key=f"{name}-other")).json()["used"] == 3

    first = await shop.post(path, body)
    again = await shop.post(path, body)

    assert (first.status_code, first.json()) == (200, {"released": 2, "used": 1})
    assert again.json() == first.json()
    assert (await shop.get(f"/v1/customers/{name}/usage")).json()["usage"]["calls"]["used"] == 1
    reused = await consume(shop, name, "calls", quantity=2, key=f"{name}-job")
    assert "given back" in problem_of(reused, 409, "key_reused")["detail"]
    assert (await consume(shop, name, "calls", quantity=2, key=f"{name}-job-2")).status_code == 200


async def test_giving_back_usage_of_a_meter_affects_all_its_features(shop: Caller, name: str) -> None:
    assert (await consume(shop, name, "posts", key=name)).status_code == 200

    given = await shop.post(f"/v1/customers/{name}/release", {"feature": "posts", "key": name})

    assert given.json() == {"released": 1, "used": 0}
    usage = (await shop.get(f"/v1/customers/{name}/usage")).json()["usage"]
    assert {one["used"] for one in usage.values() if one["meter"] == "posts"} == {0}


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"feature": "calls", "key": "nobody-has-used-this"}, 404, "unknown_use", None),
        ({"feature": "posts", "key": "{name}"}, 404, "unknown_use", None),
        ({"feature": "callz", "key": "{name}"}, 404, "unknown_feature", None),
        ({"feature": "calls"}, 422, "malformed", "key"),
        ({"feature": "calls", "key": "{name}", "quantity": 1}, 422, "malformed", "quantity"),
        ({"feature": "calls", "key": "{name}", "quantity": 0}, 422, "malformed", "quantity"),
    ],
)
async def test_usage_that_cannot_be_given_back_stays_counted(
    shop: Caller, name: str, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    await consume(shop, name, "calls", quantity=2, key=name)
    told = {part: value.format(name=name) if isinstance(value, str) else value for part, value in body.items()}

    refused = await shop.post(f"/v1/customers/{name}/release", told)

    assert fields_of(problem_of(refused, status, code)) == ({field} if field else set())
    assert (await shop.get(f"/v1/customers/{name}/usage")).json()["usage"]["calls"]["used"] == 2


async def test_usage_cannot_be_given_back_after_its_period(stack: Stack, shop: Caller, name: str) -> None:
    await consume(shop, name, "calls", quantity=2, key=name)
    async with stack.engine.begin() as connection:
        await connection.execute(
            text("update usage set period_end = now() - interval '1 second' where customer = :name"), {"name": name}
        )

    refused = await shop.post(f"/v1/customers/{name}/release", {"feature": "calls", "key": name})

    problem_of(refused, 409, "period_over")


async def test_a_gauge_is_released_and_never_below_zero(shop: Caller, name: str) -> None:
    assert (await consume(shop, name, "seats", key=f"{name}-in")).status_code == 200
    path, out = f"/v1/customers/{name}/release", {"feature": "seats", "key": f"{name}-out"}

    released = await shop.post(path, out)
    again = await shop.post(path, out)

    assert (released.json()["used"], released.json()["repeated"]) == (0, False)
    assert (again.json()["used"], again.json()["repeated"]) == (0, True)
    problem = problem_of(await shop.post(path, out | {"key": f"{name}-more"}), 409, "nothing_to_release")
    assert (problem["used"], problem["plan"], problem["basis"]) == (0, PLAN, "free_plan")
    problem_of(await shop.post(path, out | {"feature": "calls"}), 404, "unknown_use")
