"""What is forgotten, how old it has to be, and what stays however old it is."""

from datetime import timedelta

import pytest_asyncio

from domain.notifications.mail_types import Occasion
from domain.retention import FORGOTTEN, Retention, forgotten_in_words
from storage.usage.roll_up import UsageRollUpRecords
from tests.storage.ledger import Ledger, a_mail, a_step


@pytest_asyncio.fixture
async def book(ledger: Ledger) -> UsageRollUpRecords:
    """Small batches, as large ones would hide that there are several."""
    return UsageRollUpRecords(ledger.engine, batch=2)


def nothing() -> None:
    """No heartbeat."""


async def test_a_counter_of_long_ago_stays_while_overage_of_its_customer_is_not_billed(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    await ledger.run(
        "insert into usage (tenant, customer, feature, period_start, period_end, used)"
        " select 'default', name, 'calls', now() - interval '1200 days', now() - interval '1170 days', 5"
        " from unnest(array['ada', 'bob', 'eve']) name"
    )
    await ledger.run(
        "insert into usage_events (tenant, key, customer, meter, action, quantity, at, overage, reported_at)"
        " values ('default', 'a', 'ada', 'calls', 'consume', 1, now(), 1, null),"
        " ('default', 'b', 'bob', 'calls', 'consume', 1, now(), 1, now()),"
        " ('other', 'c', 'bob', 'calls', 'consume', 1, now(), 1, null)"
    )

    assert await book.forget(alive=nothing) == {"long_counters": 2}
    assert [row["customer"] for row in await ledger.rows("select customer from usage")] == ["ada"]


async def test_handled_webhooks_are_kept_for_35_days_and_waiting_ones_until_they_are_handled(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    await ledger.run(
        "insert into webhook_inbox (event_id, tenant, type, object_id, customer_ref, body, received_at, handled_at,"
        " disposition) select 'evt_' || age || '_' || coalesce(disposition, 'waits'), 'default', 'invoice.paid',"
        " 'in_1', 'cus_1', '', now() - age * interval '1 day', case when disposition is not null then now() end,"
        " disposition"
        " from unnest(array[34, 36]) age, unnest(array['delivered', 'passed_over', 'set_aside', null]) disposition"
    )

    assert await book.forget(alive=nothing) == {"webhooks": 3}
    left = await ledger.rows("select event_id from webhook_inbox where received_at < now() - interval '35 days'")
    assert [row["event_id"] for row in left] == ["evt_36_waits"]
    assert await ledger.count("webhook_inbox") == 5


async def test_mails_are_emptied_after_90_days_unless_they_still_wait_or_have_figures_of_usage(
    ledger: Ledger, book: UsageRollUpRecords
) -> None:
    about_usage = a_mail(Occasion.USAGE_LIMIT, key="usage_limit/posts/2026-03-01/100/3")
    await ledger.save(a_step(await ledger.newcomer(), about_usage, *(a_mail(key=f"m{n}") for n in range(4))))
    await ledger.run("update mails set status = 'sent', created_at = now() - interval '200 days'")
    for key, status, age in (("m0", "sent", 91), ("m1", "refused", 91), ("m2", "queued", 91), ("m3", "sent", 89)):
        await ledger.run(
            f"update mails set status = '{status}', created_at = now() - interval '{age} days' where key = '{key}'"  # noqa: S608
        )

    assert await book.forget(alive=nothing) == {"mail_facts": 2}
    mails = await ledger.rows("select key, facts <> '{}' as says from mails order by key")
    assert [row["says"] for row in mails] == [False, False, True, True, True]
    assert await book.forget(alive=nothing) == {}


async def test_bulk_runs_go_with_their_rows_a_year_after_their_end(ledger: Ledger, book: UsageRollUpRecords) -> None:
    await ledger.run(
        "insert into bulk_runs (id, tenant, action, parameters, filter, actor_kind, actor, actor_role, reference,"
        " rate, state, created_at, ended_at) select gen_random_uuid(), 'default', 'cancel', '{}', '{}', 'api_key', 'x',"
        " 'admin', age, 1, 'finished', now() - age::interval,"
        " case when age <> '402 days' then now() - age::interval end"
        " from unnest(array['399 days', '401 days', '402 days']) age"
    )
    await ledger.run(
        "insert into bulk_rows (run, subscription, tenant, position, status)"
        " select id, gen_random_uuid(), 'default', n, 'active' from bulk_runs, generate_series(1, 5) n"
    )

    assert await book.forget(alive=nothing) == {"bulk_rows": 5, "bulk_runs": 1}
    left = await ledger.rows(
        "select reference, count(*)::int n from bulk_runs r join bulk_rows on run = r.id group by 1"
    )
    assert sorted((row["reference"], row["n"]) for row in left) == [("399 days", 5), ("402 days", 5)]


async def test_each_kind_is_kept_as_long_as_its_installation_says(ledger: Ledger) -> None:
    await ledger.run(
        "insert into usage_samples (tenant, customer, feature, day, lowest, highest, latest)"
        " select 'default', 'ada', 'gb', current_date - n, 1, 1, 1 from unnest(array[100, 102]) n"
    )
    book = UsageRollUpRecords(ledger.engine, Retention(usage=timedelta(days=70)))

    assert await book.forget(alive=nothing) == {"samples": 1}


def test_what_was_forgotten_is_told_by_kind_in_words() -> None:
    told = forgotten_in_words({"webhooks": 12345, "counters": 2, "of_a_later_release": 1})

    assert told == "2 counters of days and weeks, 12,345 webhooks of the provider, 1 of_a_later_release"
    assert forgotten_in_words({}) == "nothing"
    assert set(FORGOTTEN) == {"usage_months", *Retention().by_kind()}
