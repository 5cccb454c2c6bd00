"""Use over HTTP: what is used up, what is refused and how, and that a key counts once."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from configuration.policy_file import load_policy
from sandbox.stack import Stack
from tests.api.shop import CATALOG
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.lives import POLICY


@pytest.fixture(scope="module")
async def shop(stack: Stack) -> AsyncIterator[Caller]:
    """The admin of a product that sells features of every kind."""
    async with (
        stack.under(load_policy(POLICY), CATALOG) as addresses,
        Caller.at(addresses.api_url, stack.addresses.admin_key) as caller,
    ):
        yield caller


async def consume(caller: Caller, customer: str, feature: str, **more: Any) -> Any:
    return await caller.post(f"/v1/customers/{customer}/consume", {"feature": feature} | more)


async def test_what_is_used_is_counted_and_what_is_left_is_told(shop: Caller, name: str) -> None:
    answer = await consume(shop, name, "runs", quantity=3, key=f"{name}-1")

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["plan"] == {"code": "free", "name": "Free", "catalog": "gadgets_v1"}
    assert (told["basis"], told["customer"], told["key"]) == ("free_plan", name, f"{name}-1")
    assert (told["allowed"], told["repeated"], told["hint"], told["upgrades"]) == (True, False, None, [])
    counts = ("used", "limit", "unlimited", "remaining", "percent", "level", "window")
    assert [told[count] for count in counts] == [3, 10, False, 7, 30, "ok", "month"]
    assert datetime.fromisoformat(told["resets_at"]).day == 1
    assert [one["feature"] for one in told["limits"]] == ["runs"]


async def test_no_more_is_let_pass_than_the_limit(shop: Caller, name: str) -> None:
    for number in range(3):
        assert (await consume(shop, name, "calls", key=f"{name}-{number}")).status_code == 200

    refused = await consume(shop, name, "calls", key=f"{name}-4")

    problem = problem_of(refused, 429, "limit_reached")
    assert (problem["used"], problem["limit"], problem["remaining"], problem["percent"]) == (3, 3, 0, 100)
    assert problem["plan"]["code"] == "free"
    assert [(one["plan"], one["limit"], one["price_difference"]) for one in problem["upgrades"]] == [
        ("pro", 50, 4900),
        ("scale", 1000, 19900),
    ]
    assert 0 < int(refused.headers["Retry-After"]) <= 86400
    assert refused.headers["RateLimit-Policy"] == '"calls";q=3;w=86400'
    assert refused.headers["RateLimit"].startswith('"calls";r=0;t=')


async def test_what_the_plan_has_none_of_is_refused_with_the_plans_that_have_it(shop: Caller, name: str) -> None:
    problem = problem_of(await consume(shop, name, "jobs", key=name), 403, "feature_not_in_plan")
    switch = problem_of(await consume(shop, name, "export", key=name), 403, "feature_not_in_plan")
    model = problem_of(await consume(shop, name, "models", value="gpt", key=name), 403, "feature_not_in_plan")

    assert [plan["code"] for plan in problem["plans"]] == ["pro", "scale"]
    assert [plan["code"] for plan in switch["plans"]] == ["pro", "scale"]
    assert [plan["code"] for plan in model["plans"]] == ["scale"]
    assert model["available"] == ["basic"]
    assert [one["plan"] for one in model["upgrades"]] == ["scale"]


async def test_an_unknown_feature_is_not_found_and_near_names_are_told(shop: Caller, name: str) -> None:
    problem = problem_of(await consume(shop, name, "callz", key=name), 404, "unknown_feature")

    assert "'calls'" in problem["detail"]
    assert problem["near"][0] == "calls"


async def test_a_gauge_is_released_and_never_below_nothing(shop: Caller, name: str) -> None:
    assert (await consume(shop, name, "seats", key=f"{name}-in")).status_code == 200
    path, out = f"/v1/customers/{name}/release", {"feature": "seats", "key": f"{name}-out"}

    released = await shop.post(path, out)
    again = await shop.post(path, out)

    assert (released.json()["used"], released.json()["repeated"]) == (0, False)
    assert (again.json()["used"], again.json()["repeated"]) == (0, True)
    problem = problem_of(await shop.post(path, out | {"key": f"{name}-more"}), 409, "nothing_to_release")
    assert problem["used"] == 0
    assert fields_of(problem_of(await shop.post(path, out | {"feature": "calls"}), 422, "not_a_gauge")) == {"feature"}
