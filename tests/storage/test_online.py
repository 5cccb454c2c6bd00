"""Migrations run while usage is counted: none fails a writer, and none reads a large table while it holds writers up.

How long somebody waits depends on the machine. What it comes from does not: a migration rewrites no large table, has a
limit on how long it waits for a lock in front of everybody else, and does nothing that takes longer the more rows there
are while it has such a lock. Triggers in the migration's own transactions note its locks, and how many rows it has gone
through since it began to take them.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import asyncpg

from domain.entitlements.usage import Outcome, UsageChange
from storage.db.engine import create_engine_from_url
from storage.db.migrations import MIGRATIONS, upgrade
from storage.schema.large_tables import LARGE, SMALL
from storage.schema.metadata import METADATA
from storage.usage.counting import EntitlementRules, Usage
from tests.harness.patience import until
from tests.harness.postgres import Databases

FIRST: Final = "0027"
"""The first by which today's code counts usage."""
HELD_UP_BEFORE: Final = {"0033": {"idempotency_keys"}, "0050": {"event_deliveries"}}
"""Migrations that were shipped before there was this rule, by the table whose writers they hold up."""
LONGEST_WAIT_MS: Final = 5000
"""Of a migration in front of others, for a lock of a large table; it is then tried again."""

ROWS: Final = 10_000
_FILL: Final = f"""
    INSERT INTO plan_limits (catalog, plan, meter, feature, per, included, per_unit, adds, mails, grace_days,
        is_one_of_several, revision) VALUES ('shop_v1', 'starter', 'calls', 'calls', 'month', 1000000, false, '{{}}',
        '{{}}', 0, false, 1);
    INSERT INTO customers (id, tenant, external_id, email, timezone, locale)
        SELECT md5('c' || n)::uuid, 'default', 'c' || n, 'c' || n || '@example.com', 'UTC', 'en'
        FROM generate_series(1, {ROWS}) n;
    INSERT INTO subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
            status_reason, access, sequence, state, created_at, period_start, period_end)
        SELECT md5('s' || n)::uuid, 'default', md5('c' || n)::uuid, 'starter', '', 'month', 1, 4900, 'usd', 'active',
            '', 'full', 1, '{{"catalog": "shop_v1"}}', now(), now(), now() + interval '31 days'
        FROM generate_series(1, {ROWS}) n;
    INSERT INTO journal (subscription, sequence, position, tenant, kind, at, summary, cause_kind, cause_ref,
            cause_actor)
        SELECT md5('s' || n)::uuid, 1, 0, 'default', 'noted', now(), '', '', '', '' FROM generate_series(1, {ROWS}) n;
    INSERT INTO mails (id, tenant, subscription, key, occasion, at, status)
        SELECT md5('m' || n)::uuid, 'default', md5('s' || n)::uuid, 'receipt/' || n, 'receipt', now(), 'sent'
        FROM generate_series(1, {ROWS}) n;
    INSERT INTO invoices (tenant, ref, subscription, number, status, amount, currency, url, pdf, attempts, at)
        SELECT 'default', 'in_' || n, md5('s' || n)::uuid, n::text, 'paid', 4900, 'usd', '', '', 1, now()
        FROM generate_series(1, {ROWS}) n;
    INSERT INTO webhook_inbox (event_id, tenant, type, object_id, customer_ref, body, handled_at, disposition)
        SELECT 'evt_' || n, 'default', 'invoice.paid', 'in_' || n, 'cus_' || n, '', now(), 'delivered'
        FROM generate_series(1, {ROWS}) n;
    INSERT INTO idempotency_keys (tenant, key, fingerprint, completed_at)
        SELECT 'default', 'k' || n, '', now() FROM generate_series(1, {ROWS}) n;
    INSERT INTO usage (tenant, customer, feature, period_start, period_end, used)
        SELECT 'default', 'c' || n, 'calls', '2026-01-01Z', '2026-02-01Z', n FROM generate_series(1, {ROWS}) n;
    INSERT INTO usage_events (tenant, key, customer, meter, action, quantity, at)
        SELECT 'default', 'u' || n, 'c' || n, 'calls', 'consume', 1, now() FROM generate_series(1, {ROWS}) n;
    INSERT INTO usage_samples (tenant, customer, feature, day, lowest, highest, latest)
        SELECT 'default', 'c' || n, 'seats', '2026-01-01', 1, 1, 1 FROM generate_series(1, {ROWS}) n;
    ANALYZE;
"""  # noqa: S608 - a number of ours
_FILL_LATER: Final = {
    "0046": f"""
        INSERT INTO webhook_endpoints (id, tenant, url, description, types, created_by)
            VALUES (md5('e')::uuid, 'default', 'https://acme.example/', '', '{{}}', '');
        INSERT INTO events (id, tenant, type, version, customer, sequence, at, payload)
            SELECT md5('e' || n)::uuid, 'default', 'subscription.renewed', 1, md5('c' || n)::uuid, n, now(), '{{}}'
            FROM generate_series(1, {ROWS}) n;
        INSERT INTO event_deliveries (id, tenant, event, endpoint)
            SELECT md5('d' || n)::uuid, 'default', md5('e' || n)::uuid, md5('e')::uuid
            FROM generate_series(1, {ROWS}) n;
    """,  # noqa: S608
}
"""Rows of tables that came later, by the migration that made them."""
_WATCH: Final = """
    CREATE SCHEMA watching;
    CREATE TABLE watching.held (relation text, mode text, rows bigint, lock_timeout int);
    CREATE FUNCTION watching.before_command() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        -- In a setting of the transaction: what is done concurrently must find nothing written.
        IF coalesce(current_setting('watching.before', true), '') = '' THEN
            PERFORM set_config('watching.before', jsonb_object_agg(relid, seq_tup_read + n_tup_upd)::text, true)
            FROM pg_stat_xact_user_tables;
        END IF;
    END $$;
    CREATE FUNCTION watching.note() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
        INSERT INTO watching.held
        SELECT pg_class.relname, mode, coalesce(
                seq_tup_read + n_tup_upd
                - coalesce((nullif(current_setting('watching.before', true), '')::jsonb ->> relid::text)::bigint, 0),
                0
            ),
            (SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout')
        FROM pg_locks JOIN pg_class ON pg_class.oid = pg_locks.relation
        LEFT JOIN pg_stat_xact_user_tables ON relid = pg_class.oid
        WHERE pid = pg_backend_pid() AND granted AND relkind IN ('r', 'p')
            AND relnamespace = 'public'::regnamespace
            AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    $$;
    CREATE FUNCTION watching.after_command() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
        AS $$ BEGIN PERFORM watching.note(); END $$;
    CREATE FUNCTION watching.at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        AS $$ BEGIN PERFORM watching.note(); RETURN NULL; END $$;
    CREATE EVENT TRIGGER watching_before ON ddl_command_start EXECUTE FUNCTION watching.before_command();
    CREATE EVENT TRIGGER watching_after ON ddl_command_end EXECUTE FUNCTION watching.after_command();
    CREATE CONSTRAINT TRIGGER watching AFTER UPDATE ON alembic_version DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION watching.at_commit();
"""
_HELD: Final = "DELETE FROM watching.held RETURNING relation, mode, rows, lock_timeout"
_FILES: Final = """
    SELECT relname, relfilenode FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname = ANY ($1)
"""


@asynccontextmanager
async def by_superuser(databases: Databases, url: str) -> AsyncIterator[asyncpg.Connection]:
    """Who may watch every transaction of a database."""
    connection = await asyncpg.connect(databases.by_superuser(url))
    try:
        yield connection
    finally:
        await connection.close()


@dataclass
class Writer:
    """Uses one call after the other, and has never failed."""

    usage: Usage
    counted: int = 0
    longest: float = 0.0
    """Seconds."""
    _keys: "count[int]" = field(default_factory=lambda: count(1))

    async def go_on(self) -> None:
        rules = EntitlementRules("shop_v1", "")
        while True:
            number, began = next(self._keys), time.perf_counter()
            use = UsageChange(f"c{number % 100 + 1}", "calls", 1, f"writer-{number}")
            assert (await self.usage.use(use, rules)).outcome is Outcome.COUNTED
            self.longest = max(self.longest, time.perf_counter() - began)
            self.counted += 1
            await asyncio.sleep(0.002)


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[Writer]:
    """Somebody who writes as long as the block lasts; it fails if a write has."""
    engine = create_engine_from_url(url)
    writer = Writer(Usage(engine))
    task = asyncio.create_task(writer.go_on())
    try:
        yield writer
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()


def revisions_after(first: str) -> list[str]:
    return [number for file in sorted(MIGRATIONS.glob("versions/*.py")) if (number := file.name[:4]) > first]


async def test_every_migration_runs_while_usage_is_counted(empty_url: str, databases: Databases) -> None:
    await upgrade(empty_url, FIRST)
    async with by_superuser(databases, empty_url) as superuser:
        await superuser.execute(_FILL + _WATCH)
    held_up: dict[str, set[str]] = {}
    rewritten: list[tuple[str, str]] = []
    waits: list[int] = []
    async with by_superuser(databases, empty_url) as superuser, writing(empty_url) as writer:
        for revision in revisions_after(FIRST):
            before = dict(await superuser.fetch(_FILES, list(LARGE)))
            await upgrade(empty_url, revision)
            after = dict(await superuser.fetch(_FILES, list(LARGE)))
            rewritten += [(revision, table) for table, file in before.items() if after.get(table) != file]
            for held in await superuser.fetch(_HELD):
                if held["relation"] in before:
                    waits.append(held["lock_timeout"])
                    if held["rows"]:
                        held_up.setdefault(revision, set()).add(held["relation"])
            await superuser.execute(_FILL_LATER.get(revision, "SELECT"))
            so_far = writer.counted
            await until(lambda: writer.counted > so_far)  # noqa: B023 - awaited here
        print(f"{writer.counted} uses counted meanwhile; the longest took {writer.longest * 1000:.0f} ms")  # noqa: T201

    assert rewritten == [], "a table that is written anew is locked as long as that takes: add and fill in batches"
    assert held_up == HELD_UP_BEFORE, "its writers wait until all rows are gone through: build CONCURRENTLY, NOT VALID"
    assert 0 < min(waits) <= max(waits) <= LONGEST_WAIT_MS


async def test_what_holds_writers_up_is_noted(empty_url: str, databases: Databases) -> None:
    await upgrade(empty_url, FIRST)
    async with by_superuser(databases, empty_url) as superuser:
        await superuser.execute(
            "INSERT INTO customers (id, tenant, external_id, email, timezone, locale)"
            " VALUES (gen_random_uuid(), 'default', 'ada', 'ada@example.com', 'UTC', 'en')"
        )
        await superuser.execute(_WATCH)
        noted, all_rows = {}, "UPDATE customers SET locale = 'de'"
        for statement in (
            "CREATE INDEX ix_watched ON customers (email)",
            f"ALTER TABLE customers ADD COLUMN watched int; {all_rows}; UPDATE alembic_version SET version_num = '1'",  # noqa: S608
            f"{all_rows}; ALTER TABLE customers ADD COLUMN watched_later int",
            "CREATE INDEX CONCURRENTLY ix_watched_later ON customers (email)",
        ):
            await superuser.execute(statement)
            noted[statement] = any(row["rows"] for row in await superuser.fetch(_HELD))
    assert list(noted.values()) == [True, True, False, False], noted


def test_every_table_is_known_to_be_large_or_small() -> None:
    assert not LARGE & SMALL
    assert set(METADATA.tables) == LARGE | SMALL
