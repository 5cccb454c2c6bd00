"""The roll-up of usage: daily samples, statistics by plan and feature, and deletion of old rows."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest_asyncio

from domain.access import Access, Basis
from domain.catalog.plans import Catalog, Item
from domain.entitlements.usage import Action
from domain.retention import Retention
from domain.revenue.figures import Segment
from domain.revenue.queries import ReportQuery
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import put_in_force
from storage.catalog.policies import Policies
from storage.usage.figures import UsageFigures
from storage.usage.history import UsageHistory
from storage.usage.roll_up import UsageRollUpRecords
from tests.storage.events.rows import an_endpoint, an_event, written
from tests.storage.ledger import Ledger, a_step, later
from tests.storage.shop import SHOP, Shop

ITEMS = (Item("shop_starter_month_v1", 1),)
AHEAD, BEFORE = (
    replace(SHOP, version=version, plans={free: replace(SHOP.plans["free"], code=free)})
    for version, free in ((2, "basic"), (0, "none"))
)
SAMPLES = "select customer, lowest, highest, latest from usage_samples order by customer"
EVENTS = "select key from usage_events order by key"


@pytest_asyncio.fixture
async def shop(ledger: Ledger) -> Shop:
    return await Shop.opened(ledger.engine)


@pytest_asyncio.fixture
async def book(ledger: Ledger) -> UsageRollUpRecords:
    """Reads two rows at a time."""
    return UsageRollUpRecords(ledger.engine, page=2, batch=2)


@pytest_asyncio.fixture
async def history(ledger: Ledger) -> UsageHistory:
    return UsageHistory(ledger.engine)


async def sample_all(book: UsageRollUpRecords) -> int:
    count, cursor, is_first = 0, None, True
    while is_first or cursor is not None:
        page = await book.sample(cursor)
        count, cursor, is_first = count + page.gauges, page.next_cursor, False
    return count


async def take(book: UsageRollUpRecords) -> int:
    return await book.compute_statistics(alive=lambda _: None)


async def test_the_day_of_a_gauge_has_its_lowest_its_highest_and_its_latest(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name)
    for action, quantity in ((Action.SET, 20), (Action.SET, 50), (Action.SET, 30)):
        await shop.use("storage_gb", quantity, action=action)
        assert await sample_all(book) == 1

    [day] = await history.days("ada", "storage_gb", back=timedelta(days=7))
    assert (day.lowest, day.highest, day.latest) == (20, 50, 30)


async def test_every_gauge_is_sampled_page_by_page_and_nothing_else_is(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords
) -> None:
    for number in range(5):
        await ledger.sign_up(f"c{number}", items=ITEMS, catalog=SHOP.name)
        await shop.use("storage_gb", number + 1, f"c{number}")
        await shop.use("posts", 1, f"c{number}")

    assert await sample_all(book) == 5
    first = await ledger.rows(SAMPLES)
    assert [row["latest"] for row in first] == [1, 2, 3, 4, 5]

    assert await sample_all(book) == 5, "run again"
    assert await ledger.rows(SAMPLES) == first


async def test_statistics_show_by_plan_and_feature_the_usage_and_who_is_near_the_limit(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    for name, used in (("ada", 100), ("grace", 85), ("barbara", 10)):
        await ledger.sign_up(name, items=ITEMS, catalog=SHOP.name)
        await shop.use("storage_gb", used, name)
    await ledger.sign_up("edsger", items=ITEMS, catalog=SHOP.name, add_ons={"storage_gb": 300})
    await shop.use("storage_gb", 200, "edsger")
    await shop.use("storage_gb", 1, "never-signed-up")

    assert await take(book) == 2

    free, starter = await history.statistics()
    assert (free.plan, free.feature, free.customers, free.at_limit) == ("free", "storage_gb", 1, 1)
    assert (starter.plan, starter.customers, starter.used, starter.highest) == ("starter", 4, 395, 200)
    assert (starter.near_limit, starter.at_limit) == (2, 1)


async def test_figures_are_of_the_last_statistics_in_each_period(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords
) -> None:
    for name, used in (("ada", 100), ("grace", 90), ("barbara", 10), ("edsger", 0)):
        await ledger.sign_up(name, items=ITEMS, catalog=SHOP.name)
        await shop.use("storage_gb", used, name, action=Action.SET)
    for month in (3, 2, 1):
        await take(book)
        await ledger.run(
            f"update usage_statistics set taken_at = '2026-0{month}-20'"  # noqa: S608 - a number of ours
            " where taken_at > '2026-05-01'"
        )
    await ledger.run("update usage_statistics set median = null, limited = null where taken_at < '2026-02-01'")
    figures = UsageFigures(ledger.engine, "UTC")
    year = ReportQuery("", date(2026, 1, 1), date(2026, 12, 31))

    january, february, _ = (await figures.report("default", year)).figures
    before_kept = (january.median, january.share_at(80), january.used)

    assert before_kept == (None, None, 200)
    assert (february.first_day, february.plan, february.feature) == (date(2026, 2, 1), "starter", "storage_gb")
    assert (february.customers, february.active, february.limited, february.used) == (4, 3, 4, 200)
    assert (february.median, february.p90, february.highest) == (10, 100, 100)
    assert [february.share_at(percent) for percent in (80, 90, 100)] == [
        Fraction(1, 2),
        Fraction(1, 2),
        Fraction(1, 4),
    ]
    assert len((await figures.report("default", replace(year, last=date(2026, 1, 31)))).figures) == 1
    assert (await figures.report("default", replace(year, segment=Segment("free")))).figures == []
    assert (await figures.report("default", year, "calls")).figures == []
    assert (await figures.report("other", year)).figures == []


async def test_statistics_go_by_the_plan_there_is_now_and_by_the_period_that_runs(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    ada = await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name)
    await ledger.run(
        "update subscriptions set created_at = now() - interval '9 days', trial_ends_at = now() + '5 days'"
    )
    await shop.use("storage_gb", 100)
    await shop.use("calls", 500)
    await shop.use("posts", 3)
    await ledger.save(a_step(later(ada, plan="professional")))
    began = {"period_start": "now() - interval '2 days'", "period_end": "now() + interval '28 days'"}
    await ledger.run(f"update subscriptions set {', '.join(f'{name} = {at}' for name, at in began.items())}")  # noqa: S608
    await shop.use("calls", 8000)
    await ledger.run("update usage set period_start = period_start - interval '1 day' where feature = 'posts'")

    await take(book)

    calls, storage = await history.statistics()
    assert (calls.plan, calls.feature, calls.used, calls.near_limit) == ("professional", "calls", 8000, 1)
    assert (storage.plan, storage.at_limit) == ("professional", 0)


async def test_statistics_use_the_current_catalog_whatever_else_is_published(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    await shop.use("storage_gb", 8, "never-signed-up", action=Action.SET)

    async def plans_when(*, published: Catalog | None = None, begun: Catalog | None = None) -> list[str]:
        if published is not None:
            await Catalogs(ledger.engine).publish(published)
        if begun is not None:
            await put_in_force(ledger.engine, begun.name)
        await take(book)
        return [each.plan for each in await history.statistics()]

    assert await plans_when(published=AHEAD) == ["basic"], "nobody has begun with any"
    assert await plans_when(begun=SHOP) == ["free"], "pushed, and no API has begun with it yet"
    assert await plans_when(begun=AHEAD) == ["basic"]
    assert await plans_when(published=BEFORE) == ["basic"], "published for who chose from it"


async def test_what_was_used_in_a_paid_period_that_was_ended_is_not_counted_for_the_free_plan(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    for name in ("ada", "grace"):
        await ledger.sign_up(name, items=ITEMS, catalog=SHOP.name, status=Status.ACTIVE)
    await ledger.run(
        "update subscriptions set period_start = now() - interval '1 hour', period_end = now() + '30 days'"
    )
    await shop.use("calls", 700, "ada")
    await shop.use("calls", 700, "grace")
    await ledger.run("update subscriptions set status = 'canceled'")
    counted = await shop.use("calls", 1, "ada")

    await take(book)

    [calls] = await history.statistics()
    assert (calls.plan, calls.customers, calls.used, calls.at_limit) == ("free", 1, 1, 1)
    assert [counter.used for counter in counted.counters] == [1], "as it is counted"


async def test_usage_of_the_suspended_counts_for_the_free_plan_where_the_policy_gives_them_that(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    """The policy that was published last is in force."""
    generous = replace(DEFAULT_POLICY, version="generous", suspended=Basis.FREE_PLAN)
    for policy in (DEFAULT_POLICY, generous):
        await Policies(ledger.engine).publish(policy)
    await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name, status=Status.SUSPENDED, access=Access.NONE)
    await shop.use("storage_gb", 3, action=Action.SET)

    await take(book)

    [storage] = await history.statistics()
    assert (storage.plan, storage.used) == ("free", 3)


async def test_usage_counts_for_the_free_plan_while_a_start_without_a_trial_is_not_paid(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name, trial_ends_at=None, agreement_ref="")
    counted = await shop.use("calls", 1, "ada")

    await take(book)

    [calls] = await history.statistics()
    assert (calls.plan, calls.used, calls.at_limit) == ("free", 1, 1)
    assert [counter.included for counter in counted.counters] == [1], "as it is counted"


async def test_what_no_plan_knows_is_summed_up_without_a_limit(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    await ledger.run(
        "insert into usage (tenant, customer, feature, period_start, period_end, used) values"
        " ('default', 'ada', 'gone', now() - interval '9 days', now() + interval '5 days', 5),"
        " ('default', 'ada', 'gone', now() - interval '2 days', now() + interval '28 days', 8),"
        " ('default', 'ada', 'gone', now() + interval '2 days', now() + interval '28 days', 9),"
        " ('default', 'ada', 'over', now() - interval '9 days', now() - interval '5 days', 5)"
    )

    await take(book)

    [gone] = await history.statistics()
    assert (gone.feature, gone.used, gone.near_limit) == ("gone", 8, 0)


async def test_statistics_within_six_hours_are_stored_once_and_later_ones_alongside(
    ledger: Ledger, shop: Shop, book: UsageRollUpRecords, history: UsageHistory
) -> None:
    await shop.use("posts", 1, "ada")
    await take(book)
    await shop.use("storage_gb", 1, "ada")
    await take(book)
    assert len({each.taken_at for each in await history.statistics()}) == 1
    assert await ledger.count("usage_statistics") == 2

    await ledger.run("update usage_statistics set taken_at = taken_at - interval '6 hours'")
    await take(book)

    assert await ledger.count("usage_statistics") == 4
    assert len(await history.statistics()) == 2


async def test_without_usage_there_are_no_statistics(book: UsageRollUpRecords, history: UsageHistory) -> None:
    assert await take(book) == 0
    assert await history.statistics() == []


async def test_a_tenants_statistics_are_its_own(shop: Shop, book: UsageRollUpRecords, history: UsageHistory) -> None:
    await shop.use("posts", 1, "ada", tenant="acme")
    await take(book)

    assert await history.statistics() == []
    assert [each.used for each in await history.statistics(tenant="acme")] == [1]


async def forget_all(book: UsageRollUpRecords) -> dict[str, int]:
    return await book.forget(alive=lambda: None)


async def test_keys_are_kept_for_75_days_and_billable_usage_until_it_is_reported(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    await ledger.run(
        "insert into usage_events (tenant, key, customer, meter, action, quantity, at, recorded_at, overage,"
        " reported_at)"
        " select 'default', key, 'ada', 'calls', 'consume', 1, now(), now() - age::interval, overage,"
        " case when is_reported then now() end from (values"
        " ('a-old', '76 days', 0, false), ('b-young', '74 days', 0, false), ('c-to-report', '76 days', 5, false),"
        " ('d-reported', '76 days', 5, true), ('e-older', '700 days', 0, false)) as e (key, age, overage, is_reported)"
    )

    forgotten = await forget_all(book)
    assert forgotten["events"] == 3
    assert forgotten["unpartitioned_usage"] == 4, "each is in the log as well, here in no month of its own"
    assert [row["key"] for row in await ledger.rows(EVENTS)] == ["b-young", "c-to-report"]


async def test_old_rows_are_deleted_in_batches_with_a_heartbeat_after_each(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    await ledger.run(
        "insert into usage_samples (tenant, customer, feature, day, lowest, highest, latest)"
        " select 'default', 'ada', 'gb', current_date - 500 - n, 1, 1, 1 from generate_series(1, 5) n"
    )
    left: list[int] = []

    assert await book.forget(alive=lambda: left.append(1)) == {"samples": 5}
    # Two batches of two and one of one; of each other kind one that is empty.
    assert len(left) == 3 + len(Retention().by_kind()) - 1
    assert await forget_all(book) == {}


async def test_counters_of_days_and_weeks_are_kept_for_a_year_of_longer_periods_for_three_and_gauges_for_good(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    await ledger.run(
        "insert into usage (tenant, customer, feature, period_start, period_end, used)"
        " select 'default', 'ada', per, now() - age::interval, now() - age::interval + ('1 ' || per)::interval, 1"
        " from unnest(array['day', 'week', 'month']) per,"
        " unnest(array['395 days', '410 days', '1090 days', '1130 days']) age"
    )
    await ledger.run(
        "insert into usage (tenant, customer, feature, period_start, used) values ('default', 'ada', 'gb', 'epoch', 1)"
    )

    assert await forget_all(book) == {"counters": 6, "long_counters": 1}
    left = await ledger.rows("select feature, count(*)::int as n from usage group by 1 order by 1")
    assert [(row["feature"], row["n"]) for row in left] == [("day", 1), ("gb", 1), ("month", 3), ("week", 1)]


async def test_samples_and_statistics_are_kept_for_a_year_and_notices_for_two(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    await ledger.run(
        "insert into usage_samples (tenant, customer, feature, day, lowest, highest, latest)"
        " select 'default', 'ada', 'gb', current_date - n, 1, 1, 1 from unnest(array[0, 430, 433, 500, 600]) n"
    )
    await ledger.run(
        "insert into usage_statistics (tenant, taken_at, plan, feature, customers, used, highest, near_limit, at_limit)"
        " select 'default', now() - n * interval '1 day', '', 'gb', 1, 1, 1, 0, 0 from unnest(array[0, 399, 402]) n"
    )
    await ledger.run(
        "insert into usage_notices (tenant, customer, feature, period_start, threshold, included, used, plan, catalog,"
        " is_billed, at, told_at) select 'default', 'ada', 'gb', now() - n * interval '1 day', 90, 1, 1, '', '', false,"
        " now() - n * interval '1 day', case when n <> 900 then now() end from unnest(array[799, 801, 900]) n"
    )

    assert await forget_all(book) == {"samples": 3, "statistics": 1, "notices": 1}
    assert await ledger.count("usage_samples") == 2
    assert await ledger.count("usage_notices") == 2, "what nobody was told of yet stays"


async def test_sign_up_data_is_deleted_after_a_day_unless_its_first_payment_is_pending(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    awaited = await ledger.sign_up("awaited", trial_ends_at=None)
    over = await ledger.sign_up("over", status=Status.CANCELED)
    await ledger.run(
        "insert into sign_up_contacts (subscription, tenant, external_id, customer, email, created_at)"  # noqa: S608
        " select id::uuid, 'default', name, gen_random_uuid(), 'x@example.com', now() - age::interval from (values"
        f" ('{awaited.id}', 'awaited', '2 days'), ('{over.id}', 'over', '25 hours'),"
        " (gen_random_uuid()::text, 'lost', '25 hours'), (gen_random_uuid()::text, 'young', '23 hours'))"
        " as s (id, name, age)"
    )

    assert await forget_all(book) == {"sign_ups": 2}
    left = await ledger.rows("select external_id from sign_up_contacts order by 1")
    assert [row["external_id"] for row in left] == ["awaited", "young"]


async def test_idempotency_keys_are_kept_for_72_hours(ledger: Ledger, book: UsageRollUpRecords) -> None:
    await ledger.run(
        "insert into idempotency_keys (tenant, key, fingerprint, created_at, claimed_until, completed_at)"
        " select 'default', age, 'x', now() - age::interval, now() + claimed::interval, now() + completed::interval"
        " from (values ('71 hours', '-70 hours', '-70 hours'), ('73 hours', '-72 hours', '-72 hours'),"
        " ('4 days', '-4 days', null), ('5 days', '-4 days', '-4 days'), ('6 days', '1 minute', null))"
        " as s (age, claimed, completed)"
    )

    assert await forget_all(book) == {"idempotency_keys": 3}
    left = await ledger.rows("select key from idempotency_keys order by key")
    assert [row["key"] for row in left] == ["6 days", "71 hours"], "the older one is in progress"


async def test_events_for_products_are_kept_for_30_days_with_what_came_of_them(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    await an_endpoint(ledger.engine)
    [old, young] = await written(ledger.engine, an_event(), an_event())
    await ledger.run(f"update events set created_at = now() - interval '31 days' where id = '{old.event}'")  # noqa: S608
    await ledger.run(f"update events set created_at = now() - interval '29 days' where id = '{young.event}'")  # noqa: S608
    await ledger.run(
        "insert into delivery_attempts (tenant, delivery, round, number, at, duration_ms)"
        " select tenant, id, 0, 1, now(), 5 from event_deliveries"
    )

    assert await forget_all(book) == {"told_events": 1}
    left = [await ledger.rows(query) for query in ("select id from events", "select event as id from event_deliveries")]
    assert [[str(row["id"]) for row in rows] for rows in left] == [[young.event]] * 2
    assert await ledger.count("delivery_attempts") == 1


async def test_endpoints_are_forgotten_30_days_after_they_were_deleted(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    young, _ = [await an_endpoint(ledger.engine) for _ in range(2)]
    await ledger.run("update webhook_endpoints set deleted_at = now() - interval '31 days'")
    await ledger.run(f"update webhook_endpoints set deleted_at = now() - interval '29 days' where id = '{young}'")  # noqa: S608
    living = await an_endpoint(ledger.engine)

    assert await forget_all(book) == {"deleted_endpoints": 1}
    left = await ledger.rows("select id from webhook_endpoints")
    assert {str(row["id"]) for row in left} == {young, living}


async def test_history_has_the_latest_periods_oldest_first(ledger: Ledger, shop: Shop, history: UsageHistory) -> None:
    await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name, status=Status.ACTIVE)
    await shop.use("posts", 3)
    await ledger.run(
        "insert into usage (tenant, customer, feature, period_start, period_end, used)"
        " select 'default', 'ada', 'posts', d, d + interval '1 day', extract(day from d)"
        " from generate_series('2026-03-01Z'::timestamptz, '2026-03-05Z', '1 day') d"
    )

    periods = await history.periods("ada", "posts", limit=3)

    assert [each.used for each in periods] == [4, 5, 3]
    assert all(each.ends - each.starts == timedelta(days=1) for each in periods)
    assert await history.periods("ada", "posts", limit=3, tenant="acme") == []
    assert await history.periods("grace", "posts", limit=3) == []
