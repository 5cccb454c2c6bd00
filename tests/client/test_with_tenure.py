"""The client's methods before a real Tenure that sells catalogs/social.yaml."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from sandbox.stack import Addresses, Stack
from storage.access.api_keys import ApiKeys, Role
from tenure.client import (
    AsyncTenure,
    Conflict,
    Event,
    FeatureNotInPlan,
    LimitReached,
    Malformed,
    NotFound,
    Options,
    PaymentDeclined,
    Person,
    Released,
    Tenure,
    Unauthorized,
    UsageDoesNotFit,
)
from tests.harness.social import UNHURRIED


def person(name: str) -> Person:
    return Person(name, f"{name}@example.com", "Ada Lovelace", "Europe/London")


async def test_who_never_signed_up_has_the_free_plan(tenure: AsyncTenure, name: str) -> None:
    found = await tenure.entitlements(name)

    assert found.plan is not None
    assert (found.plan.code, found.basis, found.subscription) == ("free", "free_plan", None)
    assert (found["images_per_month"].limit, found["images_per_month"].window) == (5, "month")
    assert found["platforms"].value == ("facebook", "instagram")
    assert found["image_quality"].value == "draft"
    assert not found.allows("bulk_operations")
    with pytest.raises(NotFound):
        await tenure.customer(name)


async def test_a_name_may_hold_whatever_the_products_own_ids_hold(tenure: AsyncTenure, name: str) -> None:
    odd = f"acme/über #1?x={name}"

    used = await tenure.consume(odd, "images_per_month")

    assert (used.customer, (await tenure.check(odd, "images_per_month")).used) == (odd, 1)


async def test_a_failed_job_costs_no_quota(tenure: AsyncTenure, name: str) -> None:
    used = await tenure.consume(name, "images_per_month", 2)
    await tenure.consume(name, "images_per_month")

    first = await tenure.give_back(name, "images_per_month", used.key)
    again = await tenure.give_back(name, "images_per_month", used.key)

    assert first == again == Released(released=2, used=1)
    with pytest.raises(NotFound) as unknown:
        await tenure.give_back(name, "images_per_month", "never-used")
    assert unknown.value.code == "unknown_use"


async def test_a_check_says_whether_and_why_not(tenure: AsyncTenure, name: str) -> None:
    yes = await tenure.check(name, "images_per_month", quantity=5)
    no = await tenure.check(name, "images_per_month", quantity=6)
    model = await tenure.check(name, "image_models", value="dalle3")

    assert (yes.allowed, yes.remaining, yes.reason) == (True, 5, None)
    assert (no.allowed, no.reason) == (False, "limit_reached")
    assert (model.allowed, model.reason, model.available) == (False, "feature_not_in_plan", ("grok2_basic",))
    assert [plan.code for plan in model.plans] == ["enterprise"]
    with pytest.raises(LimitReached):
        await tenure.require_feature(name, "images_per_month", quantity=6)
    with pytest.raises(FeatureNotInPlan, match="dalle3"):
        await tenure.require_feature(name, "image_models", value="dalle3")


async def test_a_misspelt_feature_is_told_near_ones(tenure: AsyncTenure, name: str) -> None:
    with pytest.raises(NotFound, match="images_per_month"):
        await tenure.consume(name, "image_per_month")
    with pytest.raises(Malformed) as refusal:
        await tenure.consume(name, "images_per_month", -1)
    assert "quantity" in refusal.value.fields


async def test_use_is_counted_once_by_its_key_until_the_limit(tenure: AsyncTenure, name: str) -> None:
    key = str(uuid4())
    first = await tenure.consume(name, "images_per_month", 4, key=key)
    again = await tenure.consume(name, "images_per_month", 4, key=key)

    assert (first.used, first.remaining, first.repeated, first.level) == (4, 1, False, "hint")
    assert (again.used, again.repeated) == (4, True)
    assert first.hint
    assert first.headers["ratelimit"]
    with pytest.raises(LimitReached) as refusal:
        await tenure.consume(name, "images_per_month", 2)
    assert (refusal.value.used, refusal.value.limit, refusal.value.percent) == (4, 5, 80)
    assert refusal.value.resets_at is not None
    assert refusal.value.upgrades[0].price_difference == 2900
    assert (refusal.value.retry_after or 0) > 0
    with pytest.raises(Conflict) as reused:
        await tenure.consume(name, "images_per_month", 1, key=key)
    assert reused.value.code == "key_reused"


async def test_features_of_one_meter_are_used_up_together(tenure: AsyncTenure, name: str) -> None:
    used = await tenure.consume(name, "posts")

    assert {one.feature: one.remaining for one in used.limits} == {"posts_per_day": 2, "posts_per_week": 14}
    usage = (await tenure.usage(name)).usage
    assert (usage["posts_per_day"].used, usage["posts_per_week"].used, usage["images_per_month"].used) == (1, 1, 0)
    history = await tenure.usage_history(name, "posts_per_day", periods=3)
    assert [period.used for period in history.periods] == [1]


async def test_a_gauge_is_released_and_no_more_than_there_is(tenure: AsyncTenure, name: str) -> None:
    taken = await tenure.consume(name, "social_profiles")
    freed = await tenure.release(name, "social_profiles")

    assert (taken.is_gauge, taken.used, freed.used) == (True, 1, 0)
    with pytest.raises(Conflict) as refusal:
        await tenure.release(name, "social_profiles")
    assert refusal.value.code == "nothing_to_release"


async def test_gauges_are_set_and_counters_reset(tenure: AsyncTenure, name: str) -> None:
    assert (await tenure.set_usage(name, "social_profiles", 3)).used == 3
    await tenure.consume(name, "posts_per_day", 3)

    await tenure.reset_usage(name, "posts_per_day", "a mistake of ours", key=f"reset-{name}")

    assert (await tenure.check(name, "posts_per_day")).remaining == 3
    with pytest.raises(NotFound, match="images_per_month"):
        await tenure.release(name, "images_per_month")


async def test_what_has_happened_is_counted_whatever_the_limit_and_one_bad_event_spoils_nothing(
    tenure: AsyncTenure, name: str
) -> None:
    now = datetime.now(UTC)
    events = [Event(name, "images", 1, f"{name}-{number}", now) for number in range(1200)]
    bad = [Event(name, "images", 1, f"{name}-future", now + timedelta(hours=1)), Event(name, "imges", 1, f"{name}-bad")]
    gauge = Event(name, "social_profiles", 4, f"{name}-profiles", action="set")

    done = await tenure.record([*events, *bad, gauge])

    assert (done.counted, done.repeated, done.refused, len(done.results)) == (1201, 0, 2, 1203)
    assert [one.code for one in done.results[1200:]] == ["in_the_future", "unknown_meter", None]
    again = await tenure.record([*events, gauge])
    assert (again.counted, again.repeated) == (0, 1201)
    assert (await tenure.check(name, "images_per_month")).used == 1200
    assert (await tenure.check(name, "social_profiles")).used == 4


async def test_a_trial_is_begun_looked_at_and_paid(tenure: AsyncTenure, name: str) -> None:
    begun = await tenure.start_trial(person(name), "starter", days=7, metadata={"source": "ad"})
    assert (begun.status, begun.plan, begun.access) == ("trialing", "starter", "full")
    assert begun.trial_ends_at is not None
    assert begun.next_actions

    customer = await tenure.customer(name)
    assert customer.subscription is not None
    assert customer.trial is not None
    assert (customer.subscription.id, customer.trial.eligible, customer.timezone) == (begun.id, False, "Europe/London")
    with pytest.raises(Conflict) as refusal:
        await tenure.start_trial(person(name), "pro")
    assert refusal.value.code == "already_subscribed"
    with pytest.raises(PaymentDeclined):
        await tenure.convert(begun.id, payment_method="pm_card_chargeCustomerFail", when="now")

    paid = await tenure.convert(begun.id, payment_method="pm_card_visa", when="now")

    assert (paid.status, paid.amount, (await tenure.subscription(begun.id)).status) == ("active", 2900, "active")
    assert (await tenure.require_active_subscription(name)).is_subscribed


async def test_a_plan_is_changed_as_was_shown_before(tenure: AsyncTenure, name: str) -> None:
    begun = await tenure.subscribe(person(name), "starter", "pm_card_visa", interval="month")
    preview = await tenure.preview_change(begun.id, plan="pro")
    assert (preview.when, preview.change.plan, preview.next_amount, preview.misfits) == ("now", "pro", 7900, ())
    assert preview.due_now > 0

    changed = await tenure.change_plan(begun.id, plan="pro")

    assert changed.plan == "pro"
    assert (await tenure.require_plan(name, "pro")).plan is not None
    later = await tenure.change_plan(begun.id, plan="starter")
    assert later.pending_change is not None
    assert (later.plan, later.pending_change.plan) == ("pro", "starter")
    assert (await tenure.withdraw_change(begun.id)).pending_change is None


async def test_a_smaller_plan_that_is_too_small_is_refused_with_what_is_in_the_way(
    tenure: AsyncTenure, name: str
) -> None:
    begun = await tenure.subscribe(person(name), "pro", "pm_card_visa")
    await tenure.consume(name, "social_profiles", 7)

    with pytest.raises(UsageDoesNotFit, match="Starter") as refusal:
        await tenure.change_plan(begun.id, plan="starter")

    told = [(one.feature, one.used, one.limit, one.excess) for one in refusal.value.misfits]
    assert told == [("social_profiles", 7, 5, 2)]
    preview = await tenure.preview_change(begun.id, plan="starter")
    assert [one.feature for one in preview.misfits] == ["social_profiles"]


async def test_a_subscription_is_canceled_kept_paused_and_resumed(tenure: AsyncTenure, name: str) -> None:
    begun = await tenure.subscribe(person(name), "starter", "pm_card_visa")

    canceled = await tenure.cancel(begun.id, reason="too dear")
    assert canceled.cancel_at == canceled.current_period_end
    assert (await tenure.uncancel(begun.id)).cancel_at is None
    assert (await tenure.pause(begun.id)).status == "paused"
    assert (await tenure.resume(begun.id)).status == "active"
    assert (await tenure.put_payment_method(begun.id, "pm_card_mastercard")).status == "active"
    assert (await tenure.cancel(begun.id, at="now")).status == "canceled"


async def test_pages_for_customers_are_opened(tenure: AsyncTenure, name: str) -> None:
    begun = await tenure.start_trial(person(name), "starter")

    checkout = await tenure.checkout(name, success_url="https://product.example/thanks")
    portal = await tenure.portal(name)
    billing = await tenure.billing_session(name, flow="cancel", locale="de", expires_in=60)

    assert "/billing/enter/" in billing.url
    assert billing.expires_at > datetime.now(UTC)
    assert (checkout.subscription, portal.customer) == (begun.id, name)
    assert checkout.url.startswith("http")
    assert portal.url.startswith("http")


async def test_a_page_to_buy_on_is_opened_for_somebody_new(tenure: AsyncTenure, name: str) -> None:
    page = await tenure.purchase(
        person(name),
        "starter",
        success_url="https://product.example/welcome",
        cancel_url="https://product.example/plans",
        trial_days=0,
        quantity=2,
        key=f"{name}/buys",
    )

    assert page.url.startswith("http")
    assert page.expires_at is not None
    assert page.expires_at > datetime.now(UTC)


async def test_plans_are_listed_compared_and_suggested(tenure: AsyncTenure, name: str) -> None:
    plans = await tenure.plans()
    assert [plan.code for plan in plans.data] == ["free", "starter", "pro", "enterprise"]
    assert plans["starter"].prices["month"].amount == 2900
    assert plans["pro"].entitlements["images_per_month"].value == 50
    assert (await tenure.plan("pro")).entitlements["image_models"].value == ("grok2_basic", "grok2_premium")

    compared = await tenure.compare("starter", "pro")
    images = next(one for one in compared.features if one.feature == "images_per_month")
    assert (compared.before.code, compared.after.code) == ("starter", "pro")
    assert (images.before, images.after) == (10, 50)
    assert compared.prices[0].difference == 5000

    suggested = await tenure.suggest(name, "images_per_month", quantity=60)
    assert suggested.cheapest is not None
    assert (suggested.enough, suggested.cheapest.plan) == (False, "enterprise")
    assert (await tenure.suggest(None, "images_per_month", quantity=5)).enough


async def test_a_key_that_only_reads_counts_nothing(social: Addresses, stack: Stack, name: str) -> None:
    key = await ApiKeys(stack.engine).create(Role.READ_ONLY, "looks")
    async with AsyncTenure(social.api_url, key, Options(quick=UNHURRIED)) as looking:
        assert (await looking.check(name, "images_per_month")).allowed
        with pytest.raises(Unauthorized, match="role"):
            await looking.consume(name, "images_per_month")
    async with AsyncTenure(social.api_url, "no-key", Options(quick=UNHURRIED)) as stranger:
        with pytest.raises(Unauthorized):
            await stranger.check(name, "images_per_month")


async def test_the_blocking_client_says_the_same(social: Addresses, name: str) -> None:
    def all_of_it() -> tuple[int | None, int | None, bool]:
        with Tenure(social.api_url, social.admin_key, Options(quick=UNHURRIED)) as tenure:
            used = tenure.consume(name, "images_per_month", 5)
            with pytest.raises(LimitReached) as refusal:
                tenure.consume(name, "images_per_month")
            return used.used, refusal.value.limit, tenure.check(name, "image_models", value="grok2_basic").allowed

    assert await asyncio.to_thread(all_of_it) == (5, 5, True)


async def test_threads_may_share_a_client(social: Addresses, name: str) -> None:
    def draw(tenure: Tenure) -> bool:
        try:
            return tenure.check(name, "image_models").allowed and tenure.consume(name, "images_per_month").allowed
        except LimitReached:
            return False

    with Tenure(social.api_url, social.admin_key, Options(quick=UNHURRIED)) as tenure:
        drawn = await asyncio.gather(*(asyncio.to_thread(draw, tenure) for _ in range(16)))

    assert sorted(drawn) == [False] * 11 + [True] * 5
