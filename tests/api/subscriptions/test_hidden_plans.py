"""A hidden plan is kept by those who have it, and given by operators alone."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from configuration.catalog_file import load_catalog
from domain.subscription.policy import DEFAULT_POLICY
from sandbox.stack import Stack
from storage.access.api_keys import ApiKeys, Role
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.catalogs import CATALOGS


@pytest.fixture(scope="module")
async def by_role(stack: Stack) -> AsyncIterator[dict[Role, Caller]]:
    """Callers of a shop that no longer sells Pro."""
    sold = load_catalog(CATALOGS / "attribution.yaml")
    plans = {**sold.plans, "pro": replace(sold.plans["pro"], is_hidden=True)}
    shop = replace(sold, product="attribution_without_pro", plans=plans)
    async with AsyncExitStack() as exits:
        addresses = await exits.enter_async_context(stack.under(DEFAULT_POLICY, shop))
        callers = {}
        for role in (Role.SERVICE, Role.OPERATOR):
            key = await ApiKeys(stack.engine).create(role, f"hidden plans {role}")
            callers[role] = await exits.enter_async_context(Caller.at(addresses.api_url, key))
        yield callers


async def test_a_product_cannot_sign_a_customer_up_for_a_hidden_plan(by_role: dict[Role, Caller], name: str) -> None:
    answer = await by_role[Role.SERVICE].sign_up(name, plan="pro")

    assert fields_of(problem_of(answer, 422, "plan_not_for_sale")) == {"plan"}


async def test_nor_change_a_customer_to_it(by_role: dict[Role, Caller], name: str) -> None:
    made = await by_role[Role.SERVICE].signed_up(name, plan="scale")

    answer = await by_role[Role.SERVICE].command(made["id"], "change-plan", plan="pro")

    problem_of(answer, 422, "plan_not_for_sale")


async def test_an_operator_may_assign_it_and_its_holder_keeps_it(by_role: dict[Role, Caller], name: str) -> None:
    made = await by_role[Role.OPERATOR].signed_up(name, plan="pro")

    changed = await by_role[Role.SERVICE].command(made["id"], "change-plan", plan="pro", quantity=2)

    assert changed.status_code == 200, changed.text
    assert changed.json()["quantity"] == 2


async def test_a_list_of_plans_says_which_are_hidden(by_role: dict[Role, Caller]) -> None:
    told = (await by_role[Role.SERVICE].get("/v1/plans")).json()["data"]

    assert {plan["code"]: plan["hidden"] for plan in told} == {"free": False, "pro": True, "scale": False}
