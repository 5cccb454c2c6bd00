"""A customer's entitlements follow the state of their subscription."""

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.access import Access, Basis
from domain.catalog.plans import Item
from domain.entitlements.usage import Action, Counted
from domain.subscription.lifecycle import Status
from tests.storage.counting import RULES, SHOP, STARTER, Counting, selling

PLAN, NO_NEW_USE, FREE_PLAN, NOTHING = Basis
FULL, LIMITED, NONE = Access


@pytest_asyncio.fixture
async def shop(engine: AsyncEngine) -> Counting:
    made = Counting(engine)
    await made.publish()
    return made


def limit(answer: Counted) -> int | None:
    return answer.counters[0].included


@pytest.mark.parametrize(
    ("status", "access", "basis", "entitles", "outcome"),
    [
        (Status.TRIALING, FULL, PLAN, "starter", "counted"),
        (Status.ACTIVE, FULL, PLAN, "starter", "counted"),
        (Status.ACTIVE, LIMITED, NO_NEW_USE, "starter", "no_new_use"),
        (Status.PAST_DUE, FULL, PLAN, "starter", "counted"),
        (Status.PAST_DUE, LIMITED, NO_NEW_USE, "starter", "no_new_use"),
        (Status.SUSPENDED, NONE, NOTHING, None, "no_plan"),
        (Status.PAUSED, NONE, NOTHING, None, "no_plan"),
        (Status.CANCELED, NONE, FREE_PLAN, "free", "counted"),
    ],
)
async def test_entitlements_follow_status_and_access(
    shop: Counting, status: Status, access: Access, basis: Basis, entitles: str | None, outcome: str
) -> None:
    made = await shop.customer("ada", status=status, access=access)
    assert made is not None

    standing, _ = await shop.usage.standing("ada", shop.rules)

    assert (standing.basis, standing.plan, standing.own_plan) == (basis, entitles, "starter")
    assert (standing.subscription, standing.status, standing.access) == (made.id, status, access)
    assert standing.catalog == SHOP.name, "also while nothing entitles: what there is is counted by it"
    answer = await shop.use("images")
    assert (answer.outcome, answer.standing) == (outcome, replace(standing, moment=answer.standing.moment))


async def test_a_start_without_a_trial_gives_nothing_of_its_plan_before_it_is_paid(shop: Counting) -> None:
    unpaid = await shop.customer("ada", status=Status.TRIALING, trial_ends_at=None, agreement_ref="")

    for _ in range(2):  # the second usage finds a counter
        answer = await shop.use("images")
        assert (answer.standing.basis, answer.standing.plan, answer.outcome) == (FREE_PLAN, "free", "counted")
        assert answer.standing.period_start is None
    standing, _ = await shop.usage.standing("ada", shop.rules)
    assert (standing.basis, standing.plan) == (FREE_PLAN, "free")

    await shop.change(unpaid, status=Status.ACTIVE, agreement_ref="sub_1")
    assert (await shop.use("images")).standing.plan == "starter"


async def test_who_is_entitled_to_nothing_is_not_written_to_about_limits(shop: Counting) -> None:
    suspended = await shop.customer("ada", status=Status.SUSPENDED, access=NONE)

    counted = await shop.use("profiles", 5, action=Action.RECORD)
    assert (counted.outcome, counted.noticed, await shop.notices()) == ("counted", False, [])

    await shop.change(suspended, status=Status.ACTIVE, access=FULL)
    assert (await shop.use("profiles", 1, action=Action.RECORD)).noticed


@pytest.mark.parametrize(
    ("said", "entitles", "outcome"),
    [(PLAN, "starter", "counted"), (NO_NEW_USE, "starter", "no_new_use"), (FREE_PLAN, "free", "counted")],
)
@pytest.mark.parametrize("access", [LIMITED, NONE])
async def test_the_policy_says_what_limited_and_suspended_have(
    shop: Counting, access: Access, said: Basis, entitles: str, outcome: str
) -> None:
    status = Status.PAST_DUE if access is LIMITED else Status.SUSPENDED
    await shop.customer("ada", status=status, access=access, add_ons={"profiles": 1})
    under = await shop.under(**{"limited" if access is LIMITED else "suspended": said})
    answer = await under.use("profiles")
    assert (answer.outcome, answer.standing.plan, answer.standing.basis) == (outcome, entitles, said)
    assert limit(answer) == (1 if said is FREE_PLAN else 7)


@pytest.mark.parametrize("customer", ["known", "stranger"])
async def test_who_has_no_subscription_has_the_free_plan_if_there_is_one(shop: Counting, customer: str) -> None:
    await shop.customer("known", None)
    answer = await shop.use("images", customer=customer)
    assert (answer.outcome, answer.standing.basis, answer.standing.plan) == ("counted", FREE_PLAN, "free")
    assert (answer.standing.customer_id is None) == (customer == "stranger")

    shop.rules = replace(RULES, free_plan="")
    answer = await shop.use("images", customer=customer)
    assert (answer.outcome, answer.standing.basis, answer.standing.plan) == ("no_plan", NOTHING, None)


async def test_a_subscription_to_the_free_plan_entitles_as_any_other(shop: Counting) -> None:
    await shop.customer("ada", "free")
    answer = await shop.use("runs")
    assert (answer.standing.basis, answer.standing.plan, limit(answer)) == (PLAN, "free", 10)
    # Without invoices its billing period is the calendar month.
    starts = answer.counters[0].starts
    assert starts is not None
    assert (starts.day, starts.hour, starts.minute) == (1, 0, 0)


async def test_the_live_subscription_counts_and_not_the_one_before_nor_another_customers(shop: Counting) -> None:
    old = await shop.customer("ada", "pro", Status.CANCELED)
    assert old is not None
    await shop.customer("ada", "starter", created_at=old.created_at - timedelta(days=1))
    await shop.customer("grace", "pro")
    standing, _ = await shop.usage.standing("ada", shop.rules)
    assert (standing.plan, standing.status) == ("starter", "active")


async def test_of_several_canceled_subscriptions_the_last_one_counts(shop: Counting) -> None:
    last = await shop.customer("ada", "pro", Status.CANCELED)
    assert last is not None
    await shop.customer("ada", "starter", Status.CANCELED, created_at=last.created_at - timedelta(days=1))
    standing, _ = await shop.usage.standing("ada", shop.rules)
    assert standing.subscription == last.id


async def test_add_ons_and_seats_raise_numbers(shop: Counting) -> None:
    ada = await shop.customer("ada", quantity=3, add_ons={"profiles": 2, "unheard_of": 9})
    given = {meter: limit(await shop.use(meter)) for meter in ("profiles", "images", "seats", "storage")}
    assert given == {"profiles": 5 + 2 * 2, "images": 10 + 2, "seats": 2 * 3, "storage": 20}

    await shop.change(ada, quantity=1, add_ons={})
    assert {meter: limit(await shop.use(meter)) for meter in given} == {
        "profiles": 5,
        "images": 10,
        "seats": 2,
        "storage": 20,
    }


async def test_what_is_unlimited_stays_so_with_add_ons(shop: Counting) -> None:
    await shop.customer("ada", "pro", add_ons={"profiles": 2})
    assert limit(await shop.use("profiles", 1000)) is None


async def test_a_version_that_was_chosen_earlier_holds(shop: Counting) -> None:
    await shop.customer("ada")
    newer = selling(replace(STARTER, entitlements={**STARTER.entitlements, "images": 1}), version=2)
    await shop.publish(newer)
    shop.rules = replace(RULES, catalog=newer.name)
    await shop.customer("grace", catalog=newer.name)

    answers = {who: await shop.use("images", customer=who) for who in ("ada", "grace")}

    assert {who: limit(one) for who, one in answers.items()} == {"ada": 10, "grace": 1}
    assert {who: one.standing.catalog for who, one in answers.items()} == {"ada": "shop_v1", "grace": "shop_v2"}


@pytest.mark.parametrize(
    ("lookup_key", "told_by_price"),
    [("shop_starter_month_v1", "shop_v1"), ("shop_starter_month_v7", "shop_v2"), ("price_1ABC", "shop_v2")],
)
async def test_an_older_subscription_has_the_catalog_of_its_price_or_the_current_one(
    shop: Counting, lookup_key: str, told_by_price: str
) -> None:
    await shop.publish(selling(STARTER, version=2))
    shop.rules = replace(RULES, catalog="shop_v2")
    await shop.customer("ada", catalog="", items=(Item(lookup_key, 1),))
    answer = await shop.use("images")
    assert (answer.outcome, answer.standing.catalog, limit(answer)) == ("counted", told_by_price, 10)


async def test_the_revision_shows_that_a_catalog_was_changed_in_place(shop: Counting) -> None:
    await shop.customer("ada")
    first, _ = await shop.usage.standing("ada", shop.rules)
    await shop.publish(selling(replace(STARTER, entitlements={**STARTER.entitlements, "images": 3})))
    answer = await shop.use("images", 3)
    assert (first.revision, answer.standing.revision, limit(answer)) == (1, 2, 3)


async def test_gauges_are_still_counted_by_the_own_plan_while_it_entitles_to_nothing(shop: Counting) -> None:
    ada = await shop.customer("ada")
    await shop.use("profiles", 4)
    await shop.change(ada, status=Status.SUSPENDED, access=NONE)

    released = await shop.use("profiles", action=Action.RELEASE)

    assert (released.outcome, released.counters[0].used, limit(released)) == ("counted", 3, 5)
    assert (released.standing.basis, released.standing.plan) == (NOTHING, None)
    assert await shop.used("profiles") == 3
