"""Usage that is reverted by its key: off the counter once, off the invoice, and never for free."""

import asyncio
from collections import Counter as Tally
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.entitlements.usage import Action, GivenBack, Outcome, UsageChange, UsageVerdict
from domain.names import DEFAULT_TENANT
from storage.db.urls import async_url
from tests.storage.counting import PRO, Counting, now, selling
from tests.storage.ledger import a_step, later

CLIENTS = 16


@pytest_asyncio.fixture
async def shop(database_url: str) -> Any:
    engine: AsyncEngine = create_async_engine(async_url(database_url), pool_size=CLIENTS)
    made = Counting(engine)
    await made.publish()
    yield made
    await engine.dispose()


async def back(shop: Counting, key: str, meter: str, customer: str = "ada", quantity: int | None = None) -> GivenBack:
    return await shop.usage.give_back(customer, [meter], key, quantity, shop.rules, tenant=DEFAULT_TENANT)


async def overage(shop: Counting) -> dict[str, int]:
    rows = await shop.ledger.rows("select key, overage from usage_events where overage > 0 order by key")
    return {str(row["key"]): int(str(row["overage"])) for row in rows}


async def told(shop: Counting, key: str) -> None:
    """Usage was reported to the provider and invoiced."""
    await shop.ledger.run(
        f"update usage_events set report_began_at = now(), reported_at = now() where key = '{key}'"  # noqa: S608
    )


async def test_usage_is_reverted_once_and_reported_so_every_time(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("images", 3, key="job-1")
    await shop.use("images", 2, key="job-2")

    first = await back(shop, "job-1", "images")
    await shop.use("images", 4, key="job-3")
    again = await back(shop, "job-1", "images")

    assert first == again == GivenBack(UsageVerdict.GIVEN_BACK, 3, 3, {"images": 2})
    assert await shop.used("images") == 6


async def test_what_was_recorded_is_given_back_as_well(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("calls", 5, key="told", action=Action.RECORD)

    assert (await back(shop, "told", "calls")).used == {"calls": 0}


async def test_of_many_concurrent_releases_one_succeeds(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("images", 5)
    await shop.use("images", 3, key="job")

    answers = await asyncio.gather(*(back(shop, "job", "images") for _ in range(CLIENTS)))

    assert {one.released for one in answers} == {3}
    assert {tuple(one.used.items()) for one in answers} == {(("images", 5),)}
    assert await shop.used("images") == 5


async def test_uses_and_give_backs_of_many_at_once_add_up(shop: Counting) -> None:
    await shop.customer("ada", "pro")
    keys = [f"k{number}" for number in range(CLIENTS)]
    await asyncio.gather(*(shop.use("posts", key=key) for key in keys))

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(back(shop, key, "posts") for key in keys), *(shop.use("posts", 1, key=f"more-{key}") for key in keys)
        )

    assert (await shop.used("posts_a_day"), await shop.used("posts_a_week")) == (CLIENTS, CLIENTS)


async def test_a_key_that_was_given_back_is_used_up(shop: Counting) -> None:
    """Returning `repeated` would serve a second attempt of the job for free; and a late repeat must count nothing."""
    await shop.customer("ada")
    await shop.use("images", key="job")
    await back(shop, "job", "images")

    assert await shop.outcome("images", key="job") == "key_reused"
    assert await shop.outcome("images", key="job-again") == "counted"
    assert await shop.used("images") == 1


@pytest.mark.parametrize(
    ("key", "meter", "customer"),
    [("none", "images", "ada"), ("job", "calls", "ada"), ("job", "images", "grace"), ("freed", "profiles", "ada")],
    ids=["no such key", "of another meter", "of another customer", "of a release"],
)
async def test_what_the_customer_has_not_used_cannot_be_given_back(
    shop: Counting, key: str, meter: str, customer: str
) -> None:
    await shop.customer("ada")
    await shop.use("images", key="job")
    await shop.use("profiles", 2)
    await shop.use("profiles", key="freed", action=Action.RELEASE)

    assert (await back(shop, key, meter, customer)).verdict is UsageVerdict.UNKNOWN
    assert (await shop.used("images"), await shop.used("profiles")) == (1, 1)


async def test_a_refused_usage_leaves_nothing_to_give_back(shop: Counting) -> None:
    await shop.customer("ada")
    assert await shop.outcome("posts", 9, key="too-many") == "limit_reached"

    assert (await back(shop, "too-many", "posts")).verdict is UsageVerdict.UNKNOWN


async def test_usage_is_reverted_as_a_whole(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("images", 3, key="job")

    refused = await back(shop, "job", "images", quantity=2)

    assert (refused.verdict, refused.quantity) == (UsageVerdict.ANOTHER_QUANTITY, 3)
    assert (await back(shop, "job", "images", quantity=3)).released == 3


async def test_once_its_period_is_over_usage_stays_counted(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("calls", key="late", action=Action.RECORD, at=now() - timedelta(days=34))

    assert (await back(shop, "late", "calls")).verdict is UsageVerdict.PERIOD_OVER
    assert await shop.ledger.rows("select used from usage where feature = 'calls'") == [{"used": 1}]


async def test_a_period_that_was_cut_short_is_over(shop: Counting) -> None:
    subscription = await shop.customer("ada")
    await shop.use("runs", 4, key="before")
    restarted = now() - timedelta(minutes=1)
    await shop.change(subscription, period_start=restarted, period_end=restarted + timedelta(days=31))

    assert (await back(shop, "before", "runs")).verdict is UsageVerdict.PERIOD_OVER


async def test_a_timely_revert_is_reported_again_after_its_period(shop: Counting) -> None:
    subscription = await shop.customer("ada")
    await shop.use("runs", 4, key="job")
    first = await back(shop, "job", "runs")
    restarted = now() - timedelta(minutes=1)
    await shop.change(subscription, period_start=restarted, period_end=restarted + timedelta(days=31))

    assert await back(shop, "job", "runs") == first


async def test_of_a_day_that_is_over_and_a_week_that_runs_the_week_is_given_back(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("posts", 2, key="job")
    await shop.ledger.run(
        "update usage set period_start = period_start - interval '1 day', period_end = period_end - interval '1 day'"
        " where feature = 'posts_a_day'"
    )
    await shop.ledger.run(
        "update usage_log set starts[array_position(features, 'posts_a_day')] ="
        " starts[array_position(features, 'posts_a_day')] - interval '1 day'"
    )

    given = await back(shop, "job", "posts")

    assert (given.released, given.used) == (2, {"posts_a_week": 0})
    assert await shop.ledger.rows("select used from usage where feature = 'posts_a_day'") == [{"used": 2}]


async def test_after_an_upgrade_only_the_counters_it_went_to_are_given_back(shop: Counting) -> None:
    subscription = await shop.customer("ada")
    await shop.use("runs", 7, key="job")
    await shop.change(subscription, plan="pro")
    await shop.use("runs", 5)

    assert (await back(shop, "job", "runs")).used == {"runs": 5}


async def test_an_operators_reset_has_given_it_back_already(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("images", 4, key="job")
    await shop.use("images", 0, action=Action.RESET)
    await shop.use("images", 3, key="after")

    assert await back(shop, "job", "images") == GivenBack(UsageVerdict.GIVEN_BACK, 4, 0, {"images": 3})
    assert (await back(shop, "after", "images")).used == {"images": 0}


async def test_usage_counted_by_an_earlier_release_is_found_by_its_time(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("posts", 2, key="old")
    await shop.ledger.run("update usage_log set features = null, starts = null")

    assert (await back(shop, "old", "posts")).used == {"posts_a_day": 0, "posts_a_week": 0}


async def test_falling_below_the_limit_ends_grace(shop: Counting) -> None:
    await shop.customer("ada")
    await shop.use("images", 9)
    await shop.use("images", 1, key="last")
    await shop.age(8)
    assert await shop.outcome("images") == "limit_reached"

    await back(shop, "last", "images")

    assert (await shop.tallies())["images"].over_since is None
    assert [await shop.outcome("images") for _ in range(3)] == ["counted", "counted", "limit_reached"]
    # The same is never read twice.
    assert await shop.notices() == [("images", 90, 10), ("images", 100, 10)]


async def test_reverted_overage_is_never_reported(shop: Counting) -> None:
    await shop.customer("ada", "pro")
    await shop.use("runs", 98, key="within")
    await shop.use("runs", 5, key="beyond-1")
    await shop.use("runs", 2, key="beyond-2")
    assert await overage(shop) == {"beyond-1": 3, "beyond-2": 2}

    await back(shop, "beyond-1", "runs")

    # 100 are used: nothing exceeds the limit any more, whichever usage did.
    assert await overage(shop) == {}


async def test_giving_usage_back_brings_later_usage_within_the_limit(shop: Counting) -> None:
    await shop.customer("ada", "pro")
    await shop.use("runs", 4, key="within")
    await shop.use("runs", 96)
    for number in range(3):
        await shop.use("runs", 2, key=f"beyond-{number}")

    await back(shop, "within", "runs")

    assert await overage(shop) == {"beyond-0": 2}


async def test_invoiced_overage_is_offset_by_later_usage(shop: Counting) -> None:
    await shop.customer("ada", "pro")
    await shop.use("runs", 100)
    await shop.use("runs", 5, key="billed")
    await told(shop, "billed")

    await back(shop, "billed", "runs")
    await shop.use("runs", 3, key="next")
    await shop.use("runs", 4, key="last")

    # 107 are used, 7 beyond the limit: 5 are invoiced already.
    assert await overage(shop) == {"billed": 5, "last": 2}


async def test_beyond_what_the_plan_sells_usage_is_counted_and_not_billed(shop: Counting) -> None:
    """Pro sells 50 runs beyond its 100. What has happened is recorded however much it is."""
    await shop.customer("ada", "pro")
    await shop.use("runs", 130, key="first", action=Action.RECORD)
    await shop.use("runs", 10_000_000, key="runaway", action=Action.RECORD)
    await shop.use("runs", 5, key="last", action=Action.RECORD)

    assert await shop.used("runs") == 10_000_135
    assert await overage(shop) == {"first": 30, "runaway": 20}


async def test_what_was_billed_before_an_upgrade_takes_nothing_of_what_the_larger_plan_sells(shop: Counting) -> None:
    larger = replace(PRO, code="max", name="Max", entitlements={**PRO.entitlements, "runs": 500})
    sold = selling(larger)
    await shop.publish(sold)
    before = await shop.customer("ada", "pro", items=sold.select("pro").items)
    await shop.use("runs", 150, key="smaller")
    assert before is not None
    await shop.ledger.save(a_step(later(before, plan="max", items=sold.select("max").items)))

    await shop.use("runs", 350, key="included")
    await shop.use("runs", 50, key="larger")

    assert await overage(shop) == {"larger": 50, "smaller": 50}


@pytest.mark.parametrize("is_told", [False, True], ids=["not reported", "on the invoice"])
async def test_what_is_given_back_beyond_what_is_billed_leaves_the_invoice_as_it_is(
    shop: Counting, is_told: bool
) -> None:
    await shop.customer("ada", "pro")
    await shop.use("runs", 200, key="much", action=Action.RECORD)
    await shop.use("runs", 30, key="more", action=Action.RECORD)
    if is_told:
        await told(shop, "much")

    await back(shop, "more", "runs")
    assert await overage(shop) == {"much": 50}, "200 are still used"

    await back(shop, "much", "runs")
    await shop.use("runs", 110, key="next", action=Action.RECORD)
    assert await overage(shop) == ({"much": 50} if is_told else {"next": 10})
    await shop.use("runs", 100, key="rest", action=Action.RECORD)
    assert sum((await overage(shop)).values()) == 50, "so much is sold beyond the limit at most"


async def test_what_an_earlier_release_billed_beyond_what_is_sold_is_given_back_as_a_whole(shop: Counting) -> None:
    await shop.customer("ada", "pro")
    await shop.use("runs", 1000, key="much", action=Action.RECORD)
    await shop.ledger.run("update usage_events set overage = 900")
    await shop.ledger.run("update usage set overage = 900")

    await back(shop, "much", "runs")

    assert await overage(shop) == {}


async def test_a_report_in_progress_counts_as_reported(shop: Counting) -> None:
    await shop.customer("ada", "pro")
    await shop.use("runs", 100)
    await shop.use("runs", 5, key="begun")
    await shop.ledger.run("update usage_events set report_began_at = now() where key = 'begun'")

    await back(shop, "begun", "runs")
    await shop.use("runs", 5, key="next")

    assert await overage(shop) == {"begun": 5}


async def test_overage_refused_by_the_provider_is_not_invoiced(shop: Counting) -> None:
    await shop.customer("ada", "pro")
    await shop.use("runs", 105, key="refused")
    await shop.ledger.run(
        "update usage_events set report_began_at = now(), report_trouble = 'refused' where key = 'refused'"
    )

    await back(shop, "refused", "runs")
    await shop.use("runs", 101, key="next")

    assert await overage(shop) == {"next": 1}


async def test_without_billed_overage_nothing_is_compensated(shop: Counting) -> None:
    subscription = await shop.customer("ada", items=())
    await shop.use("runs", 105, key="in-grace")
    await back(shop, "in-grace", "runs")
    await shop.change(subscription, plan="pro")

    await shop.use("runs", 103, key="billed")

    assert await overage(shop) == {"billed": 3}


async def test_whatever_is_used_and_reverted_the_invoice_is_for_usage_beyond_the_limit(shop: Counting) -> None:
    """In any order: what is billed is never less than the excess, and no more once all is used."""
    await shop.customer("ada", "pro")
    await shop.use("runs", 95)
    used = 95
    for number in range(8):
        await shop.use("runs", 4, key=f"n{number}")
        used += 4
        if number % 2:
            await told(shop, f"n{number}")
        if number % 3 == 2:
            await back(shop, f"n{number}", "runs")
            used -= 4

    assert await shop.used("runs") == used
    [row] = await shop.ledger.rows("select overage_back from usage where feature = 'runs'")
    assert sum((await overage(shop)).values()) - int(str(row["overage_back"])) == used - 100


async def test_nobody_reverts_another_customers_usage(shop: Counting) -> None:
    await shop.customer("ada")
    use = UsageChange("ada", "images", 1, f"shared-{uuid4()}")
    assert (await shop.usage.use(use, shop.rules)).outcome is Outcome.COUNTED

    other = await shop.usage.give_back("ada", ["images"], use.key, None, shop.rules, tenant="another")

    assert other.verdict is UsageVerdict.UNKNOWN


async def test_a_batch_does_not_count_reverted_usage_again(shop: Counting) -> None:
    await shop.customer("ada")
    uses = [UsageChange("ada", "images", 1, f"b{number}", Action.RECORD) for number in range(3)]
    await shop.usage.use_all(uses, shop.rules)
    await back(shop, "b1", "images")

    answers = await shop.usage.use_all(uses, shop.rules)

    assert Tally(one.outcome.value for one in answers) == {"repeated": 2, "key_reused": 1}
    assert await shop.used("images") == 2
