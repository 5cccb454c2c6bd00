"""Product A, the social media suite: every row of its description that concerns plans and usage, in its own words."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import problem_of
from tests.products.shop import PAID, By, Shop, by_plan

PLANS = ("free", "starter", "pro", "enterprise")
A_FORTNIGHT = timedelta(days=14)


@pytest.fixture(scope="module")
async def shop(stack: Stack, stack_folder: Path) -> AsyncIterator[Shop]:
    async with Shop.of("social", stack, stack_folder) as shop:
        yield shop


@pytest.fixture(scope="module")
async def customer_on(shop: Shop) -> By:
    return await shop.customers_on(PLANS)


@pytest.mark.parametrize(
    ("plan", "month", "year"),
    [
        pytest.param("free", None, None, id="Free"),
        pytest.param("starter", 2900, 27840, id="Starter $29; monthly and annual"),
        pytest.param("pro", 7900, 75840, id="Pro $79; monthly and annual"),
        pytest.param("enterprise", 19900, 191040, id="Enterprise $199; monthly and annual"),
    ],
)
async def test_list_plans(shop: Shop, plan: str, month: int | None, year: int | None) -> None:
    """A: Free, Starter $29, Pro $79, Enterprise $199; monthly and annual; 14-day trial. Asks: list plans."""
    listed = {one["code"]: one for one in (await shop.told("/v1/plans"))["data"]}

    assert list(listed) == list(PLANS)
    assert listed[plan]["trial_days"] == (14 if month is not None else 0)
    prices = listed[plan]["prices"]
    wanted = {"month": month, "year": year}
    assert {interval: price["amount"] for interval, price in prices.items()} == {
        interval: amount for interval, amount in wanted.items() if amount is not None
    }
    assert all(price["currency"] == "usd" for price in prices.values())


@pytest.mark.parametrize(
    ("plan", "feature", "window", "number"),
    [
        pytest.param(plan, feature, window, number, id=f"{row}: {plan}")
        for row, feature, window, numbers in (
            ("social profiles 1/5/25/100 (gauge)", "social_profiles", "gauge", (1, 5, 25, 100)),
            ("images per month 5/10/50/200", "images_per_month", "month", (5, 10, 50, 200)),
            ("posts per day 3/5/15/50", "posts_per_day", "day", (3, 5, 15, 50)),
            ("users", "users", "gauge", (1, 3, 10, 50)),
            ("workspaces", "workspaces", "gauge", (1, 2, 5, 25)),
        )
        for plan, number in zip(PLANS, numbers, strict=True)
    ],
)
async def test_limits(shop: Shop, customer_on: By, plan: str, feature: str, window: str, number: int) -> None:
    """A: limits in that order; so much may be used and not one more. Asks: limits, check a capability."""
    entitlement = await shop.check(customer_on[plan], feature)

    assert (entitlement["limit"], entitlement["window"], entitlement["used"]) == (number, window, 0)
    assert entitlement["plan"]["code"] == plan
    assert await shop.reaches(customer_on[plan], feature, number)


@pytest.mark.parametrize(("plan", "number"), by_plan(PLANS, "posts per week", 15, 25, 75, 250))
async def test_posts_per_week(shop: Shop, customer_on: By, plan: str, number: int) -> None:
    """A: posts per week, beside the day's: more than the day allows is let pass by neither."""
    week = await shop.check(customer_on[plan], "posts_per_week", quantity=number)
    day = await shop.check(customer_on[plan], "posts_per_day")

    assert (week["limit"], week["window"]) == (number, "week")
    assert (day["limit"] < number, week["reason"]) == (True, "limit_reached")


async def test_a_post_counts_for_its_day_and_its_week(shop: Shop) -> None:
    """A: posts per day, posts per week: one post is counted in both, once."""
    told = await shop.used("social-poster", "posts", 2, key="the same post")
    again = await shop.used("social-poster", "posts", 2, key="the same post")

    assert {one["feature"]: one["used"] for one in told["limits"]} == {"posts_per_day": 2, "posts_per_week": 2}
    assert (again["repeated"], (await shop.usage("social-poster", "posts_per_week"))["used"]) == (True, 2)


async def test_a_meter_of_one_feature_may_be_asked_for_by_its_own_name(shop: Shop) -> None:
    """A: images per month are counted by the meter images."""
    await shop.used("social-painter", "images", 2)

    told = await shop.check("social-painter", "images")
    past = await shop.told("/v1/customers/social-painter/usage/images")
    best = await shop.told("/v1/plans/suggest", feature="images", quantity=10)

    assert (told["feature"], told["used"]) == ("images_per_month", 2)
    assert (past["feature"], [one["used"] for one in past["periods"]]) == ("images_per_month", [2])
    assert (best["feature"], best["cheapest"]["plan"]) == ("images_per_month", "starter")


@pytest.mark.parametrize(("plan", "number"), by_plan(PLANS, "platforms 2/4/6/7", 2, 4, 6, 7))
async def test_platforms(shop: Shop, customer_on: By, plan: str, number: int) -> None:
    """A: platforms 2/4/6/7; what is not among them is refused."""
    available = (await shop.check(customer_on[plan], "platforms"))["available"]
    features = (await shop.told("/v1/plans"))["features"]
    every = next(one["values"] for one in features if one["code"] == "platforms")

    assert (len(available), len(every)) == (number, 7)
    answers = {one: (await shop.use(customer_on[plan], "platforms", value=one)).status_code for one in every}
    assert answers == {one: 200 if one in available else 403 for one in every}


BASIC, PREMIUM = ["grok2_basic"], ["grok2_basic", "grok2_premium"]
ALL = ["grok2_basic", "grok2_premium", "dalle3", "gpt_image_1"]


@pytest.mark.parametrize(
    ("plan", "models"), by_plan(PLANS, "image models basic/basic/premium/all", BASIC, BASIC, PREMIUM, ALL)
)
async def test_available_models(shop: Shop, customer_on: By, plan: str, models: list[str]) -> None:
    """A: image models basic/basic/premium/all. Asks: available models."""
    assert (await shop.check(customer_on[plan], "image_models"))["available"] == models
    allowed = [one for one in ALL if (await shop.check(customer_on[plan], "image_models", value=one))["allowed"]]
    assert allowed == models


@pytest.mark.parametrize(
    ("plan", "level"), by_plan(PLANS, "quality draft/standard/premium", "draft", "standard", "premium", "premium")
)
async def test_quality(shop: Shop, customer_on: By, plan: str, level: str) -> None:
    """A: quality draft/standard/premium; whoever has a level has those before it too."""
    levels = ["draft", "standard", "premium"]

    entitlement = await shop.check(customer_on[plan], "image_quality")

    assert entitlement["value"] == level
    assert entitlement["available"] == levels[: levels.index(level) + 1]
    best = await shop.use(customer_on[plan], "image_quality", value="premium")
    assert best.status_code == (200 if level == "premium" else 403)


@pytest.mark.parametrize(
    ("feature", "plans"),
    [
        pytest.param("auto_posting", PLANS[1:], id="auto-posting from Starter"),
        pytest.param("bulk_operations", PLANS[2:], id="bulk operations from Pro"),
        pytest.param("advanced_analytics", PLANS[2:], id="advanced analytics from Pro"),
        pytest.param("full_ai", PLANS[2:], id="full_ai"),
        pytest.param("premium_ai_models", PLANS[2:], id="premium_ai_models"),
        pytest.param("enhanced_autopilot", PLANS[2:], id="enhanced_autopilot"),
        pytest.param("ai_inbox", PLANS[2:], id="ai_inbox"),
        pytest.param("crm_integration", PLANS[3:], id="crm_integration"),
        pytest.param("predictive_analytics", PLANS[3:], id="predictive_analytics"),
        pytest.param("white_label", PLANS[3:], id="white_label"),
    ],
)
async def test_switches(shop: Shop, customer_on: By, feature: str, plans: tuple[str, ...]) -> None:
    """A: auto-posting from Starter; bulk operations and advanced analytics from Pro; switches; feature 403."""
    answers = {plan: await shop.use(customer_on[plan], feature) for plan in PLANS}

    assert [plan for plan, answer in answers.items() if answer.status_code == 200] == list(plans)
    problem = problem_of(answers["free"], 403, "feature_not_in_plan")
    assert [plan["code"] for plan in problem["plans"]] == list(plans)
    assert problem["plan"]["code"] == "free"
    assert [one["plan"] for one in problem["upgrades"]] == list(plans)


@pytest.mark.parametrize(
    ("feature", "number"),
    [
        pytest.param("social_profiles", 1, id="social profiles"),
        pytest.param("images_per_month", 5, id="images per month"),
        pytest.param("posts_per_day", 3, id="posts per day"),
    ],
)
async def test_limit_exceeded_429(shop: Shop, feature: str, number: int) -> None:
    """A: limit exceeded 429, with usage, limit, reset and what would help."""
    customer = f"social-exceeds-{feature}"
    assert (await shop.used(customer, feature, number))["remaining"] == 0

    refused = await shop.use(customer, feature)

    problem = problem_of(refused, 429, "limit_reached")
    assert [problem[one] for one in ("used", "limit", "remaining", "percent")] == [number, number, 0, 100]
    assert [one["plan"] for one in problem["upgrades"]] == ["starter", "pro", "enterprise"]
    assert (problem["upgrades"][0]["price_difference"], problem["plan"]["code"]) == (2900, "free")
    is_over_time = feature != "social_profiles"
    assert (problem["resets_at"] is not None, "Retry-After" in refused.headers) == (is_over_time, is_over_time)


async def test_a_profile_that_is_disconnected_makes_room_for_another(shop: Shop) -> None:
    """A: social profiles (gauge)."""
    await shop.used("social-one-profile", "social_profiles")
    problem_of(await shop.use("social-one-profile", "social_profiles"), 429, "limit_reached")

    released = await shop.post("/v1/customers/social-one-profile/release", {"feature": "social_profiles"})

    assert (released.status_code, released.json()["used"]) == (200, 0)
    assert (await shop.used("social-one-profile", "social_profiles"))["used"] == 1


@pytest.mark.parametrize("plan", PLANS)
async def test_my_plan(shop: Shop, customer_on: By, plan: str) -> None:
    """A asks: my plan; also of who has no subscription, and so the free one."""
    mine = await shop.told(f"/v1/customers/{customer_on[plan]}/entitlements")

    assert (mine["plan"]["code"], mine["basis"]) == (plan, "free_plan" if plan == "free" else "plan")
    assert (mine["subscription"] is None) == (plan == "free")


async def test_start_trial(shop: Shop) -> None:
    """A: 14-day trial; monthly and annual. Asks: start trial."""
    life = await shop.begun("social-trial", plan="pro", interval="year")

    stands = await life.stands()
    assert (stands["status"], stands["access"], stands["amount"]) == ("trialing", "full", 75840)
    began, ends = (datetime.fromisoformat(stands[one]) for one in ("created_at", "trial_ends_at"))
    assert abs(ends - began - A_FORTNIGHT) < timedelta(minutes=5)
    assert (await shop.check("social-trial", "images_per_month"))["limit"] == 50
    await life.command("cancel", at="now")
    me = await shop.told("/v1/customers/social-trial")
    assert (me["plan"]["code"], me["trial"]["eligible"]) == ("free", False)


async def test_upgrade(shop: Shop) -> None:
    """A asks: upgrade; from what was refused to what is allowed, at once and with the suggested price."""
    life = await shop.begun("social-upgrades", plan="starter", **PAID)
    await shop.used("social-upgrades", "images_per_month", 10)
    refused = problem_of(await shop.use("social-upgrades", "images_per_month"), 429, "limit_reached")
    suggested = refused["upgrades"][0]
    assert (suggested["plan"], suggested["limit"], suggested["price_difference"]) == ("pro", 50, 5000)

    stands = await life.command("change-plan", plan=suggested["plan"])

    assert (stands["plan"], stands["amount"], stands["pending_change"]) == ("pro", 7900, None)
    told = await shop.used("social-upgrades", "images_per_month")
    assert (told["plan"]["code"], told["used"], told["limit"], told["level"]) == ("pro", 11, 50, "ok")


async def test_assign_by_admin(shop: Shop, stack: Stack) -> None:
    """A asks: assign by admin; nobody with less rights, and the journal names who it was."""
    life = await shop.begun("social-assigned", plan="starter")
    wish = {"plan": "enterprise", "when": "now"}
    async with shop.as_role(stack, Role.READ_ONLY) as onlooker:
        problem_of(await onlooker.command(life.id, "change-plan", **wish), 403, "forbidden")

    await life.command("change-plan", **wish)

    assert (await shop.check("social-assigned", "social_profiles"))["limit"] == 100
    (changed,) = [entry for entry in await life.past() if entry["kind"] == "plan_changed"]
    assert changed["cause"]["actor"].startswith("admin ")


async def test_usage_statistics(shop: Shop) -> None:
    """A asks: usage statistics; what is used of each limit now, and period by period."""
    await shop.used("social-counted", "images_per_month", 4)
    await shop.used("social-counted", "posts", 1)

    usage = (await shop.told("/v1/customers/social-counted/usage"))["usage"]
    history = await shop.told("/v1/customers/social-counted/usage/images_per_month")

    assert {code: one["used"] for code, one in usage.items()} == {
        "social_profiles": 0,
        "users": 0,
        "workspaces": 0,
        "images_per_month": 4,
        "posts_per_day": 1,
        "posts_per_week": 1,
    }
    images = usage["images_per_month"]
    assert [images[one] for one in ("limit", "remaining", "percent", "level")] == [5, 1, 80, "hint"]
    assert [period["used"] for period in history["periods"]] == [4]


async def test_downgrade_with_usage_validation(shop: Shop) -> None:
    """A: downgrade with usage validation; it says what is too much, and goes through once that is removed."""
    life = await shop.begun("social-downgrades", plan="pro")
    await shop.used("social-downgrades", "social_profiles", 6)
    wish = {"plan": "starter", "when": "now"}

    preview = await life.command("preview-change", **wish)
    problem = problem_of(await shop.command(life.id, "change-plan", **wish), 409, "usage_does_not_fit")

    (misfit,) = problem["misfits"]
    assert [misfit[one] for one in ("feature", "used", "limit", "excess")] == ["social_profiles", 6, 5, 1]
    assert preview["misfits"] == problem["misfits"]
    assert (await shop.check("social-downgrades", "social_profiles"))["plan"]["code"] == "pro"

    await shop.post("/v1/customers/social-downgrades/release", {"feature": "social_profiles"})
    await life.command("change-plan", **wish)

    now = await shop.check("social-downgrades", "social_profiles")
    assert (now["plan"]["code"], now["used"], now["limit"], now["allowed"]) == ("starter", 5, 5, False)
