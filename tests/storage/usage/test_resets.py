"""Resets of counters by operators: down to a value, once, and never at the cost of a bill."""

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements.usage import Action, Counted, UsageChange
from domain.names import DEFAULT_TENANT
from tests.storage.counting import Counting


@pytest_asyncio.fixture
async def shop(engine: AsyncEngine) -> Counting:
    made = Counting(engine)
    await made.publish()
    return made


async def reset(shop: Counting, feature: str, used: int = 0, *, key: str = "") -> Counted:
    change = UsageChange("ada", feature, used, key or uuid4().hex, Action.RESET, reason="our fault", actor="operator 1")
    return await shop.usage.use(change, shop.rules)


async def test_a_counter_goes_down_to_what_is_said_and_tells_what_it_was(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("posts", 3)

    lowered = await reset(shop, "posts_a_day", 1)

    assert [(one.feature, one.before, one.used) for one in lowered.counters] == [("posts_a_day", 3, 1)]
    assert await shop.used("posts_a_day") == 1
    assert await shop.used("posts_a_week") == 3


async def test_a_reset_happens_once_under_its_key(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("posts", 3)
    first = await asyncio.gather(*(reset(shop, "posts", key="once") for _ in range(4)))
    await shop.use("posts", 2)

    again, another = await reset(shop, "posts", key="once"), await reset(shop, "posts", 1, key="once")

    assert sorted(one.outcome for one in first) == ["counted", "repeated", "repeated", "repeated"]
    assert (again.outcome, another.outcome) == ("repeated", "key_reused")
    assert await shop.used("posts_a_day") == 2


async def test_a_reset_only_lowers(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("posts", 3)

    assert (await reset(shop, "posts_a_day", 4)).outcome == "too_much"
    assert (await reset(shop, "images", 1)).outcome == "too_much"
    assert (await reset(shop, "images")).outcome == "counted", "nothing is counted, and nothing stays so"
    assert await shop.used("posts_a_day") == 3


@pytest.mark.parametrize("used", [0, 2])
async def test_a_gauge_is_not_reset(shop: Counting, used: int) -> None:
    await shop.customer("ada")
    await shop.use("profiles", 3)

    assert (await reset(shop, "profiles", used)).outcome == "is_a_gauge"
    assert await shop.used("profiles") == 3


async def test_what_is_billed_beyond_the_limit_is_not_had_for_nothing(shop: Counting) -> None:
    await shop.customer("ada", plan="pro")
    await shop.use("runs", 100)
    await shop.use("runs", 5, key="beyond")

    refused = await reset(shop, "runs")

    assert (refused.outcome, await shop.used("runs")) == ("overage_billed", 105)
    await shop.usage.give_back("ada", ["runs"], "beyond", None, shop.rules, tenant=DEFAULT_TENANT)
    assert (await reset(shop, "runs")).outcome == "counted", "nothing beyond the limit is billed any more"
    assert await shop.ledger.rows("select key from usage_events where overage > 0") == []


async def test_what_was_billed_and_given_back_stays_credited_after_a_reset(shop: Counting) -> None:
    await shop.customer("ada", plan="pro")
    await shop.use("runs", 100)
    await shop.use("runs", 5, key="billed")
    await shop.ledger.run("update usage_events set report_began_at = now(), reported_at = now() where key = 'billed'")
    await shop.usage.give_back("ada", ["runs"], "billed", None, shop.rules, tenant=DEFAULT_TENANT)

    assert (await reset(shop, "runs")).outcome == "counted"
    await shop.use("runs", 100)
    await shop.use("runs", 7, key="later")

    rows = await shop.ledger.rows("select key, overage from usage_events where overage > 0 order by key")
    assert rows == [{"key": "billed", "overage": 5}, {"key": "later", "overage": 2}]
