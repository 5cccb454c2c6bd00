"""Crossed thresholds become mails, each once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest_asyncio

from domain.entitlements.ports import NoticesSent
from domain.entitlements.usage import Action
from domain.notifications.mail_types import Occasion
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import put_in_force
from storage.db.cursors import PageRequest, Sort
from storage.subscriptions.timeline import Timeline
from storage.usage.notices import UsageNotices
from tests.builders import NOW, PERIOD_END
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.shop import SHOP, Shop

ITEMS = SHOP.select("starter").items
WAITING = "select threshold, included, told_at is not null as is_told from usage_notices order by threshold"
MAILS = "select key, occasion, facts, subscription::text from mails order by created_at, key"


@pytest_asyncio.fixture
async def shop(ledger: Ledger) -> Shop:
    return await Shop.opened(ledger.engine)


@pytest_asyncio.fixture
async def notices(ledger: Ledger) -> UsageNotices:
    return UsageNotices(ledger.engine)


@pytest_asyncio.fixture
async def ada(ledger: Ledger) -> Subscription:
    """A trial of Starter."""
    return await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name)


async def told(notices: UsageNotices) -> list[Occasion]:
    return [mail.occasion for mail in (await notices.write(limit=100)).mails]


async def facts(ledger: Ledger) -> list[dict[str, str]]:
    return [row["facts"] for row in await ledger.rows(MAILS)]  # type: ignore[misc]


async def test_a_customer_is_warned_at_90_percent_and_notified_at_100(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    assert not (await shop.use("storage_gb", 89)).noticed
    assert (await shop.use("storage_gb", 1)).noticed
    assert not (await shop.use("storage_gb", 9)).noticed
    assert (await shop.use("storage_gb", 1)).noticed

    assert sorted(await told(notices)) == [Occasion.USAGE_LIMIT, Occasion.USAGE_WARNING]

    warning, limit = sorted(await facts(ledger), key=lambda each: int(each["percent"]))
    assert warning["plan_name"] == limit["plan_name"] == "Starter"
    assert (warning["meter_name"], warning["used"], warning["limit"], warning["percent"]) == (
        "Storage in GB",
        "90",
        "100",
        "90",
    )
    assert (warning["grace_days"], limit["ceiling"]) == ("7", "110")
    assert "grace_ends_at" in limit
    assert not {"grace_ends_at", "resets_at"} & warning.keys(), "grace begins at the limit, and a gauge never resets"
    assert "resets_at" not in limit
    rows = await ledger.rows(MAILS)
    assert {row["subscription"] for row in rows} == {ada.id}


async def test_the_timeline_shows_the_usage_and_the_mail_behind_it(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 92)
    await notices.write(limit=100)

    page = PageRequest(100, sort=Sort.OLDEST_FIRST)
    crossed, mailed = (await Timeline(ledger.engine).past("default", ada.id, page)).rows[-2:]

    assert (crossed.kind, crossed.summary) == ("usage_warning", "Storage in GB: 92 of 100 used (92 %)")
    assert (crossed.cause_kind, crossed.details["feature"], crossed.details["threshold"]) == (
        "usage",
        "storage_gb",
        "90",
    )
    assert (mailed.kind, mailed.summary) == ("mail_queued", "Mail usage warning: queued")


async def test_of_two_thresholds_crossed_at_once_only_the_higher_is_reported(
    shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 105)

    assert await told(notices) == [Occasion.USAGE_LIMIT]
    assert await notices.write(limit=100) == NoticesSent()


async def test_nothing_is_reported_twice_when_usage_falls_and_rises_within_the_period(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 90)
    assert await told(notices) == [Occasion.USAGE_WARNING]

    await shop.use("storage_gb", 50, action=Action.RELEASE)
    assert not (await shop.use("storage_gb", 51)).noticed
    assert await told(notices) == []

    # A month later it is reported again.
    await ledger.run("update usage_notices set period_start = period_start - interval '1 month'")
    await ledger.run("update mails set key = 'of the month before', id = gen_random_uuid()")
    await shop.use("storage_gb", 50, action=Action.RELEASE)
    assert (await shop.use("storage_gb", 50)).noticed
    assert await told(notices) == [Occasion.USAGE_WARNING]
    assert await ledger.count("mails") == 2


async def test_it_is_reported_again_after_an_upgrade_within_the_period(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 100)
    assert await told(notices) == [Occasion.USAGE_LIMIT]

    await ledger.save(a_step(later(ada, plan="professional", plan_name="Professional")))
    assert not (await shop.use("storage_gb", 1)).noticed
    assert (await shop.use("storage_gb", 800)).noticed

    assert await told(notices) == [Occasion.USAGE_WARNING]
    latest = (await facts(ledger))[-1]
    assert (latest["plan_name"], latest["limit"], latest["used"]) == ("Professional", "1000", "901")


async def test_concurrent_senders_send_each_notice_once(ledger: Ledger, shop: Shop, ada: Subscription) -> None:
    for name in ("grace", "barbara", "edsger"):
        await ledger.sign_up(name, items=ITEMS, catalog=SHOP.name)
    for name in ("ada", "grace", "barbara", "edsger"):
        await shop.use("storage_gb", 90, name)
        await shop.use("storage_gb", 10, name)

    rounds = await asyncio.gather(*(UsageNotices(ledger.engine).write(limit=2) for _ in range(8)))

    assert sum(each.notices for each in rounds) == 8
    ids = [mail.id for each in rounds for mail in each.mails]
    assert len(ids) == len(set(ids)) == await ledger.count("mails") == 8


async def test_many_that_cross_a_threshold_at_once_leave_one_notice(
    ledger: Ledger, shop: Shop, ada: Subscription
) -> None:
    counted = await asyncio.gather(*(shop.use("storage_gb", 2) for _ in range(50)))

    assert sum(each.noticed for each in counted) == 2
    assert await ledger.rows(WAITING) == [
        {"threshold": 90, "included": 100, "is_told": False},
        {"threshold": 100, "included": 100, "is_told": False},
    ]


async def test_a_limit_with_overage_says_what_it_costs(ledger: Ledger, shop: Shop, notices: UsageNotices) -> None:
    paid: dict[str, Any] = {
        "status": Status.ACTIVE,
        "agreement_ref": "sub_1",
        "period_start": NOW,
        "period_end": PERIOD_END,
    }
    await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name, **paid)
    await ledger.run("update subscriptions set period_start = now() - interval '1 day', period_end = now() + '1 day'")

    await shop.use("calls", 1000)

    assert await told(notices) == [Occasion.USAGE_LIMIT]
    [told_of] = await facts(ledger)
    assert (told_of["beyond_limit"], told_of["overage_amount"], told_of["overage_units"]) == ("billed", "100", "1000")
    assert "resets_at" in told_of
    assert "grace_ends_at" not in told_of


async def test_in_a_trial_nothing_is_billed_and_usage_beyond_the_limit_has_its_grace(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await ledger.run("update subscriptions set created_at = now(), trial_ends_at = now() + interval '14 days'")

    await shop.use("calls", 1000)

    assert await told(notices) == [Occasion.USAGE_LIMIT]
    [told_of] = await facts(ledger)
    assert "beyond_limit" not in told_of
    assert told_of["ceiling"] == "1100"


async def test_the_mail_says_whether_usage_stops_at_the_limit(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("posts", 3)
    await shop.use("clicks", 10)
    assert len(await told(notices)) == 2

    of = {each["meter_name"]: each for each in await facts(ledger)}
    assert not {"beyond_limit", "grace_ends_at", "ceiling"} & of["Posts a day"].keys()
    assert of["Clicks"]["beyond_limit"] == "free"


async def test_whether_there_is_a_larger_plan_depends_on_the_current_catalog(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 90)
    await notices.write(limit=100)
    only_starter = {code: plan for code, plan in SHOP.plans.items() if code != "professional"}
    small = replace(SHOP, version=10, plans=only_starter)
    await Catalogs(ledger.engine).publish(small)
    await put_in_force(ledger.engine, small.name)

    await shop.use("storage_gb", 10)
    await notices.write(limit=100)

    assert [(each["percent"], each["has_larger_plan"]) for each in await facts(ledger)] == [
        ("90", "yes"),
        ("100", "no"),
    ]


async def test_a_customer_is_written_to_about_the_free_plan_by_their_last_subscription(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await ledger.save(a_step(later(ada, status=Status.CANCELED)))
    newer = await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name, created_at=NOW.replace(day=20))
    await ledger.save(a_step(later(newer, status=Status.CANCELED)))

    await shop.use("storage_gb", 1)

    [mail] = (await notices.write(limit=100)).mails
    assert mail.subscription == newer.id
    assert (await facts(ledger))[0]["plan_name"] == "Free"


async def test_the_live_subscription_is_written_to_rather_than_a_newer_one_that_is_over(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await ledger.run("update subscriptions set status = 'canceled'")
    await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name, created_at=NOW.replace(day=20))
    await ledger.run("update subscriptions set status = 'canceled'")
    await ledger.run("update subscriptions set status = 'trialing' where created_at < '2026-03-20'")

    await shop.use("storage_gb", 90)

    assert [mail.subscription for mail in (await notices.write(limit=100)).mails] == [ada.id]


async def test_without_a_recipient_the_notice_counts_as_sent(ledger: Ledger, shop: Shop, notices: UsageNotices) -> None:
    assert (await shop.use("storage_gb", 1, "stranger")).noticed

    assert await notices.write(limit=100) == NoticesSent(notices=1)
    assert await notices.write(limit=100) == NoticesSent()
    assert await ledger.count("mails") == 0


async def test_customers_with_the_same_id_in_two_tenants_are_distinct(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    other = await ledger.sign_up("ada", "acme", items=ITEMS, catalog=SHOP.name)

    await shop.use("storage_gb", 90, tenant="acme")

    assert [mail.subscription for mail in (await notices.write(limit=100)).mails] == [other.id]


A_WHILE_AGO = "update mails set created_at = now() - interval '2 minutes'"


async def test_a_mail_that_was_queued_a_while_ago_counts_as_left_behind_until_it_is_handed_over(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 90)
    [mail] = (await notices.write(limit=100)).mails
    assert await notices.left_behind(limit=10) == [], "it is still on its way"

    await ledger.run(A_WHILE_AGO)
    assert await notices.left_behind(limit=10) == [mail]

    await notices.handed_over([mail])
    assert await notices.left_behind(limit=10) == []


async def test_a_mail_that_was_sent_is_not_left_behind_although_nobody_noted_the_handing_over(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 90)
    await notices.write(limit=100)
    await ledger.run(f"{A_WHILE_AGO}, status = 'sent'")

    assert await notices.left_behind(limit=10) == []


async def test_queued_mails_of_every_occasion_are_found(
    ledger: Ledger, notices: UsageNotices, ada: Subscription
) -> None:
    await ledger.run(
        "insert into mails (id, tenant, subscription, key, occasion, at, facts) select gen_random_uuid(), tenant,"
        " id, key, key, now(), '{}' from subscriptions, unnest(array['receipt', 'suspended', 'usage_limit']) key"
    )
    await ledger.run(A_WHILE_AGO)

    left = await notices.left_behind(limit=10)

    assert {mail.occasion for mail in left} >= {Occasion.RECEIPT, Occasion.SUSPENDED, Occasion.USAGE_LIMIT}


async def test_a_feature_in_no_catalog_any_more_causes_no_mail(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    await shop.use("storage_gb", 90)
    await ledger.run("update usage_notices set feature = 'gone'")

    assert await notices.write(limit=100) == NoticesSent(notices=1)


async def test_notices_of_a_catalog_that_this_release_cannot_read_wait_and_hold_up_no_others(
    ledger: Ledger, shop: Shop, notices: UsageNotices, ada: Subscription
) -> None:
    for name in ("grace", "barbara", "edsger"):
        await ledger.sign_up(name, items=ITEMS, catalog=SHOP.name)
        await shop.use("storage_gb", 90, name)
    await shop.use("storage_gb", 90)
    await ledger.run("update usage_notices set catalog = 'shop_v9' where customer <> 'ada'")
    await ledger.run("insert into catalog_versions (name, content) values ('shop_v9', '{\"colour\": \"red\"}')")

    assert len((await notices.write(limit=2)).mails) == 1
    assert await notices.write(limit=2) == NoticesSent(), "though the two that have waited longest are of it"

    content = "(select content from catalog_versions where name = 'shop_v1')"
    await ledger.run(f"update catalog_versions set content = {content} where name = 'shop_v9'")  # noqa: S608
    assert await told(notices) == [Occasion.USAGE_WARNING] * 3
