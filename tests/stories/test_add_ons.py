"""Add-ons that come and go in mid-period: billed at once, usable at once, given back as the policy says."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from domain.catalog.features import Value
from domain.entitlements.grants import granted
from domain.subscription.policy import ChangeAt
from sandbox.product import Product
from sandbox.stack import Stack
from storage.usage.counting import Usage
from tests.harness.lives import Life
from tests.harness.names import a_name
from tests.harness.previews import as_shown
from tests.stories.test_plan_changes import A_DAY, PAID_START, STARTER, bills_of

Begin = Callable[..., Awaitable[Life]]

USERS, A_USER, PLANTS, A_PLANT = 3, 500, 1, 2500


async def has(stack: Stack, life: Life, feature: str) -> Value:
    """What the customer has of a feature now."""
    standing, _ = await Usage(stack.engine).standing(life.external_id, stack.api_parts.entitlement_rules)
    assert standing.plan is not None
    found = granted(stack.api_parts.catalog, standing.plan, feature, standing.add_ons, standing.quantity)
    assert found is not None
    return found.value


async def test_an_add_on_in_mid_period_is_billed_for_the_rest_and_usable_once_the_command_has_answered(
    begin: Begin, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    assert await has(stack, life, "users") == USERS
    await life.live(10 * A_DAY)

    preview = await life.command("preview-change", add_ons={"users": 4, "plants": 1})
    stands = await life.command("change-plan", add_ons={"users": 4, "plants": 1}, **as_shown(preview))

    assert (await has(stack, life, "users"), await has(stack, life, "plants")) == (USERS + 4, PLANTS + 1)
    assert (await has(stack, life, "storage_gb")) == 10
    whole = 4 * A_USER + A_PLANT
    assert stands["amount"] == STARTER + whole
    assert 0 < preview["due_now"] < whole
    assert [bill["amount"] for bill in await bills_of(life)] == [STARTER, preview["due_now"]]
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert (await bills_of(life))[-1]["amount"] == STARTER + whole


async def test_an_add_on_that_goes_at_once_is_credited_on_the_next_bill(begin: Begin, stack: Stack) -> None:
    life = await begin(add_ons={"users": 4}, **PAID_START)
    assert await has(stack, life, "users") == USERS + 4
    await life.live(10 * A_DAY)

    preview = await life.command("preview-change", add_ons={}, when="now")
    stands = await life.command("change-plan", add_ons={}, when="now", **as_shown(preview))

    assert await has(stack, life, "users") == USERS
    assert (stands["amount"], stands["pending_change"]) == (STARTER, None)
    assert -4 * A_USER < preview["due_now"] < 0
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    # Told with what is left to pay after the credit.
    assert (await bills_of(life))[-1]["amount"] == STARTER + preview["due_now"]


async def test_what_an_add_on_gives_stays_until_the_period_ends_where_the_policy_has_it_so(
    begin: Begin, stack: Stack
) -> None:
    assert stack.api_parts.policy.downgrade is ChangeAt.PERIOD_END
    life = await begin(add_ons={"users": 4}, **PAID_START)

    stands = await life.command("change-plan", add_ons={"users": 1})

    assert stands["pending_change"]["at"] == stands["current_period_end"]
    assert await has(stack, life, "users") == USERS + 4
    await life.live_until("change_plan")
    assert await has(stack, life, "users") == USERS + 1
    paid = [bill["amount"] for bill in await bills_of(life) if bill["status"] == "paid"]
    assert paid == [STARTER + 4 * A_USER, STARTER + A_USER]


async def test_where_the_policy_takes_an_add_on_away_at_once_its_rest_is_credited(stack: Stack) -> None:
    policy = stack.api_parts.policy
    at_once = replace(policy, version="at once", downgrade=ChangeAt.NOW)
    async with stack.under(at_once) as addresses, Product(addresses) as product:
        life = await Life.begun(product, a_name("add-on-at-once"), add_ons={"users": 4}, **PAID_START)

        stands = await life.command("change-plan", add_ons={})

        assert stands["pending_change"] is None
        assert await has(stack, life, "users") == USERS


async def test_in_a_year_an_add_on_costs_its_yearly_price(begin: Begin, stack: Stack) -> None:
    life = await begin(interval="year", **PAID_START)
    add_on = stack.api_parts.catalog.add_ons["users"]

    stands = await life.command("change-plan", add_ons={"users": 2})

    yearly = next(price.amount for interval, price in add_on.prices.items() if interval == "year")
    assert yearly == 12 * A_USER * 90 // 100
    before, billed = (bill["amount"] for bill in await bills_of(life))
    assert stands["amount"] == before + 2 * yearly
    # Seconds of the year are over.
    assert 2 * yearly - 2 <= billed <= 2 * yearly
    assert await has(stack, life, "users") == USERS + 2
