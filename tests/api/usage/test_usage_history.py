"""Usage history over HTTP: periods and days for charts, statistics for operators."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from configuration.catalog_file import load_catalog
from domain.entitlements.usage import Action, UsageChange
from sandbox.stack import Stack
from storage.access.api_keys import Role
from storage.usage.counting import Usage
from storage.usage.roll_up import UsageRollUpRecords
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.catalogs import CATALOG


async def put(stack: Stack, tenant: str, customer: str, feature: str, quantity: int) -> None:
    """Set the gauge to this value."""
    use = UsageChange(customer, feature, quantity, str(uuid4()), Action.SET)
    await Usage(stack.engine).use(use, stack.api_parts.entitlement_rules, tenant=tenant)


async def test_the_days_of_a_gauge_are_listed(stack: Stack, alone: Caller, name: str) -> None:
    await alone.signed_up(name)
    await put(stack, name, name, "storage_gb", 4)
    await UsageRollUpRecords(stack.engine).sample((name, "", ""))
    before = text(
        "insert into usage_samples (tenant, customer, feature, day, lowest, highest, latest)"
        " select :name, :name, 'storage_gb', current_date - n, n, n, n from unnest(array[40, 2]) n"
    )
    async with stack.engine.begin() as connection:
        await connection.execute(before, {"name": name})

    shown = (await alone.get(f"/v1/customers/{name}/usage/storage_gb", periods=1)).json()

    assert (shown["customer"], shown["feature"], shown["window"]) == (name, "storage_gb", "gauge")
    assert shown["plan"] == {"code": "starter", "name": "Starter", "catalog": load_catalog(CATALOG).name}
    assert shown["basis"] == "plan"
    assert shown["periods"] == []
    assert [day["latest"] for day in shown["days"]] == [2, 4]
    assert datetime.fromisoformat(shown["days"][-1]["day"]).date() >= datetime.now(UTC).date() - timedelta(days=1)
    a_quarter = (await alone.get(f"/v1/customers/{name}/usage/storage_gb", periods=3)).json()
    assert [day["latest"] for day in a_quarter["days"]] == [40, 2, 4]


async def test_an_uncounted_feature_has_no_history(admin: Caller, name: str) -> None:
    shown = (await admin.get(f"/v1/customers/{name}/usage/custom_fields")).json()

    assert (shown["window"], shown["periods"], shown["days"]) == (None, [], [])
    assert (shown["plan"], shown["basis"]) == (None, "nothing")


async def test_an_unknown_feature_is_not_found_and_similar_ones_are_named(admin: Caller, name: str) -> None:
    problem = problem_of(await admin.get(f"/v1/customers/{name}/usage/storage"), 404, "unknown_feature")

    assert "'storage_gb'" in problem["detail"]


@pytest.mark.parametrize("periods", ["0", "401", "all"])
async def test_an_invalid_number_of_periods_is_rejected(admin: Caller, name: str, periods: str) -> None:
    answer = await admin.get(f"/v1/customers/{name}/usage/storage_gb", periods=periods)

    assert fields_of(problem_of(answer, 422, "malformed")) == {"periods"}


async def test_operators_see_the_latest_statistics_and_others_do_not(stack: Stack, alone: Caller, name: str) -> None:
    assert (await alone.get("/v1/usage/statistics")).json() == {"taken_at": None, "statistics": []}
    await alone.signed_up(name)
    await put(stack, name, name, "storage_gb", 9)
    await UsageRollUpRecords(stack.engine).compute_statistics(alive=lambda _: None)

    shown = (await alone.get("/v1/usage/statistics")).json()

    assert shown["statistics"] == [
        {
            "plan": "starter",
            "feature": "storage_gb",
            "customers": 1,
            "used": 9,
            "highest": 9,
            "near_limit": 1,
            "at_limit": 0,
        }
    ]
    async with Caller.of_role(stack, Role.SERVICE) as service:
        problem_of(await service.get("/v1/usage/statistics"), 403, "forbidden")
