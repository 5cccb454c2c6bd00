"""Two tenants of 100,000 customers each, laid out so that what a list is asked for is far from where it begins."""

import asyncpg

TENANTS = ("acme", "umbrella")
A_TENANT = 100_000
BEGAN = "timestamptz '2020-01-01Z'"
RARE = 4711
"""The customer of whom a search asks."""

# Customers in the order of their numbers, a minute apart. The first half has a word in its names that no later one has.
_CUSTOMERS = f"""
    INSERT INTO customers (id, tenant, external_id, email, name, timezone, locale, customer_ref, created_at)
    SELECT md5($1 || n)::uuid, $1, 'user-' || n,
        'person' || n || '@' || (ARRAY['gmail.com', 'home.example'])[n % 2 + 1],
        CASE WHEN n <= {A_TENANT // 2} THEN 'Legacy ' ELSE '' END || 'Name ' || n, 'UTC', 'en', 'cus_' || $1 || n,
        {BEGAN} + n * interval '1 minute'
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608 - our own numbers
# The first ones are canceled and the last ones on trial, of which one plan has only the first: each status is far from
# one end of the list. Of one tenant all are blocked.
_SUBSCRIPTIONS = f"""
    INSERT INTO subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
        status_reason, access, sequence, state, created_at, blocked_since)
    SELECT md5('subscription' || $1 || n)::uuid, $1, md5($1 || n)::uuid,
        CASE WHEN n % 50 = 0 THEN 'rare' WHEN n < 10000 THEN 'old' ELSE 'starter' END, '', 'month', 1, 4900, 'usd',
        CASE WHEN n < 60000 THEN 'canceled' WHEN n < 90000 THEN 'active' WHEN n < 90020 THEN 'paused'
            ELSE 'trialing' END,
        '', 'full', 1, jsonb_build_object('agreement_ref', 'sub_' || $1 || n), {BEGAN} + n * interval '1 minute',
        CASE WHEN $1 = 'umbrella' OR n % 1000 = 0 THEN {BEGAN} END
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608
_INVOICES = f"""
    INSERT INTO invoices
        (tenant, ref, subscription, number, status, amount, currency, url, pdf, attempts, at, issued_at)
    SELECT $1, 'in_' || n, md5('subscription' || $1 || n)::uuid, n::text, 'paid', 4900, 'usd', '', '', 1,
        {BEGAN} + n * interval '1 minute', CASE WHEN n % 3 > 0 THEN {BEGAN} + (n - 1) * interval '1 minute' END
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608
_JOURNAL = f"""
    INSERT INTO journal
        (subscription, sequence, position, tenant, kind, at, summary, cause_kind, cause_ref, cause_actor)
    SELECT md5('subscription' || $1 || (n % 1000 + 1))::uuid, n, 0, $1, 'noted', {BEGAN} + n * interval '1 minute', '',
        '', '', ''
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608
_MAILS = f"""
    INSERT INTO mails (id, tenant, subscription, key, occasion, at, status, created_at, handed_over_at)
    SELECT md5('mail' || $1 || n)::uuid, $1, md5('subscription' || $1 || (n % 1000 + 1))::uuid,
        'receipt/' || n, 'receipt', {BEGAN} + n * interval '1 minute',
        CASE WHEN n % 20000 = 0 THEN 'queued' ELSE 'sent' END,
        {BEGAN} + n * interval '1 minute', {BEGAN}
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608
# One in ten was set aside, in the older half; none of the newest 5,000 was handled.
_INBOX = f"""
    INSERT INTO webhook_inbox (event_id, tenant, type, object_id, customer_ref, body, received_at, handled_at,
        disposition, outcome)
    SELECT 'evt_' || $1 || n, $1, CASE WHEN n % 50000 = 0 THEN 'rare' ELSE 'invoice.paid' END, 'in_' || n,
        'cus_' || $1 || (n % 1000 + 4000), ''::bytea, {BEGAN} + n * interval '1 minute',
        CASE WHEN n <= 95000 THEN {BEGAN} END,
        CASE WHEN n > 95000 THEN NULL WHEN n < 50000 AND n % 10 = 0 THEN 'set_aside' ELSE 'delivered' END, ''
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608
# In few transactions, all of them before any that can still be running.
_EVENTS = f"""
    INSERT INTO events (id, tenant, type, version, subscription, customer, sequence, at, payload, created_at, txid)
    SELECT md5('event' || $1 || n)::uuid, $1, CASE WHEN n % 50000 = 0 THEN 'rare' ELSE 'subscription.renewed' END, 1,
        md5('subscription' || $1 || (n % 1000 + 1))::uuid, md5($1 || (n % 1000 + 1))::uuid, n,
        {BEGAN} + n * interval '1 minute', '{{}}', {BEGAN} + n * interval '1 minute', n / 200
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608
_ENDPOINTS = """
    INSERT INTO webhook_endpoints (id, tenant, url, types) VALUES (md5('endpoint' || $1)::uuid, $1, '', '{}')
"""
# All were delivered but for a few of the oldest.
_DELIVERIES = f"""
    INSERT INTO event_deliveries (id, tenant, event, endpoint, state, created_at)
    SELECT md5('delivery' || $1 || n)::uuid, $1, md5('event' || $1 || n)::uuid, md5('endpoint' || $1)::uuid,
        CASE WHEN n <= 5 THEN 'failed' ELSE 'delivered' END, {BEGAN} + n * interval '1 minute'
    FROM generate_series(1, {A_TENANT}) n
"""  # noqa: S608
_TABLES = ("customers", "subscriptions", "invoices", "journal", "mails", "webhook_inbox", "events", "event_deliveries")
_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index JOIN pg_class tables ON tables.oid = indrelid
    WHERE relname = ANY ($1) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


async def fill(superuser_url: str) -> None:
    """Write all of them, as the one who may leave out what checks each row: they are right as they are made."""
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        # Built at once they are there much sooner.
        indexes = await connection.fetch(_INDEXES, _TABLES)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        for tenant in TENANTS:
            for statement in (_CUSTOMERS, _SUBSCRIPTIONS, _INVOICES, _JOURNAL, _MAILS, _INBOX, _EVENTS):
                await connection.execute(statement, tenant)
            for statement in (_ENDPOINTS, _DELIVERIES):
                await connection.execute(statement, tenant)
        for index in indexes:
            await connection.execute(index["definition"])
        # So many that a sample holds every row: the plans, and with them what is read, are the same each time.
        await connection.execute("SET default_statistics_target = 1000")
        for table in _TABLES:
            await connection.execute(f"VACUUM ANALYZE {table}")
    finally:
        await connection.close()
