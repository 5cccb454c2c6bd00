"""Usage is counted once, up to its limit, or denied without a trace."""

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.access import Access
from domain.catalog.features import Overage, UsageWindow
from domain.catalog.plans import Item
from domain.entitlements.usage import MAX_QUANTITY, Action, Outcome, UsageChange
from domain.money import Money
from tests.storage.counting import PRO, SHOP, STARTER, Counting, counted, now, selling


@pytest_asyncio.fixture
async def shop(engine: AsyncEngine) -> Counting:
    """The shop, with Ada on Starter."""
    made = Counting(engine)
    await made.publish()
    await made.customer("ada")
    return made


async def test_usage_is_counted_until_the_limit(shop: Counting) -> None:
    outcomes = [await shop.outcome("profiles") for _ in range(7)]

    assert outcomes == ["counted"] * 5 + ["limit_reached"] * 2
    assert await shop.used("profiles") == 5
    refused = await shop.use("profiles")
    assert [(one.before, one.used, one.included, one.ceiling) for one in refused.counters] == [(5, 5, 5, 5)]


async def test_what_does_not_fit_whole_is_refused_whole(shop: Counting) -> None:
    await shop.use("profiles", 3)
    assert await shop.outcome("profiles", 3) == "limit_reached"
    assert await shop.outcome("profiles", 2) == "counted"


async def test_features_of_one_meter_are_used_up_together_or_not_at_all(shop: Counting) -> None:
    first = await shop.use("posts", 3)
    assert {one.feature: one.used for one in first.counters} == {"posts_a_day": 3, "posts_a_week": 3}
    await shop.ledger.run("delete from usage where feature = 'posts_a_day'")

    refused = await shop.use("posts", 3)

    assert refused.outcome is Outcome.LIMIT_REACHED
    assert {one.feature: one.used for one in refused.counters} == {"posts_a_day": 0, "posts_a_week": 3}
    assert (await shop.used("posts_a_day"), await shop.used("posts_a_week")) == (None, 3)


@pytest.mark.parametrize(
    ("meter", "quantity", "how"),
    [
        ("profiles", 6, {}),
        ("profiles", 1, {"action": Action.RELEASE}),
        ("images", 1, {"action": Action.RELEASE}),
        ("images", 1, {"action": Action.SET}),
        ("posts", 4, {}),
        ("meetings", 1, {}),
        ("images", 1, {"at": timedelta(minutes=6)}),
        ("images", 1, {"at": timedelta(days=-36)}),
        ("images", 1, {"customer": "nobody"}),
    ],
)
async def test_a_refusal_leaves_nothing_behind(
    shop: Counting, meter: str, quantity: int, how: dict[str, object]
) -> None:
    shop.rules = replace(shop.rules, free_plan="")
    before = await shop.ledger.everything()
    if isinstance(at := how.get("at"), timedelta):
        how = how | {"at": now() + at}
    assert await shop.outcome(meter, quantity, **how) not in ("counted", "repeated")
    assert await shop.ledger.everything() == before


async def test_a_repeated_key_counts_once_and_returns_the_current_state(shop: Counting) -> None:
    await shop.use("profiles", 2, key="k")
    await shop.use("profiles", 3)

    again = await shop.use("profiles", 2, key="k")

    assert (again.outcome, [one.used for one in again.counters]) == (Outcome.REPEATED, [5])
    assert await shop.used("profiles") == 5


async def test_a_refused_key_may_be_retried(shop: Counting) -> None:
    await shop.use("profiles", 5)
    assert await shop.outcome("profiles", key="k") == "limit_reached"
    await shop.use("profiles", 1, action=Action.RELEASE)
    assert await shop.outcome("profiles", key="k") == "counted"


@pytest.mark.parametrize(
    "other",
    [
        UsageChange("ada", "images", 2, "k"),
        UsageChange("ada", "profiles", 1, "k"),
        UsageChange("grace", "images", 1, "k"),
        UsageChange("ada", "images", 1, "k", Action.RECORD),
        UsageChange("ada", "images", 1, "k", at=now() - timedelta(hours=1)),
    ],
)
async def test_a_key_belongs_to_one_usage_event(shop: Counting, other: UsageChange) -> None:
    await shop.customer("grace")
    await shop.use("images", key="k")
    before = await shop.ledger.everything()

    assert (await shop.usage.use(other, shop.rules)).outcome is Outcome.KEY_REUSED
    assert await shop.ledger.everything() == before


async def test_tenants_know_nothing_of_each_others_keys_and_counters(shop: Counting) -> None:
    await shop.use("images", key="k")
    other = await shop.usage.use(UsageChange("ada", "images", 2, "k"), shop.rules, tenant="acme")
    assert (other.outcome, other.standing.basis, other.counters[0].used) == (Outcome.COUNTED, "free_plan", 2)
    assert await shop.used("images") == 1


async def test_a_percentage_of_a_limit_never_allows_more_than_it_says(shop: Counting) -> None:
    await shop.publish(selling(replace(STARTER, entitlements={**STARTER.entitlements, "images": 15})))
    answer = await shop.use("images", 16)
    # 110 % of 15 are 16.5.
    assert (answer.outcome, answer.counters[0].ceiling) == (Outcome.COUNTED, 16)
    assert await shop.outcome("images") == "limit_reached"


async def test_grace_ends_some_days_after_the_limit_was_reached(shop: Counting) -> None:
    await shop.use("storage", 20)
    assert await shop.outcome("storage") == "counted"
    await shop.age(days=7)

    over = await shop.use("storage")
    assert (over.outcome, over.counters[0].ceiling) == (Outcome.LIMIT_REACHED, 20)

    # Below the limit it starts again.
    await shop.use("storage", 3, action=Action.RELEASE)
    assert await shop.outcome("storage", 4) == "counted"


async def test_grace_is_of_the_limit_that_is_reached_now(shop: Counting) -> None:
    grace = await shop.customer("grace")
    await shop.use("storage", 20, customer="grace")
    await shop.age(days=8, customer="grace")
    await shop.change(grace, plan="pro")
    assert await shop.outcome("storage", 200, customer="grace") == "counted"


async def test_usage_that_is_never_refused_continues_without_grace(shop: Counting) -> None:
    await shop.use("calls", 10)
    await shop.age(days=300)
    answer = await shop.use("calls", 1000)
    assert (answer.outcome, answer.counters[0].ceiling) == (Outcome.COUNTED, None)


async def test_what_has_happened_is_recorded_beyond_every_limit(shop: Counting) -> None:
    recorded = await shop.use("profiles", 50, action=Action.RECORD)
    assert (recorded.outcome, recorded.counters[0].used) == (Outcome.COUNTED, 50)
    assert await shop.outcome("profiles") == "limit_reached"


async def test_what_was_released_can_be_used_again(shop: Counting) -> None:
    await shop.use("profiles", 5)
    released = await shop.use("profiles", 2, action=Action.RELEASE)
    assert (released.outcome, released.counters[0].used) == (Outcome.COUNTED, 3)
    assert await shop.outcome("profiles", 2) == "counted"
    assert await shop.outcome("profiles", 6, action=Action.RELEASE) == "too_much"
    assert await shop.used("profiles") == 5


async def test_a_gauge_is_set_to_what_there_is(shop: Counting) -> None:
    assert await shop.outcome("profiles", 9, action=Action.SET) == "counted"
    assert await shop.used("profiles") == 9
    assert await shop.outcome("profiles", 0, action=Action.SET) == "counted"
    assert await shop.used("profiles") == 0


async def test_an_operator_has_all_features_of_a_meter_count_from_0_and_gives_a_reason(shop: Counting) -> None:
    await shop.use("posts", 3)
    reset = UsageChange("ada", "posts", 0, "k", Action.RESET, reason="our fault", actor="operator 1")
    answer = await shop.usage.use(reset, shop.rules)
    assert {one.feature: one.used for one in answer.counters} == {"posts_a_day": 0, "posts_a_week": 0}
    assert await shop.ledger.rows("select reason, actor from usage_log where key = 'k'") == [
        {"reason": "our fault", "actor": "operator 1"}
    ]
    assert await shop.outcome("posts", 3) == "counted"


async def test_customers_with_limited_or_no_access_can_still_release_and_set(shop: Counting) -> None:
    await shop.customer("grace", access=Access.LIMITED)
    for how in (Action.SET, Action.RELEASE, Action.RECORD):
        assert await shop.outcome("profiles", 1, customer="grace", action=how) == "counted"
    assert await shop.outcome("profiles", customer="grace") == "no_new_use"


async def test_the_largest_numbers_are_counted_too(shop: Counting) -> None:
    most = 2**63 - 1
    huge = {**PRO.entitlements, "profiles": most, "storage": most // 100, "seats": most}
    await shop.publish(selling(replace(PRO, entitlements=huge)))
    await shop.customer("huge", "pro", quantity=1000)
    for meter in ("profiles", "storage", "seats"):
        for _ in range(2):
            assert await shop.outcome(meter, MAX_QUANTITY, customer="huge") == "counted"


class TestNotices:
    """The customer is notified of a threshold once per period, and again for another limit."""

    async def test_each_threshold_is_recorded_once_as_usage_goes_up_and_down(self, shop: Counting) -> None:
        crossed = [(await shop.use("storage", 17)).noticed, *[(await shop.use("storage")).noticed for _ in range(4)]]
        assert crossed == [False, True, False, True, False]
        await shop.use("storage", 2, action=Action.RELEASE)
        assert not (await shop.use("storage", 2)).noticed
        await shop.use("storage", 0, action=Action.SET)
        assert not (await shop.use("storage", 21, action=Action.SET)).noticed
        assert await shop.notices() == [("storage", 90, 20), ("storage", 100, 20)]

    async def test_only_the_highest_crossed_threshold_is_reported(self, shop: Counting) -> None:
        await shop.use("storage", 20)
        assert await shop.notices() == [("storage", 100, 20)]
        await shop.use("storage", 1, action=Action.RELEASE)
        await shop.use("storage", 1)
        assert await shop.notices() == [("storage", 100, 20)]

    async def test_a_greater_limit_has_thresholds_of_its_own(self, shop: Counting) -> None:
        grace = await shop.customer("grace")
        await shop.use("storage", 20, customer="grace")
        upgraded = await shop.change(grace, plan="pro")
        await shop.use("storage", 160, customer="grace")
        assert await shop.notices() == [("storage", 100, 20), ("storage", 90, 200)]

        await shop.change(upgraded, plan="starter")
        await shop.use("storage", 160, customer="grace", action=Action.RELEASE)
        # The notice for the previous limit was sent already.
        await shop.use("storage", 20, customer="grace", action=Action.SET)
        assert await shop.notices() == [("storage", 100, 20), ("storage", 90, 200)]

    async def test_nothing_is_said_of_a_period_that_is_over(self, shop: Counting) -> None:
        await shop.use("posts", 3, action=Action.RECORD, at=now() - timedelta(days=1))
        assert await shop.notices() == []
        await shop.use("posts", 3, action=Action.RECORD)
        assert ("posts_a_day", 100, 3) in await shop.notices()

    async def test_a_notice_says_until_when_there_is_grace(self, shop: Counting) -> None:
        await shop.use("storage", 18)
        await shop.use("storage", 2)
        rows = await shop.ledger.rows(
            "select threshold, grace_ends_at - at as left, resets_at from usage_notices order by threshold"
        )
        assert [tuple(row.values()) for row in rows] == [(90, None, None), (100, timedelta(days=7), None)]


class TestOverage:
    """Usage beyond the limit of a paid plan with overage."""

    async def test_each_event_notes_what_of_it_is_beyond(self, shop: Counting) -> None:
        await shop.customer("grace", "pro")
        for number, quantity in enumerate((98, 5, 7), 1):
            assert await shop.outcome("runs", quantity, customer="grace", key=str(number)) == "counted"
        rows = await shop.ledger.logged("key, overage_of, overage", "order by key")
        assert [tuple(row.values()) for row in rows] == [("1", "", 0), ("2", "runs", 3), ("3", "runs", 7)]

    async def test_it_ends_where_the_plan_says(self, shop: Counting) -> None:
        await shop.customer("grace", "pro")
        answer = await shop.use("runs", 150, customer="grace")
        assert (answer.outcome, answer.counters[0].ceiling) == (Outcome.COUNTED, 150)
        assert await shop.outcome("runs", customer="grace") == "limit_reached"

    async def test_customers_who_are_not_billed_yet_have_the_limits_own_rule(self, shop: Counting) -> None:
        await shop.customer("grace", "pro", agreement_ref="")
        assert (await shop.use("runs", 105, customer="grace")).counters[0].ceiling == 110
        assert await shop.ledger.logged("sum(overage)::int as beyond") == [{"beyond": 0}]

    async def test_overage_is_allowed_only_once_the_agreement_has_an_item_for_it(self, shop: Counting) -> None:
        """As after the first published catalog with overage: earlier subscribers have no such item."""
        plan_alone = (Item("shop_pro_month_v1", 1),)
        grace = await shop.customer("grace", "pro", items=plan_alone)
        assert (await shop.use("runs", 105, customer="grace")).counters[0].ceiling == 110
        assert await shop.outcome("runs", 6, customer="grace") == "limit_reached"

        changed = await shop.change(grace, items=(*plan_alone, Item("shop_pro_runs_overage_month_v1", 0)))
        assert (await shop.use("runs", 6, customer="grace")).counters[0].ceiling == 150

        # By another interval, or of another feature, it is another item.
        others = (Item("shop_pro_runs_overage_year_v1", 0), Item("shop_pro_images_overage_month_v1", 0))
        await shop.change(changed, items=(*plan_alone, *others))
        assert await shop.outcome("runs", customer="grace") == "limit_reached"
        rows = await shop.ledger.logged("overage_of, overage", "order by recorded_at")
        assert [tuple(row.values()) for row in rows] == [("", 0), ("runs", 6)]

    async def test_the_current_catalog_without_its_item_has_the_limits_own_rule(self, shop: Counting) -> None:
        """The version they subscribed to was never published; the current one has overage."""
        await shop.customer("grace", "pro", catalog="", items=(Item("shop_pro_month_v7", 1),))
        answer = await shop.use("runs", 105, customer="grace")
        assert (answer.standing.catalog, answer.counters[0].ceiling) == (SHOP.name, 110)
        assert await shop.outcome("runs", 6, customer="grace") == "limit_reached"
        assert await shop.ledger.logged("sum(overage)::int as beyond") == [{"beyond": 0}]

    async def test_late_usage_of_the_trial_is_not_billed(self, shop: Counting) -> None:
        converted = now() - timedelta(days=2)
        await shop.customer(
            "grace", "pro", created_at=converted - timedelta(days=14), trial_ends_at=converted, period_start=converted
        )
        record = {"customer": "grace", "action": Action.RECORD}
        await shop.use("runs", 130, at=converted - timedelta(hours=1), **record)  # type: ignore[arg-type]
        await shop.use("runs", 130, at=converted + timedelta(hours=1), **record)  # type: ignore[arg-type]
        rows = await shop.ledger.logged("overage", "order by at")
        assert [row["overage"] for row in rows] == [0, 30]

    @pytest.mark.parametrize("action", [Action.CONSUME, Action.RECORD])
    async def test_all_of_it_is_billed_where_the_plan_sells_any_amount(self, shop: Counting, action: Action) -> None:
        unbounded = selling(replace(PRO, overage={"runs": Overage(Money(1, "usd"))}))
        await shop.publish(unbounded)
        await shop.customer("grace", "pro", items=unbounded.select("pro").items)
        for turn in range(2):
            await shop.use("runs", 100, customer="grace", key=f"turn-{turn}", action=action)
        rows = await shop.ledger.rows("select key, overage from usage_events order by key")
        assert [tuple(row.values()) for row in rows] == [("turn-1", 100)]

    async def test_the_larger_part_is_billed_when_two_features_of_a_meter_are(self, shop: Counting) -> None:
        both = (counted("runs", UsageWindow.BILLING_PERIOD), counted("a_runs", UsageWindow.DAY, meter="runs"))
        pro = replace(
            PRO,
            entitlements={**PRO.entitlements, "runs": 20, "a_runs": 10},
            overage={"runs": PRO.overage["runs"], "a_runs": PRO.overage["runs"]},
        )
        shown = {**SHOP.features, **{one.code: one for one in both}}
        starter = {
            code: replace(one, entitlements={"a_runs": 0, **one.entitlements}) for code, one in SHOP.plans.items()
        }
        both_billed = selling(pro, features=shown, plans={**starter, "pro": pro})
        await shop.publish(both_billed)
        await shop.customer("grace", "pro", items=both_billed.select("pro").items)
        await shop.use("runs", 15, customer="grace")
        rows = await shop.ledger.rows("select overage_of, overage from usage_events")
        assert [tuple(row.values()) for row in rows] == [("a_runs", 5)]
