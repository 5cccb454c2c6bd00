"""What was there before revenue was recorded is taken up as far as it is known."""

from sqlalchemy import text

from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from tests.storage.db.test_migrations import fill

LIVES = """
    insert into customers (id, tenant, external_id, email, timezone, locale)
        select ('00000000-0000-4000-8000-00000000000' || to_hex(n))::uuid, 'default', n, '', 'UTC', 'en'
        from generate_series(1, 11) n;
    insert into subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
                               status_reason, access, sequence, trial_ends_at, state, created_at)
        select ('10000000-0000-4000-8000-00000000000' || to_hex(n))::uuid, 'default',
               ('00000000-0000-4000-8000-00000000000' || to_hex(n))::uuid, 'pro', '', interval, 1, amount, 'usd',
               status, '', 'full', 9, trial_ends_at::timestamptz,
               jsonb_build_object('items', items::jsonb, 'recovery', recovery::jsonb, 'agreement_ref', 'sub_1',
                                  'end_kind', end_kind, 'reason_code', 'unused', 'cancel_reason', 'bye'),
               '2026-01-01'
        from (values
            (1, 'month', 4900, 'active', '[{}]', null, null, '2026-01-15Z'),
            (2, 'year', 49000, 'active', '[{}]', null, null, '2026-01-15Z'),
            (3, 'month', 0, 'active', '[]', null, null, '2026-01-15Z'),
            (4, 'month', 4900, 'past_due', '[{}]',
             '{"since": "2026-03-01T00:00:00Z", "tries": 2, "invoice_ref": "in_1", "amount_due": 5000,
               "currency": "usd", "decline": {"code": "expired_card"}}', null, '2026-01-15Z'),
            (5, 'month', 4900, 'canceled', '[{}]', null, 'customer', '2026-01-15Z'),
            (6, 'month', 4900, 'trialing', '[{}]', null, null, '2026-01-15Z'),
            (7, 'month', 4900, 'active', '[{}]', null, null, null),
            (8, 'month', 4900, 'paused', '[{}]', null, null, '2026-01-15Z'),
            (9, 'month', 4900, 'suspended', '[{}]', null, null, '2026-01-15Z'),
            (10, 'month', 4900, 'canceled', '[{}]', null, 'trial_expired', '2026-01-15Z'),
            (11, 'month', 4900, 'active', '[{}]', null, null, '2026-01-15Z')
        ) as life (n, interval, amount, status, items, recovery, end_kind, trial_ends_at);
    insert into journal (subscription, sequence, position, tenant, kind, at, summary, cause_kind, cause_ref,
                         cause_actor)
        select ('10000000-0000-4000-8000-00000000000' || to_hex(n))::uuid,
               row_number() over (partition by n order by at), 0, 'default', kind, at::timestamptz, '', '', '', ''
        from (values
            (1, 'trial_started', '2026-01-01Z'), (1, 'converted', '2026-01-15Z'), (1, 'renewed', '2026-02-15Z'),
            (2, 'trial_started', '2026-01-01Z'), (2, 'converted', '2026-01-15Z'), (2, 'plan_changed', '2026-02-01Z'),
            (3, 'trial_started', '2026-01-01Z'), (3, 'moved_to_free', '2026-01-15Z'),
            (4, 'trial_started', '2026-01-01Z'), (4, 'converted', '2026-01-15Z'), (4, 'payment_failed', '2026-03-01Z'),
            (5, 'trial_started', '2026-01-01Z'), (5, 'converted', '2026-01-15Z'),
            (5, 'cancel_scheduled', '2026-02-01Z'), (5, 'canceled', '2026-02-15Z'),
            (6, 'trial_started', '2026-01-01Z'),
            (7, 'adopted', '2026-01-20Z'),
            (8, 'trial_started', '2026-01-01Z'), (8, 'converted', '2026-01-15Z'), (8, 'paused', '2026-02-01Z'),
            (9, 'trial_started', '2026-01-01Z'), (9, 'trial_expired', '2026-01-15Z'),
            (10, 'trial_started', '2026-01-01Z'), (10, 'trial_expired', '2026-01-15Z'),
            (10, 'canceled', '2026-02-15Z'),
            (11, 'trial_started', '2026-01-01Z'), (11, 'converted', '2099-01-15Z'), (11, 'plan_changed', '2099-02-01Z')
        ) as line (n, kind, at)
"""

OPENINGS = """
    select right(subscription::text, 1) n, sequence, position, kind, before, after, status_after,
           case when at = recorded_at then 'now' else to_char(at at time zone 'UTC', 'YYYY-MM-DD') end
    from mrr_movements order by subscription
"""
OUTCOMES = """
    select right(subscription::text, 1) n, to_char(trial_started_at at time zone 'UTC', 'MM-DD'), trial_outcome,
           to_char(trial_ended_at at time zone 'UTC', 'MM-DD'), to_char(first_paid_at at time zone 'UTC', 'MM-DD'),
           to_char(canceled_asked_at at time zone 'UTC', 'MM-DD'), to_char(ended_at at time zone 'UTC', 'MM-DD'),
           end_kind, comment
    from subscription_outcomes order by subscription
"""


MOVED = """
    insert into mrr_movements (subscription, sequence, position, tenant, customer, at, kind, delta, before, after,
                               currency, plan, interval, quantity, add_ons, catalog, from_plan, status_before,
                               status_after, reason_code)
    select subscription, n, 0, tenant, customer, at, what, now - was, was, now, currency, plan, every, 1, '{}', '',
           came_from, 'active', 'active', ''
    from mrr_movements, (values
        (10, 'contraction', 58800, 49000, 'year', 'pro'),
        (11, 'churn', 49000, 0, 'year', 'pro'),
        (12, 'reactivation', 0, 58800, 'month', '')
    ) as later (n, what, was, now, every, came_from)
    where subscription = '10000000-0000-4000-8000-000000000001'
"""


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    engine = create_engine_from_url(url)
    async with engine.connect() as connection:
        found = [tuple(row) for row in await connection.execute(text(query))]
    await engine.dispose()
    return found


async def test_revenue_opens_with_what_counts_at_its_first_payment_where_that_is_known(empty_url: str) -> None:
    await upgrade(empty_url, "0016")
    await fill(empty_url, LIVES)

    await upgrade(empty_url, "0017")

    assert await rows(empty_url, OPENINGS) == [
        ("1", 0, 0, "opening", 0, 58800, "active", "2026-01-15"),
        ("2", 0, 0, "opening", 0, 49000, "active", "now"),
        ("4", 0, 0, "opening", 0, 58800, "past_due", "2026-01-15"),
        ("7", 0, 0, "opening", 0, 58800, "active", "2026-01-20"),
        # Its own time is ahead of ours.
        ("b", 0, 0, "opening", 0, 58800, "active", "2099-02-01"),
    ]


async def test_trials_payments_and_ends_are_read_from_the_journal(empty_url: str) -> None:
    await upgrade(empty_url, "0016")
    await fill(empty_url, LIVES)

    await upgrade(empty_url, "0017")

    assert await rows(empty_url, OUTCOMES) == [
        ("1", "01-01", "converted", "01-15", "01-15", None, None, None, ""),
        ("2", "01-01", "converted", "01-15", "01-15", None, None, None, ""),
        ("3", "01-01", "free", "01-15", None, None, None, None, ""),
        ("4", "01-01", "converted", "01-15", "01-15", None, None, None, ""),
        ("5", "01-01", "converted", "01-15", "01-15", "02-01", "02-15", "customer", "bye"),
        ("6", "01-01", "running", None, None, None, None, None, ""),
        ("7", None, None, None, "01-20", None, None, None, ""),
        ("8", "01-01", "converted", "01-15", "01-15", None, None, None, ""),
        ("9", "01-01", "expired", "01-15", None, None, None, None, ""),
        ("a", "01-01", "expired", "01-15", None, None, "02-15", "trial_expired", ""),
        ("b", "01-01", "converted", "01-15", "01-15", None, None, None, ""),
    ]
    assert await rows(empty_url, "select tries, amount, outcome, decline_code, is_first_payment from recoveries") == [
        (2, 5000, "open", "expired_card", False)
    ]


async def test_requests_to_cancel_and_the_plans_of_trials_are_taken_up_as_far_as_they_are_known(empty_url: str) -> None:
    await upgrade(empty_url, "0016")
    await fill(empty_url, LIVES)

    await upgrade(empty_url, "0037")

    assert await rows(
        empty_url,
        "select sequence, by, plan, status, reason_code, comment, retained_by, ended_at is not null from cancellations",
    ) == [(0, "customer", "pro", "", "unused", "bye", None, True)]
    assert await rows(
        empty_url, "select distinct trial_outcome, trial_plan, trial_with_card from subscription_outcomes order by 1, 2"
    ) == [
        ("converted", "pro", None),
        ("expired", "pro", None),
        ("free", "", None),
        ("running", "pro", None),
        (None, "", None),
    ]
    assert await rows(empty_url, "select plan from recoveries") == [("pro",)]


async def test_movements_of_before_tell_how_often_was_billed_what_they_came_from(empty_url: str) -> None:
    await upgrade(empty_url, "0016")
    await fill(empty_url, LIVES)
    await upgrade(empty_url, "0037")
    await fill(empty_url, MOVED)

    await upgrade(empty_url, "0042")

    assert await rows(empty_url, "select sequence, from_interval, interval from mrr_movements order by sequence") == [
        *[(0, "", interval) for interval in ("month", "year", "month", "month", "month")],
        (10, "month", "year"),
        (11, "year", "year"),
        (12, "", "month"),
    ]
