"""Product C, the job platform: every row of its description that concerns plans and usage, in its own words."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from storage.usage.roll_up import UsageRollUpRecords
from tests.harness.callers import problem_of
from tests.products.shop import PAID, By, Shop, by_plan

PLANS = ("free", "pro", "enterprise")
GIGABYTE = 1_000


@pytest.fixture(scope="module")
async def shop(stack: Stack, stack_folder: Path) -> AsyncIterator[Shop]:
    async with Shop.of("jobs", stack, stack_folder) as shop:
        yield shop


@pytest.fixture(scope="module")
async def customer_on(shop: Shop) -> By:
    return await shop.customers_on(PLANS, **PAID)


def month_after(moment: datetime) -> datetime:
    """When the next month of the calendar begins."""
    year, month = (moment.year, moment.month + 1) if moment.month < 12 else (moment.year + 1, 1)
    return datetime(year, month, 1, tzinfo=UTC)


@pytest.mark.parametrize(("plan", "price"), by_plan(PLANS, "Free $0, Pro $19.99, Enterprise $99.99", None, 1999, 9999))
async def test_plans(shop: Shop, plan: str, price: int | None) -> None:
    """C: Free $0, Pro $19.99, Enterprise $99.99. Asks: plans."""
    listed = {one["code"]: one["prices"] for one in (await shop.told("/v1/plans"))["data"]}

    assert list(listed) == list(PLANS)
    assert listed[plan] == ({} if price is None else {"month": {"amount": price, "currency": "usd"}})


async def test_default_free_plan(shop: Shop) -> None:
    """C asks: default free plan; who never signed up has it, and a job at once."""
    told = await shop.used("jobs-newcomer", "jobs")

    assert (told["plan"]["code"], told["basis"], told["remaining"]) == ("free", "free_plan", 9)


@pytest.mark.parametrize(
    ("plan", "feature", "window", "number"),
    [
        pytest.param(plan, feature, window, number, id=f"{row}: {plan}")
        for row, feature, window, numbers in (
            ("10 jobs a month, 500 jobs, unlimited", "jobs_per_month", "month", (10, 500, None)),
            ("100 MB, 10 GB, unlimited", "storage_mb", "gauge", (100, 10 * GIGABYTE, None)),
            ("100 API calls a day, 10,000 calls, unlimited", "api_calls_per_day", "day", (100, 10_000, None)),
            ("compute minutes", "compute_minutes_per_month", "month", (60, 3_000, None)),
        )
        for plan, number in zip(PLANS, numbers, strict=True)
    ],
)
async def test_quotas(shop: Shop, customer_on: By, plan: str, feature: str, window: str, number: int | None) -> None:
    """C: jobs a month, storage, API calls a day, compute minutes; so much may be used and not one more."""
    entitlement = await shop.check(customer_on[plan], feature)

    assert [entitlement[one] for one in ("limit", "unlimited", "window")] == [number, number is None, window]
    assert entitlement["plan"]["code"] == plan
    assert await shop.reaches(customer_on[plan], feature, number)


@pytest.mark.parametrize(("plan", "times"), by_plan(PLANS, "rate x1, x5, x10", 1, 5, 10))
async def test_rate_multiplier(shop: Shop, customer_on: By, plan: str, times: int) -> None:
    """C: rate x1, x5, x10. Asks: rate multiplier."""
    rate = await shop.check(customer_on[plan], "rate_limit")

    assert (rate["kind"], rate["value"], rate["window"]) == ("rate", times, None)


@pytest.mark.parametrize(
    ("feature", "plans"),
    [
        pytest.param("scheduled_jobs", PLANS[1:], id="feature switches: scheduled_jobs"),
        pytest.param("webhooks", PLANS[1:], id="feature switches: webhooks"),
        pytest.param("priority_queue", PLANS[2:], id="feature switches: priority_queue"),
        pytest.param("single_sign_on", PLANS[2:], id="feature switches: single_sign_on"),
    ],
)
async def test_feature_switches(shop: Shop, customer_on: By, feature: str, plans: tuple[str, ...]) -> None:
    """C asks: feature switches."""
    has = {plan: (await shop.check(customer_on[plan], feature))["value"] for plan in PLANS}

    assert has == {plan: plan in plans for plan in PLANS}
    problem = problem_of(await shop.use(customer_on["free"], feature), 403, "feature_not_in_plan")
    assert [plan["code"] for plan in problem["plans"]] == list(plans)


@pytest.mark.parametrize(
    ("feature", "meter", "quota"),
    [
        pytest.param("jobs_per_month", "jobs", 10, id="jobs"),
        pytest.param("storage_mb", "storage_mb", 100, id="storage"),
        pytest.param("api_calls_per_day", "api_calls", 100, id="API calls"),
        pytest.param("compute_minutes_per_month", "compute_minutes", 60, id="compute minutes"),
    ],
)
async def test_402_over_quota(shop: Shop, feature: str, meter: str, quota: int) -> None:
    """C asks: quota check and increment, 402 over quota; nothing is counted of what is refused."""
    customer = f"jobs-over-{meter}"
    assert (await shop.check(customer, feature, quantity=quota))["allowed"]
    assert (await shop.used(customer, meter, quota - 1))["remaining"] == 1

    problem = problem_of(await shop.use(customer, meter, 2), 402, "limit_reached")

    assert problem["feature"] == feature
    assert [problem[one] for one in ("used", "limit", "remaining")] == [quota - 1, quota, 1]
    assert [one["plan"] for one in problem["upgrades"]] == ["pro", "enterprise"]
    assert (await shop.used(customer, meter))["remaining"] == 0
    problem_of(await shop.use(customer, meter), 402, "limit_reached")


@pytest.mark.parametrize("plan", ["free", "pro"])
@pytest.mark.parametrize("meter", ["jobs", "api_calls", "compute_minutes"])
async def test_quotas_by_calendar_month(shop: Shop, customer_on: By, plan: str, meter: str) -> None:
    """C asks: quota check and increment by calendar month, whenever the bill comes."""
    usage = await shop.usage(customer_on[plan], f"{meter}_per_month")

    began, ends = (datetime.fromisoformat(usage[one]) for one in ("starts_at", "resets_at"))
    assert (usage["window"], usage["meter"]) == ("month", meter)
    assert (began.day, began.hour, began.minute, ends) == (1, 0, 0, month_after(began))
    assert began <= datetime.now(UTC) <= ends


async def test_an_api_call_counts_for_its_day_and_its_month(shop: Shop) -> None:
    """C: 100 API calls a day; quota by calendar month (API calls)."""
    told = await shop.used("jobs-caller", "api_calls", 7)

    assert {one["feature"]: one["used"] for one in told["limits"]} == {
        "api_calls_per_day": 7,
        "api_calls_per_month": 7,
    }


async def test_storage_is_what_there_is(shop: Shop) -> None:
    """C: 100 MB; quota check and increment (storage): told as a sum, taken up, and freed again."""
    path = "/v1/customers/jobs-stores"
    measured = await shop.post(f"{path}/usage/storage_mb/set", {"quantity": 90})
    assert (measured.status_code, measured.json()["used"], measured.json()["level"]) == (200, 90, "warned")
    problem_of(await shop.use("jobs-stores", "storage_mb", 11), 402, "limit_reached")

    await shop.post(f"{path}/release", {"feature": "storage_mb", "quantity": 40})

    assert (await shop.used("jobs-stores", "storage_mb", 11))["used"] == 61


async def test_me_and_usage(shop: Shop) -> None:
    """C asks: me, usage; who one is, what one has and what is used of it."""
    await shop.begun("jobs-me", plan="pro", **PAID)
    await shop.used("jobs-me", "jobs", 400)

    me = await shop.told("/v1/customers/jobs-me")
    usage = await shop.told("/v1/customers/jobs-me/usage")

    assert (me["email"], me["plan"]["code"], me["basis"]) == ("jobs-me@example.com", "pro", "plan")
    assert (me["subscription"]["status"], me["subscription"]["amount"]) == ("active", 1999)
    jobs = usage["usage"]["jobs_per_month"]
    assert [jobs[one] for one in ("used", "limit", "remaining", "percent", "level")] == [400, 500, 100, 80, "hint"]
    assert usage["plan"] == me["plan"]


async def test_admins_list_and_search(shop: Shop, customer_on: By) -> None:
    """C, admins: list and search; by id, address, plan and status, and nobody else's."""

    async def found(**wanted: str) -> set[str]:
        page = await shop.told("/v1/subscriptions", **wanted)
        assert page["next_cursor"] is None
        return {one["customer"]["external_id"] for one in page["data"]}

    everybody = await found()
    assert {customer_on["pro"], customer_on["enterprise"]} <= everybody
    assert all(one.startswith("jobs-") for one in everybody)
    assert await found(q="jobs-on-ent") == {customer_on["enterprise"]}
    assert await found(q="jobs-on-pro@example") == {customer_on["pro"]}
    assert customer_on["pro"] not in await found(plan="enterprise")
    assert customer_on["pro"] in await found(plan="pro", status="active")


async def test_admins_detail_with_subscription_and_usage(shop: Shop, customer_on: By) -> None:
    """C, admins: detail with subscription and usage."""
    customer = customer_on["enterprise"]

    detail = await shop.told(f"/v1/customers/{customer}")
    usage = (await shop.told(f"/v1/customers/{customer}/usage"))["usage"]

    subscription = detail["subscription"]
    assert (subscription["plan"], subscription["amount"], subscription["access"]) == ("enterprise", 9999, "full")
    timeline = await shop.told(f"/v1/subscriptions/{subscription['id']}/timeline")
    assert "converted" in {entry["kind"] for entry in timeline["past"]}
    assert {one["unlimited"] for one in usage.values()} == {True}
    assert {one["percent"] for one in usage.values()} == {None}


async def test_admins_suspend_and_activate(shop: Shop) -> None:
    """C, admins: suspend and activate; nothing may be used in between, and what was used is still counted after it."""
    life = await shop.begun("jobs-suspended", plan="pro", **PAID)
    await shop.used("jobs-suspended", "jobs", 20)

    await life.command("suspend", reason="mining coins")

    problem = problem_of(await shop.use("jobs-suspended", "jobs"), 403, "no_plan")
    assert (problem["plan"], problem["basis"], problem["upgrades"]) == (None, "nothing", [])
    switch = await shop.check("jobs-suspended", "webhooks")
    assert (switch["allowed"], switch["reason"], switch["subscription"]["status"]) == (False, "no_plan", "suspended")

    await life.command("reactivate", reason="a misunderstanding")

    assert (await shop.used("jobs-suspended", "jobs"))["used"] == 21
    reasons = [entry["details"].get("reason") for entry in await life.past()]
    assert {"mining coins", "a misunderstanding"} <= set(reasons)


async def test_admins_clear_rate_limits(shop: Shop, stack: Stack) -> None:
    """C, admins: clear rate limits; the product's own back end may not."""
    await shop.used("jobs-cleared", "api_calls", 100)
    problem_of(await shop.use("jobs-cleared", "api_calls"), 402, "limit_reached")
    path, why = "/v1/customers/jobs-cleared/usage/api_calls_per_day/reset", {"reason": "their loop has been mended"}
    async with shop.as_role(stack, Role.SERVICE) as service:
        problem_of(await service.post(path, why), 403, "forbidden")

    cleared = await shop.post(path, why)

    assert (cleared.status_code, cleared.json()["used"]) == (200, 0)
    assert (await shop.used("jobs-cleared", "api_calls_per_day"))["remaining"] == 99
    month = (await shop.told("/v1/customers/jobs-cleared/usage"))["usage"]["api_calls_per_month"]
    assert month["used"] == 101, "what was used in the month is told all the same"


async def test_admins_statistics(shop: Shop, stack: Stack) -> None:
    """C, admins: statistics; by plan and feature, and who is near a limit."""
    await shop.used("jobs-counted-1", "compute_minutes", 50)
    await shop.used("jobs-counted-2", "compute_minutes", 60)
    await UsageRollUpRecords(stack.engine).compute_statistics(alive=lambda _: None)

    statistics = (await shop.told("/v1/usage/statistics"))["statistics"]

    minutes = next(one for one in statistics if (one["plan"], one["feature"]) == ("free", "compute_minutes_per_month"))
    assert minutes["customers"] >= 2
    assert (minutes["highest"], minutes["at_limit"] >= 1, minutes["near_limit"] >= 2) == (60, True, True)
    async with shop.as_role(stack, Role.READ_ONLY) as onlooker:
        assert (await onlooker.get("/v1/usage/statistics")).json()["statistics"] == statistics
    async with shop.as_role(stack, Role.SERVICE) as product:
        problem_of(await product.get("/v1/usage/statistics"), 403, "forbidden")
