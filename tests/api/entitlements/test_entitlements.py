"""A customer's entitlements by status, access and kind of feature, with suggestions."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.lives import Life

REASON = {"reason": "told by a test"}
STARTER = {"code": "starter", "name": "Starter", "catalog": "manufacturing_v1"}


async def entitled(caller: Caller, customer: str) -> dict[str, Any]:
    answer = await caller.get(f"/v1/customers/{customer}/entitlements")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def asked(caller: Caller, customer: str, feature: str, **more: Any) -> dict[str, Any]:
    answer = await caller.get(f"/v1/customers/{customer}/entitlements/{feature}", **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_unknown_customer_has_the_free_plan(shop: Caller, name: str) -> None:
    told = await entitled(shop, name)

    assert told["plan"] == {"code": "free", "name": "Free", "catalog": "gadgets_v1"}
    assert (told["basis"], told["subscription"], told["customer"]) == ("free_plan", None, name)
    assert {code: one["value"] for code, one in told["entitlements"].items()} == {
        "export": False,
        "window_days": 7,
        "quality": "draft",
        "models": ["basic"],
        "rate": 1,
        "runs": 10,
        "calls": 3,
        "jobs": 0,
        "posts_a_day": 2,
        "posts_a_week": 3,
        "storage": 1,
        "seats": 1,
    }
    assert {code for code, one in told["entitlements"].items() if not one["allowed"]} == {"export", "jobs"}


async def test_an_unknown_customer_has_nothing_without_a_free_plan(admin: Caller, name: str) -> None:
    told = await entitled(admin, name)

    assert (told["plan"], told["basis"], told["subscription"]) == (None, "nothing", None)
    assert not any(one["allowed"] for one in told["entitlements"].values())
    users = told["entitlements"]["users"]
    assert (users["reason"], users["limit"], users["used"], users["percent"], users["level"]) == (
        "no_plan",
        0,
        0,
        None,
        None,
    )
    assert "choose a plan" in users["detail"]
    assert [plan["code"] for plan in users["plans"]] == ["starter", "professional", "enterprise"]
    assert [one["plan"] for one in users["upgrades"]] == ["starter", "professional", "enterprise"]


async def test_entitlements_follow_each_command_at_once(admin: Caller, name: str) -> None:
    """On trial, another plan, suspended, reactivated, canceled: a check right after the response reflects it."""
    made = await admin.signed_up(name)
    seen = []

    async def look() -> None:
        told = await entitled(admin, name)
        fields = told["entitlements"]["custom_fields"]
        plan = told["plan"]["code"] if told["plan"] else None
        seen.append((told["basis"], plan, told["subscription"]["status"], fields["allowed"], fields["reason"]))

    await look()
    for command, body in (
        ("change-plan", {"plan": "professional"}),
        ("suspend", REASON),
        ("reactivate", REASON),
        ("cancel", {"at": "now"}),
    ):
        assert (await admin.command(made["id"], command, **body)).status_code == 200
        await look()

    assert seen == [
        ("plan", "starter", "trialing", False, "feature_not_in_plan"),
        ("plan", "professional", "trialing", True, None),
        ("nothing", None, "suspended", False, "no_plan"),
        ("plan", "professional", "trialing", True, None),
        ("nothing", None, "canceled", False, "no_plan"),
    ]


async def test_the_free_plan_applies_after_the_end(shop: Caller, name: str) -> None:
    made = await shop.signed_up(name, plan="pro")
    assert (await asked(shop, name, "export"))["allowed"]
    await shop.command(made["id"], "cancel", at="now")

    told = await asked(shop, name, "export")

    assert (told["allowed"], told["basis"], told["plan"]["code"]) == (False, "free_plan", "free")
    assert told["subscription"] == {"id": made["id"], "status": "canceled", "access": "none"}


async def test_while_a_payment_is_recovered_nothing_more_can_be_consumed(
    begin: Callable[..., Awaitable[Life]], admin: Caller
) -> None:
    life = await begin(plan="professional", trial_days=0, payment_method="pm_card_visa")
    body = {"feature": "users", "quantity": 2, "key": f"{life.id}-1"}
    assert (await admin.post(f"/v1/customers/{life.external_id}/consume", body)).status_code == 200
    await life.live_until_declined("insufficient_funds")
    while (await life.status())[1] == "full":
        await life.live(timedelta(days=1))

    users, fields = [await asked(admin, life.external_id, feature) for feature in ("users", "custom_fields")]
    refused = await admin.post(f"/v1/customers/{life.external_id}/consume", body | {"key": f"{life.id}-2"})
    released = await admin.post(
        f"/v1/customers/{life.external_id}/release", {"feature": "users", "key": f"{life.id}-3"}
    )

    assert (users["basis"], users["plan"]["code"], users["subscription"]["access"]) == (
        "no_new_use",
        "professional",
        "limited",
    )
    assert (users["allowed"], users["reason"], users["used"], users["limit"]) == (False, "access_limited", 2, 25)
    assert users["upgrades"] == []
    assert (fields["allowed"], fields["reason"]) == (True, None)
    problem = problem_of(refused, 403, "access_limited")
    assert "a payment failed" in problem["detail"]
    assert released.json()["used"] == 1


async def test_a_check_may_give_a_quantity(shop: Caller, name: str) -> None:
    await shop.signed_up(name, plan="pro")

    counted = [(await asked(shop, name, "calls", quantity=much))["allowed"] for much in (1, 50, 51)]
    number = [(await asked(shop, name, "window_days", quantity=much))["allowed"] for much in (1, 60, 61)]
    rate = [(await asked(shop, name, "rate", quantity=much))["allowed"] for much in (1, 5, 6)]

    assert counted == number == rate == [True, True, False]
    told = await asked(shop, name, "window_days", quantity=61)
    assert (told["reason"], told["limit"], told["used"], told["window"]) == ("limit_reached", 60, None, None)
    assert [(one["plan"], one["unlimited"], one["value"]) for one in told["upgrades"]] == [("scale", True, None)]
    assert (await asked(shop, name, "calls", quantity=51))["reason"] == "limit_reached"


async def test_a_check_may_give_a_value(shop: Caller, name: str) -> None:
    quality = [(await asked(shop, name, "quality", value=value))["allowed"] for value in ("draft", "standard")]
    model = await asked(shop, name, "models", value="dalle3")

    assert quality == [True, False]
    assert (model["allowed"], model["reason"], model["available"]) == (False, "feature_not_in_plan", ["basic"])
    assert [plan["code"] for plan in model["plans"]] == ["pro", "scale"]
    assert "Pro, Scale" in model["detail"]


async def test_overage_is_not_billed_in_a_trial(shop: Caller, name: str) -> None:
    await shop.signed_up(name, plan="scale")
    assert (await asked(shop, name, "jobs"))["overage"] is None


@pytest.mark.parametrize(
    "path", ["customers/somebody/entitlements/posts", "customers/somebody/usage/posts", "plans/suggest"]
)
async def test_a_meter_of_several_features_is_not_a_feature_and_they_are_listed(shop: Caller, path: str) -> None:
    problem = problem_of(await shop.get(f"/v1/{path}", feature="posts"), 404, "unknown_feature")

    assert problem["detail"] == "'posts' is a meter of several features: use posts_a_day or posts_a_week"
    assert problem["near"] == ["posts_a_day", "posts_a_week"]


async def test_gauges_have_no_limit_while_nothing_entitles(shop: Caller, name: str) -> None:
    made = await shop.signed_up(name, plan="pro")
    path = f"/v1/customers/{name}"
    await shop.post(f"{path}/consume", {"feature": "seats", "quantity": 3, "key": f"{name}-1"})
    await shop.command(made["id"], "suspend", **REASON)

    look = await asked(shop, name, "seats")
    released = await shop.post(f"{path}/release", {"feature": "seats", "key": f"{name}-2"})
    event = {"customer": name, "meter": "seats", "quantity": 1, "key": f"{name}-3", "action": "release"}
    [told] = (await shop.post("/v1/usage", {"events": [event]})).json()["results"]

    seen = ("limit", "level")
    assert [look[one] for one in seen] == [released.json()[one] for one in seen] == [told[one] for one in seen]
    assert (look["limit"], look["used"], released.json()["used"], told["used"]) == (0, 3, 2, 1)
    assert (released.json()["hint"], told["plan"], told["basis"]) == (None, None, "nothing")
    assert released.headers["RateLimit-Policy"].startswith('"seats";q=0, "key";')


async def test_a_check_predicts_what_consuming_does(shop: Caller, name: str) -> None:
    """Every counted feature, checked and consumed in turn until it is refused."""
    for step in range(5):
        looks = {code: one for code, one in (await entitled(shop, name))["entitlements"].items() if one["window"]}
        for feature in looks:
            look = await asked(shop, name, feature)
            path, body = f"/v1/customers/{name}/consume", {"feature": feature, "key": f"{name}-{feature}-{step}"}
            used = (await shop.post(path, body)).json()
            assert used.get("allowed", False) == look["allowed"], (look, used)
            assert used.get("code") == look["reason"]
            assert used["used"] == look["used"] + look["allowed"]
            assert (used["limit"], used["resets_at"]) == (look["limit"], look["resets_at"]) or used[
                "feature"
            ] != feature


async def test_usage_is_shown_with_its_periods(shop: Caller, name: str) -> None:
    await shop.post(f"/v1/customers/{name}/consume", {"feature": "runs", "quantity": 4, "key": name})

    told = (await shop.get(f"/v1/customers/{name}/usage")).json()

    assert (told["customer"], told["plan"]["code"], told["basis"]) == (name, "free", "free_plan")
    assert set(told["usage"]) == {"runs", "calls", "jobs", "posts_a_day", "posts_a_week", "storage", "seats"}
    runs, seats = told["usage"]["runs"], told["usage"]["seats"]
    now = datetime.now(UTC)
    assert (runs["name"], runs["meter"], runs["window"]) == ("Runs", "runs", "month")
    assert [runs[one] for one in ("used", "limit", "unlimited", "remaining", "percent", "level")] == [
        4,
        10,
        False,
        6,
        40,
        "ok",
    ]
    assert datetime.fromisoformat(runs["starts_at"]) <= now < datetime.fromisoformat(runs["resets_at"])
    assert (seats["used"], seats["starts_at"], seats["resets_at"]) == (0, None, None)


async def test_unlimited_is_shown_as_such(admin: Caller, name: str) -> None:
    await admin.signed_up(name, plan="enterprise")

    told = await asked(admin, name, "users", quantity=10**12)

    assert told["allowed"]
    assert (told["value"], told["limit"], told["unlimited"], told["remaining"], told["percent"]) == (
        None,
        None,
        True,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("feature", "near"), [("image_model", "models"), ("CALLS", "calls"), ("post", "posts"), ("xyzzy", "known:")]
)
async def test_an_unknown_feature_is_reported_with_similar_names(
    shop: Caller, name: str, feature: str, near: str
) -> None:
    answer = await shop.get(f"/v1/customers/{name}/entitlements/{feature}")
    assert near in problem_of(answer, 404, "unknown_feature")["detail"]


@pytest.mark.parametrize(
    ("feature", "params", "field"),
    [
        ("calls", {"quantity": "0"}, "quantity"),
        ("calls", {"quantity": "-1"}, "quantity"),
        ("calls", {"quantity": "9" * 30}, "quantity"),
        ("calls", {"quantity": "many"}, "quantity"),
        ("models", {"value": "dalle4"}, "value"),
        ("calls", {"value": "dalle3"}, "value"),
        ("models", {"quantity": "3"}, "quantity"),
        ("quality", {"quantity": "3"}, "quantity"),
        ("export", {"quantity": "3"}, "quantity"),
        ("x" * 65, {}, "feature"),
    ],
)
async def test_invalid_queries_are_rejected(
    shop: Caller, name: str, feature: str, params: dict[str, str], field: str
) -> None:
    answer = await shop.get(f"/v1/customers/{name}/entitlements/{feature}", **params)
    assert fields_of(problem_of(answer, 422, "malformed")) == {field}


async def test_a_quantity_of_a_feature_without_a_number_is_rejected(shop: Caller) -> None:
    answer = await shop.get("/v1/plans/suggest", feature="models", quantity=3)
    assert fields_of(problem_of(answer, 422, "malformed")) == {"quantity"}


async def test_a_key_is_required(stranger: Caller, name: str) -> None:
    for path in ("entitlements", "entitlements/users", "usage"):
        problem_of(await stranger.get(f"/v1/customers/{name}/{path}"), 401, "unauthorized")


async def test_another_tenants_customer_is_nobody(stack: Stack, admin: Caller, name: str) -> None:
    await admin.signed_up(name)
    async with Caller.of_role(stack, Role.READ_ONLY, tenant=f"of-{name}") as other:
        told = await entitled(other, name)
        problem_of(await other.get(f"/v1/customers/{name}"), 404, "unknown_customer")
    assert (told["plan"], told["subscription"]) == (None, None)
    assert (await entitled(admin, name))["plan"] == STARTER
