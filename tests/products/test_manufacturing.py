"""Product D, the manufacturing platform: every row of its description that concerns plans and usage, in its words."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sandbox.stack import Stack
from tests.harness.callers import problem_of
from tests.harness.lives import Life
from tests.products.shop import PAID, By, Shop

PLANS = ("starter", "professional", "enterprise")
STARTER, PROFESSIONAL, ENTERPRISE = 4900, 19900, 99900
A_FORTNIGHT = timedelta(days=14)


@pytest.fixture(scope="module")
async def shop(stack: Stack, stack_folder: Path) -> AsyncIterator[Shop]:
    async with Shop.of("manufacturing", stack, stack_folder) as shop:
        yield shop


@pytest.fixture(scope="module")
async def customer_on(shop: Shop) -> By:
    return await shop.customers_on(PLANS)


async def plan_of(shop: Shop, life: Life) -> tuple[str | None, bool]:
    """The plan that entitles a customer, and whether custom fields may be used: a check by tier and by feature."""
    answer = await shop.check(life.external_id, "custom_fields")
    return (answer["plan"] or {}).get("code"), answer["allowed"]


@pytest.mark.parametrize(
    ("plan", "month", "year"),
    [
        pytest.param("starter", STARTER, 52_920, id="Starter $49, annual -10 %"),
        pytest.param("professional", PROFESSIONAL, 214_920, id="Professional $199, annual -10 %"),
        pytest.param("enterprise", ENTERPRISE, 1_078_920, id="Enterprise $999, annual -10 %"),
    ],
)
async def test_prices(shop: Shop, plan: str, month: int, year: int) -> None:
    """D: Starter $49, Professional $199, Enterprise $999; annual -10 %; 14-day trial."""
    listed = {one["code"]: one for one in (await shop.told("/v1/plans"))["data"]}

    assert list(listed) == list(PLANS)
    assert listed[plan]["trial_days"] == 14
    usd = {"currency": "usd"}
    assert listed[plan]["prices"] == {"month": {"amount": month} | usd, "year": {"amount": year} | usd}


@pytest.mark.parametrize(
    ("plan", "feature", "number", "reach"),
    [
        pytest.param("starter", "users", 3, 3, id="Starter: 3 users"),
        pytest.param("starter", "plants", 1, 1, id="Starter: 1 plant"),
        pytest.param("starter", "storage_gb", 10, 11, id="Starter: 10 GB"),
        pytest.param("professional", "users", 25, 25, id="Professional: 25 users"),
        pytest.param("professional", "plants", 5, 5, id="Professional: 5 plants"),
        pytest.param("professional", "storage_gb", 100, 110, id="Professional: 100 GB"),
        pytest.param("enterprise", "users", None, None, id="Enterprise: unlimited users"),
        pytest.param("enterprise", "plants", None, None, id="Enterprise: unlimited plants"),
        pytest.param("enterprise", "storage_gb", None, None, id="Enterprise: unlimited storage"),
    ],
)
async def test_limits(
    shop: Shop, customer_on: By, plan: str, feature: str, number: int | None, reach: int | None
) -> None:
    """D: users, plants, GB; Enterprise unlimited. Users and plants end at the limit, storage after grace at 110 %."""
    entitlement = await shop.check(customer_on[plan], feature)

    assert [entitlement[one] for one in ("limit", "unlimited", "window")] == [number, number is None, "gauge"]
    assert entitlement["plan"]["code"] == plan
    assert await shop.reaches(customer_on[plan], feature, reach)


@pytest.mark.parametrize(
    ("add_on", "month", "year"),
    [
        pytest.param("users", 500, 5_400, id="add-ons $5 a user"),
        pytest.param("plants", 2_500, 27_000, id="add-ons $25 a plant"),
        pytest.param("storage_gb", 50, 540, id="add-ons $0.50 a GB"),
    ],
)
async def test_add_ons(shop: Shop, customer_on: By, add_on: str, month: int, year: int) -> None:
    """D: add-ons $5 a user, $25 a plant, $0.50 a GB; a unit adds one, and is suggested to who needs it."""
    sold = {one["code"]: one for one in (await shop.told("/v1/plans"))["add_ons"]}

    assert {interval: price["amount"] for interval, price in sold[add_on]["prices"].items()} == {
        "month": month,
        "year": year,
    }
    assert sold[add_on]["adds"] == {add_on: 1}


async def test_add_ons_raise_the_limits_and_the_price(shop: Shop) -> None:
    """D: add-ons $5 a user, $25 a plant, $0.50 a GB: suggested when it is full, bought, usable at once."""
    life = await shop.begun("manufacturing-adds", plan="starter", **PAID)
    await shop.used("manufacturing-adds", "users", 3)
    refused = problem_of(await shop.use("manufacturing-adds", "users", 2), 429, "limit_reached")
    assert [(one["plan"], one["add_on"], one["units"], one["price_difference"]) for one in refused["upgrades"]] == [
        ("professional", None, None, PROFESSIONAL - STARTER),
        ("enterprise", None, None, ENTERPRISE - STARTER),
        (None, "users", 2, 1_000),
    ]

    stands = await life.command("change-plan", add_ons={"users": 2, "plants": 1, "storage_gb": 5})

    assert stands["amount"] == STARTER + 2 * 500 + 2_500 + 5 * 50
    limits = {code: one["limit"] for code, one in (await shop.entitlements("manufacturing-adds")).items()}
    assert (limits["users"], limits["plants"], limits["storage_gb"]) == (5, 2, 15)
    assert (await shop.used("manufacturing-adds", "users", 2))["remaining"] == 0


@pytest.mark.parametrize(
    ("feature", "plans"),
    [
        pytest.param("custom_fields", PLANS[1:], id="custom fields not on Starter"),
        pytest.param("workflows", PLANS[1:], id="workflows not on Starter"),
        pytest.param("white_label", PLANS[2:], id="white-labelling on Enterprise only"),
    ],
)
async def test_feature_matrix(shop: Shop, customer_on: By, feature: str, plans: tuple[str, ...]) -> None:
    """D: custom fields and workflows not on Starter, white-labelling on Enterprise only; gating by feature."""
    answers = {plan: await shop.use(customer_on[plan], feature) for plan in PLANS}

    assert [plan for plan, answer in answers.items() if answer.status_code == 200] == list(plans)
    problem = problem_of(answers["starter"], 403, "feature_not_in_plan")
    assert [plan["code"] for plan in problem["plans"]] == list(plans)
    compared = await shop.told("/v1/plans/compare", **{"from": "starter", "to": plans[0]})
    row = next(one for one in compared["features"] if one["feature"] == feature)
    assert (row["from"], row["to"], row["change"]) == (False, True, "better")


async def test_14_day_trial_on_sign_up(shop: Shop, customer_on: By) -> None:
    """D: 14-day trial on sign-up; without a card, with all that the plan gives."""
    me = await shop.told(f"/v1/customers/{customer_on['professional']}")

    trial = me["subscription"]
    began, ends = (datetime.fromisoformat(trial[one]) for one in ("created_at", "trial_ends_at"))
    assert (trial["status"], trial["access"], me["plan"]["code"]) == ("trialing", "full", "professional")
    assert abs(ends - began - A_FORTNIGHT) < timedelta(minutes=5)
    assert (await shop.check(customer_on["professional"], "workflows"))["allowed"]


async def test_who_has_no_subscription_has_nothing(shop: Shop) -> None:
    """D asks: gating by active subscription; there is no free plan."""
    problem = problem_of(await shop.use("manufacturing-nobody", "users"), 403, "no_plan")

    assert (problem["plan"], problem["basis"]) == (None, "nothing")
    assert problem["upgrades"][0]["plan"] == "starter"


async def test_create_convert_upgrade_downgrade_cancel(shop: Shop) -> None:
    """D asks: create/convert/upgrade/downgrade/cancel; what may be used is right the moment each has answered."""
    life = await shop.begun("manufacturing-life")
    assert (await life.status(), await plan_of(shop, life)) == (("trialing", "full"), ("starter", False))

    converted = await life.command("convert", payment_method="pm_card_visa", when="now")
    assert (converted["status"], await plan_of(shop, life)) == ("active", ("starter", False))

    preview = await life.command("preview-change", plan="professional")
    upgraded = await life.command("change-plan", plan="professional")
    assert (preview["when"], preview["due_now"] > 0, upgraded["pending_change"]) == ("now", True, None)
    assert await plan_of(shop, life) == ("professional", True)

    downgraded = await life.command("change-plan", plan="starter")
    assert downgraded["pending_change"]["at"] == downgraded["current_period_end"]
    assert await plan_of(shop, life) == ("professional", True)
    await life.command("withdraw-change")

    canceled = await life.command("cancel", reason="no more plants")
    assert (canceled["status"], canceled["cancel_at"]) == ("active", canceled["current_period_end"])
    assert await plan_of(shop, life) == ("professional", True)
    await life.command("cancel", at="now")
    assert (await life.status(), await plan_of(shop, life)) == (("canceled", "none"), (None, False))


async def test_suspend_and_reactivate(shop: Shop) -> None:
    """D asks: suspend/reactivate; the data is kept, and so is the count of it."""
    life = await shop.begun("manufacturing-held", plan="professional", **PAID)
    await shop.used("manufacturing-held", "plants", 4)

    await life.command("suspend", reason="chargeback under investigation")
    assert (await life.status(), await plan_of(shop, life)) == (("suspended", "none"), (None, False))
    problem_of(await shop.use("manufacturing-held", "plants"), 403, "no_plan")

    await life.command("reactivate", reason="all is well")
    assert (await life.status(), await plan_of(shop, life)) == (("active", "full"), ("professional", True))
    assert (await shop.used("manufacturing-held", "plants"))["remaining"] == 0


async def test_track_check_calculate_and_enforce_usage(shop: Shop) -> None:
    """D asks: track/check/calculate/enforce usage."""
    customer = "manufacturing-usage"
    await shop.begun(customer, plan="professional")
    events = [
        {"customer": customer, "meter": "storage_gb", "quantity": quantity, "key": f"{customer}/{quantity}"}
        for quantity in (50, 32)
    ]

    tracked = await shop.post("/v1/usage", {"events": [*events, events[0]]})
    assert tracked.status_code == 200, tracked.text
    assert [one["outcome"] for one in tracked.json()["results"]] == ["counted", "counted", "repeated"]

    checked = await shop.check(customer, "storage_gb", quantity=29)
    assert (checked["allowed"], checked["reason"]) == (False, "limit_reached")

    calculated = await shop.usage(customer, "storage_gb")
    wanted = {"used": 82, "limit": 100, "remaining": 18, "percent": 82, "level": "hint"}
    assert {one: calculated[one] for one in wanted} == wanted

    assert (await shop.used(customer, "storage_gb", 28))["level"] == "reached"
    problem_of(await shop.use(customer, "storage_gb"), 429, "limit_reached")


@pytest.mark.parametrize(
    ("feature", "used", "limit"),
    [
        pytest.param("users", 4, 3, id="downgrade: 4 users do not fit Starter"),
        pytest.param("plants", 2, 1, id="downgrade: 2 plants do not fit Starter"),
        pytest.param("storage_gb", 12, 10, id="downgrade: 12 GB do not fit Starter"),
    ],
)
async def test_a_downgrade_that_usage_does_not_fit_is_refused(shop: Shop, feature: str, used: int, limit: int) -> None:
    """D asks: downgrade, enforce usage; refused with what is too much, planned as soon as it fits."""
    customer = f"manufacturing-{feature}"
    life = await shop.begun(customer, plan="professional")
    await shop.used(customer, feature, used)

    problem = problem_of(await shop.command(life.id, "change-plan", plan="starter"), 409, "usage_does_not_fit")

    (misfit,) = problem["misfits"]
    assert [misfit[one] for one in ("feature", "used", "limit", "excess")] == [feature, used, limit, used - limit]
    await shop.post(f"/v1/customers/{customer}/release", {"feature": feature, "quantity": misfit["excess"]})
    assert (await shop.command(life.id, "change-plan", plan="starter")).status_code == 200


async def test_the_monthly_annual_switch(shop: Shop) -> None:
    """D: annual -10 %; who pays by the month goes over to the year, and what is used goes on being counted."""
    life = await shop.begun("manufacturing-year", plan="starter", add_ons={"users": 1}, **PAID)
    await shop.used("manufacturing-year", "users", 4)

    stands = await life.command("change-plan", interval="year")

    assert (stands["interval"], stands["amount"]) == ("year", 52_920 + 5_400)
    users = await shop.check("manufacturing-year", "users")
    assert [users[one] for one in ("used", "limit", "level")] == [4, 4, "reached"]
