"""Subscribers of an older catalog keep what it includes, even features that today's no longer has."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.catalog.features import HARD, Feature, FeatureKind, UsageWindow
from sandbox.stack import Stack
from storage.catalog.current import in_force
from tests.harness.callers import Caller, problem_of
from tests.harness.catalogs import shipped_policy
from tests.harness.patience import PATIENT
from tests.harness.shop import CATALOG

VIDEOS = Feature("videos", "Videos", FeatureKind.NUMBER, window=UsageWindow.MONTH, meter="videos", limit=HARD)
RENAMED = replace(CATALOG.features["calls"], meter="requests")
NEXT = replace(
    CATALOG,
    version=2,
    plans={
        code: replace(
            plan,
            entitlements={
                **{one: value for one, value in plan.entitlements.items() if one != "seats"},
                "calls": 7,
                "videos": 5,
            },
        )
        for code, plan in CATALOG.plans.items()
    },
    add_ons={},
    features={code: one for code, one in CATALOG.features.items() if code != "seats"}
    | {"videos": VIDEOS, "calls": RENAMED},
)


@pytest.fixture(scope="module")
async def later(stack: Stack, shop: Caller) -> AsyncIterator[Caller]:
    """The same shop with the next version of its catalog."""
    async with (
        stack.under(shipped_policy(), NEXT) as addresses,
        Caller.at(addresses.api_url, stack.addresses.admin_key) as caller,
    ):
        yield caller


async def test_subscribers_keep_what_they_chose(shop: Caller, later: Caller, name: str) -> None:
    await shop.signed_up(name, plan="pro")
    path = f"/v1/customers/{name}"

    told = (await later.get(f"{path}/entitlements")).json()
    calls = (await later.post(f"{path}/consume", {"feature": "calls", "key": f"{name}-1"})).json()
    seats = (await later.post(f"{path}/consume", {"feature": "seats", "key": f"{name}-2"})).json()
    videos = await later.post(f"{path}/consume", {"feature": "videos", "key": f"{name}-3"})

    assert told["plan"] == {"code": "pro", "name": "Pro", "catalog": "gadgets_v1"}
    assert (told["entitlements"]["calls"]["limit"], told["entitlements"]["seats"]["limit"]) == (50, 3)
    assert (told["entitlements"]["videos"]["allowed"], told["entitlements"]["videos"]["limit"]) == (False, 0)
    assert (calls["meter"], calls["limit"], seats["limit"]) == ("calls", 50, 3)
    problem = problem_of(videos, 403, "feature_not_in_plan")
    assert [plan["code"] for plan in problem["plans"]] == ["free", "pro", "scale"]


async def test_gauges_can_be_released_without_any_entitlement(shop: Caller, later: Caller, name: str) -> None:
    made = await shop.signed_up(name, plan="pro")
    path = f"/v1/customers/{name}"
    await later.post(f"{path}/consume", {"feature": "seats", "quantity": 2, "key": f"{name}-1"})
    await shop.command(made["id"], "suspend", reason="told by a test")

    released = await later.post(f"{path}/release", {"feature": "seats", "key": f"{name}-2"})
    refused = await later.post(f"{path}/consume", {"feature": "seats", "key": f"{name}-3"})

    assert (released.status_code, released.json()["used"], released.json()["plan"]) == (200, 1, None), released.text
    problem = problem_of(refused, 403, "no_plan")
    assert (problem["used"], problem["limit"], problem["upgrades"]) == (1, 0, [])
    assert "suspended" in problem["detail"]


async def test_subscribers_without_a_recorded_version_are_checked_against_todays_plan(
    stack: Stack, shop: Caller, later: Caller, name: str
) -> None:
    made = await shop.signed_up(name, plan="pro")
    await shop.post(f"/v1/customers/{name}/consume", {"feature": "calls", "quantity": 40, "key": name})
    async with stack.engine.begin() as connection:
        unnoted = text("""update subscriptions set state = state || '{"catalog": ""}' where id = :id""")
        await connection.execute(unnoted, {"id": made["id"]})

    whole: dict[str, Any] = {"plan": "pro", "interval": "month", "quantity": 1, "add_ons": {}, "when": "period_end"}
    refused = await later.command(made["id"], "change-plan", **whole)

    problem = problem_of(refused, 409, "usage_does_not_fit")
    assert [(one["feature"], one["used"], one["limit"]) for one in problem["misfits"]] == [("calls", 40, 7)]


async def test_an_api_records_its_catalog_at_startup(stack: Stack) -> None:
    catalog = replace(CATALOG, product=f"gadgets_{uuid4().hex[:8]}")

    async with (
        stack.under(shipped_policy(), catalog),
        stack.engine.connect() as connection,
        asyncio.timeout(PATIENT),
    ):
        while await in_force(connection) != catalog:
            await connection.rollback()
