"""Product B, attribution analytics: every row of its description that concerns plans and usage, in its own words."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tenure.cli.usage_report import run_now
from tests.harness.callers import problem_of
from tests.products.shop import PAID, By, Shop, by_plan
from tests.stories.test_overage import amounts, renew

PLANS = ("free", "pro", "scale")
RUNS = "runs_per_month"
SCALE = 19900
A_WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
async def shop(stack: Stack, stack_folder: Path) -> AsyncIterator[Shop]:
    async with Shop.of("attribution", stack, stack_folder) as shop:
        yield shop


@pytest.fixture(scope="module")
async def customer_on(shop: Shop) -> By:
    return await shop.customers_on(PLANS, **PAID)


@pytest.mark.parametrize(("plan", "price"), by_plan(PLANS, "Free $0, Pro $49, Scale $199", None, 4900, 19900))
async def test_prices(shop: Shop, plan: str, price: int | None) -> None:
    """B: Free $0, Pro $49, Scale $199."""
    prices = (await shop.told(f"/v1/plans/{plan}"))["prices"]

    wanted = {} if price is None else {"month": {"amount": price, "currency": "usd"}}
    assert prices == wanted


@pytest.mark.parametrize(
    ("plan", "number", "reach"),
    [
        pytest.param("free", 100, 110, id="Free 100 runs a month"),
        pytest.param("pro", 5_000, 5_500, id="Pro 5,000"),
        pytest.param("scale", 25_000, 100_000, id="Scale 25,000, metered overage"),
    ],
)
async def test_runs_a_month(shop: Shop, customer_on: By, plan: str, number: int, reach: int) -> None:
    """B: 100 runs a month, 5,000, 25,000; the hard limit is at 110 %, of Scale where overage ends."""
    runs = await shop.check(customer_on[plan], RUNS)

    assert (runs["limit"], runs["window"], runs["plan"]["code"]) == (number, "billing_period", plan)
    assert await shop.reaches(customer_on[plan], RUNS, reach)


@pytest.mark.parametrize(("plan", "number"), by_plan(PLANS, "1 model, 3 models, 10 models", 1, 3, 10))
async def test_models(shop: Shop, customer_on: By, plan: str, number: int) -> None:
    """B: 1 model, 3 models, 10 models; of the rest it is told where they are."""
    features = (await shop.told("/v1/plans"))["features"]
    every = next(one["values"] for one in features if one["code"] == "attribution_models")
    available = (await shop.check(customer_on[plan], "attribution_models"))["available"]

    assert (len(available), len(every)) == (number, 10)
    answers = {one: await shop.use(customer_on[plan], "attribution_models", value=one) for one in every}
    assert [one for one, answer in answers.items() if answer.status_code == 200] == available
    for one in set(every) - set(available):
        problem = problem_of(answers[one], 403, "feature_not_in_plan")
        assert (problem["available"], problem["plans"][-1]["code"]) == (available, "scale")


@pytest.mark.parametrize(("plan", "has_it"), by_plan(PLANS, "no export, export, export", False, True, True))
async def test_export(shop: Shop, customer_on: By, plan: str, has_it: bool) -> None:
    """B: no export on Free, export on Pro and Scale."""
    assert (await shop.check(customer_on[plan], "export"))["allowed"] is has_it
    assert (await shop.use(customer_on[plan], "export")).status_code == (200 if has_it else 403)


@pytest.mark.parametrize(("plan", "has_it"), by_plan(PLANS, "60-day attribution window from Pro", False, True, True))
async def test_attribution_window(shop: Shop, customer_on: By, plan: str, has_it: bool) -> None:
    """B: 60-day attribution window from Pro; nobody has a longer one."""
    window = "attribution_window_days"

    assert (await shop.check(customer_on[plan], window, quantity=60))["allowed"] is has_it
    assert (await shop.check(customer_on[plan], window, quantity=61))["allowed"] is False


@pytest.mark.parametrize("plan", PLANS)
async def test_plan_banner(shop: Shop, customer_on: By, plan: str) -> None:
    """B asks: plan banner; every answer carries the plan, the refusal as well."""
    customer = customer_on[plan]
    answers = [
        await shop.get(f"/v1/customers/{customer}/entitlements"),
        await shop.get(f"/v1/customers/{customer}/entitlements/export"),
        await shop.get(f"/v1/customers/{customer}/usage"),
        await shop.get(f"/v1/customers/{customer}/usage/{RUNS}"),
        await shop.use(customer, "attribution_models", value="last_touch"),
        await shop.use(customer, RUNS, 1_000_000),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 402]
    banner = {"code": plan, "name": plan.capitalize(), "catalog": "attribution_v1"}
    assert [answer.json()["plan"] for answer in answers] == [banner] * len(answers)


async def test_upgrade_button(shop: Shop, customer_on: By) -> None:
    """B asks: upgrade button; the cheapest plan that has what is wanted, and what it costs more."""
    for_export = await shop.told("/v1/plans/suggest", customer=customer_on["free"], feature="export")
    for_runs = await shop.told("/v1/plans/suggest", customer=customer_on["pro"], feature=RUNS, quantity=20_000)

    assert (for_export["enough"], for_export["cheapest"]["plan"]) == (False, "pro")
    assert [(one["plan"], one["price_difference"]) for one in for_export["upgrades"]] == [
        ("pro", 4900),
        ("scale", 19900),
    ]
    assert [(one["plan"], one["price_difference"]) for one in for_runs["upgrades"]] == [("scale", 15000)]


async def test_lock_banner(shop: Shop, customer_on: By) -> None:
    """B asks: lock banner; what is locked says so, what there is instead, and which plans have it."""
    locked = await shop.check(customer_on["free"], "attribution_models", value="shapley")

    assert (locked["allowed"], locked["reason"]) == (False, "feature_not_in_plan")
    assert locked["detail"] == "Attribution models (shapley) is not in the plan Free; it is in Scale"
    assert (locked["available"], [plan["code"] for plan in locked["plans"]]) == (["last_touch"], ["scale"])


@pytest.mark.parametrize(
    ("used", "percent", "level", "is_hinted"),
    [
        pytest.param(79, 79, "ok", False, id="below 80 %"),
        pytest.param(80, 80, "hint", True, id="80 %: an upgrade hint"),
        pytest.param(90, 90, "warned", True, id="90 %: warned"),
        pytest.param(100, 100, "grace", True, id="100 %: 7-day grace"),
        pytest.param(110, 110, "reached", True, id="110 %: the hard limit"),
    ],
)
async def test_usage_meter(shop: Shop, used: int, percent: int, level: str, is_hinted: bool) -> None:
    """B asks: usage meter, 80/90/100/110 % rules with 7-day grace."""
    customer = f"attribution-at-{percent}"

    told = await shop.used(customer, RUNS, used)

    meter = await shop.usage(customer, RUNS)
    assert [meter[one] for one in ("used", "limit", "percent", "level")] == [used, 100, percent, level]
    assert (told["hint"] is not None, [one["plan"] for one in told["upgrades"]]) == (
        (True, ["pro", "scale"]) if is_hinted else (False, [])
    )
    if percent < 100:
        assert meter["grace_ends_at"] is None
    elif meter["grace_ends_at"] is None:
        assert datetime.fromisoformat(meter["resets_at"]) <= datetime.now().astimezone() + A_WEEK
    else:
        ends, now = datetime.fromisoformat(meter["grace_ends_at"]), datetime.now().astimezone()
        assert abs(ends - now - A_WEEK) < timedelta(minutes=1)


async def test_402_at_the_hard_limit(shop: Shop) -> None:
    """B: 402 at the hard limit, with usage, limit, reset and what would help; nothing is counted."""
    await shop.used("attribution-hard", RUNS, 110)

    refused = await shop.use("attribution-hard", RUNS)

    problem = problem_of(refused, 402, "limit_reached")
    assert [problem[one] for one in ("used", "limit", "remaining", "percent", "level")] == [110, 100, 0, 110, "reached"]
    assert datetime.fromisoformat(problem["resets_at"]).day == 1
    assert [one["plan"] for one in problem["upgrades"]] == ["pro", "scale"]
    assert "Retry-After" not in refused.headers
    assert (await shop.usage("attribution-hard", RUNS))["used"] == 110


async def test_after_7_days_of_grace_the_limit_is_the_limit(shop: Shop, stack: Stack) -> None:
    """B: 7-day grace and 402 at the hard limit; the grace is used up, and so is what it let pass."""
    await shop.used("attribution-grace", RUNS, 105)
    assert await shop.reaches("attribution-grace", RUNS, 5)
    aged = text("update usage set over_since = over_since - interval '7 days' where tenant = :t and customer = :c")
    async with stack.engine.begin() as connection:
        await connection.execute(aged, {"t": shop.tenant, "c": "attribution-grace"})

    problem = problem_of(await shop.use("attribution-grace", RUNS), 402, "limit_reached")

    assert (problem["used"], problem["level"]) == (105, "reached")


async def test_90_and_100_percent_are_told_by_mail_once(shop: Shop) -> None:
    """B: 80/90/100/110 % rules; who pays is written to at 90 % and at 100 %."""
    life = await shop.begun("attribution-mailed", plan="pro", **PAID)
    began = await life.mails()

    await shop.used("attribution-mailed", RUNS, 4_499)
    assert await life.mails() == began
    await shop.used("attribution-mailed", RUNS, 1)
    assert await life.mails() == began + Counter(usage_warning=1)
    await shop.used("attribution-mailed", RUNS, 500)
    await shop.used("attribution-mailed", RUNS, 500)

    assert await life.mails() == began + Counter(usage_warning=1, usage_limit=1)
    problem_of(await shop.use("attribution-mailed", RUNS), 402, "limit_reached")


async def test_downgrade_keeps_data(shop: Shop) -> None:
    """B: downgrade keeps data; what is used stays written down, and what is paid for stays usable until its end."""
    life = await shop.begun("attribution-down", plan="pro", **PAID)
    await shop.used("attribution-down", RUNS, 300)

    planned = await life.command("change-plan", plan="free")

    assert (planned["plan"], planned["pending_change"]["plan"]) == ("pro", "free")
    assert (await shop.used("attribution-down", RUNS, 100))["remaining"] == 4_600
    wish = {"plan": "free", "when": "now"}
    problem = problem_of(await shop.command(life.id, "change-plan", **wish), 409, "usage_does_not_fit")
    assert [(one["feature"], one["used"], one["limit"]) for one in problem["misfits"]] == [(RUNS, 400, 100)]

    await life.command("change-plan", **wish, accept_misfits=True)

    me = await shop.told("/v1/customers/attribution-down")
    assert (me["plan"]["code"], me["subscription"]["status"]) == ("free", "active")
    history = await shop.told(f"/v1/customers/attribution-down/usage/{RUNS}")
    assert [period["used"] for period in history["periods"]] == [400]
    assert await life.bills() == Counter(paid=1)


async def test_metered_overage_on_scale(shop: Shop, stack: Stack) -> None:
    """B: Scale 25,000, metered overage; use beyond the limit is let pass and billed, up to a bound against runaways."""
    life = await shop.begun("attribution-over", plan="scale", **PAID)
    entitlement = await shop.check("attribution-over", RUNS)
    assert entitlement["overage"] == {"amount": 100, "currency": "usd", "units": 100, "at_most": 75_000}
    await shop.used("attribution-over", RUNS, 25_000)

    told = await shop.used("attribution-over", RUNS, 5_050)

    assert (told["level"], told["percent"], told["grace_ends_at"]) == ("overage", 120, None)
    assert told["hint"].endswith("usage beyond the limit is billed")
    assert await shop.reaches("attribution-over", RUNS, 69_950)
    await run_now(stack.client)
    await renew(life)
    assert await amounts(life) == [SCALE, SCALE + 51 * 100]


@pytest.mark.parametrize("command", ["suspend", "reactivate"])
async def test_admin_guard(shop: Shop, stack: Stack, customer_on: By, command: str) -> None:
    """B asks: admin guard; the product's own back end may not overrule, and nothing changes when it tries."""
    me = await shop.told(f"/v1/customers/{customer_on['pro']}")
    async with shop.as_role(stack, Role.SERVICE) as service:
        refused = await service.command(me["subscription"]["id"], command, reason="because")

    problem_of(refused, 403, "forbidden")
    assert await shop.told(f"/v1/customers/{customer_on['pro']}") == me
