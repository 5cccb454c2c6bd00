"""The schema up and down, and that it is what the code expects."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import GatewayUnavailable
from domain.subscription.policy import TrialMark
from sandbox.postgres import OWNER
from sandbox.processes import free_port
from storage.db.engine import create_engine_from_url
from storage.db.migrations import Patience, current, downgrade, head, upgrade
from storage.schema.metadata import METADATA
from storage.subscriptions.trials import Trials
from tests.harness.postgres import Databases, until_one_waits, waiting
from tests.harness.trial_key import TRIAL_KEY

ROOT = Path(__file__).parents[3]
BEFORE_NEXT_ACTION_DATES = "0046"
BEFORE_SEARCH = "0031"
BEFORE_INDEXES_OF_LISTS = "0030"
NOBODYS = "20000000-0000-4000-8000-000000000000"
OBJECTS = """
    select 'column', table_name, column_name, data_type || ' ' || is_nullable || coalesce(column_default, '')
        from information_schema.columns where table_schema = 'public'
    union all
    select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
    union all select 'function', '', proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace
        and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
    union all
    select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
"""


async def schema_of(url: str) -> set[tuple[str, ...]]:
    """Everything in the schema but Alembic's own table."""
    engine = create_engine_from_url(url)
    async with engine.connect() as connection:
        found = {tuple(row) for row in await connection.execute(text(OBJECTS))}
    await engine.dispose()
    return {entry for entry in found if not any("alembic_version" in part for part in entry)}


def differences(connection: Connection) -> list[object]:
    # Alembic does not know these expressions again; what indexes are is compared below.
    apart = ("ix_customers_search", "ix_invoices_tenant_created_ref", "audit_others")
    partitions = ("audit_2", "usage_log_")
    options = {"include_object": lambda _object, name, *_: name not in apart and not name.startswith(partitions)}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


async def test_the_schema_is_back_when_it_went_down_to_nothing_and_up_again(empty_url: str) -> None:
    assert await current(empty_url) is None
    await upgrade(empty_url)
    first = await schema_of(empty_url)
    assert await current(empty_url) == head()

    await downgrade(empty_url, "base")
    assert await schema_of(empty_url) == set()
    assert await current(empty_url) is None

    await upgrade(empty_url)
    assert await schema_of(empty_url) == first


async def test_the_migrations_lead_to_the_tables_that_the_code_knows(database_url: str, empty_url: str) -> None:
    engine = create_engine_from_url(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()

    # Alembic does not compare checks: create the tables from the code alone and compare both.
    engine = create_engine_from_url(empty_url)
    async with engine.begin() as connection:
        await connection.execute(text("create extension pg_trgm"))
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()
    by_code, migrated = await schema_of(empty_url), await schema_of(database_url)
    assert by_code - migrated == set()
    of_partitions = re.compile(r"(audit|usage_log)_(\d{4}_\d{2}|others)")
    beside = {entry for entry in migrated - by_code if not of_partitions.match(entry[1])}
    assert {entry[0] for entry in beside} == {"function", "trigger"}


async def test_nothing_changes_when_a_migrated_database_is_migrated_again(empty_url: str) -> None:
    await upgrade(empty_url)
    before = await schema_of(empty_url)

    await upgrade(empty_url)

    assert await schema_of(empty_url) == before
    assert await current(empty_url) == head()


async def test_both_end_well_when_two_processes_migrate_at_once(empty_url: str, database_url: str) -> None:
    program = "import asyncio, sys; from storage.db.migrations import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, empty_url, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        for _ in range(2)
    ]

    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0]

    assert await schema_of(empty_url) == await schema_of(database_url)


async def test_all_end_well_when_a_database_is_migrated_from_many_sides_at_once(empty_url: str) -> None:
    await asyncio.gather(*(upgrade(empty_url) for _ in range(5)))
    assert await current(empty_url) == head()


async def test_a_migration_says_so_when_the_database_is_out_of_reach() -> None:
    nowhere = f"postgresql://postgres:secret@127.0.0.1:{free_port()}/tenure"
    for attempt in (upgrade, current):
        with pytest.raises(GatewayUnavailable, match="database is out of reach"):
            await attempt(nowhere)


BEFORE_TRIALS_WERE_COUNTED = """
    insert into customers (id, tenant, external_id, email, timezone, locale) values
        ('00000000-0000-4000-8000-00000000000a', 'default', 'ada', 'A.Da@gmail.com', 'UTC', 'en'),
        ('00000000-0000-4000-8000-00000000000b', 'default', 'paid', 'paid@example.com', 'UTC', 'en'),
        ('00000000-0000-4000-8000-00000000000c', 'default', 'twin', 'ada+2@googlemail.com', 'UTC', 'en');
    insert into subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
                               status_reason, access, sequence, state, created_at)
        select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'default',
               ('00000000-0000-4000-8000-00000000000' || who)::uuid, 'starter', 'Starter', 'month', 1, 4900, 'usd',
               status, '', 'full', 1, '{}', '2026-01-01'
        from (values (1, 'a', 'canceled'), (2, 'a', 'active'), (3, 'b', 'active'), (4, 'c', 'active'))
            as subscription (n, who, status);
    insert into journal (subscription, sequence, position, tenant, kind, at, summary, cause_kind, cause_ref,
                         cause_actor)
        select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 1, 0, 'default', kind, at::timestamptz, '', '', '',
               ''
        from (values (2, 'trial_started', '2026-03-01Z'), (1, 'trial_started', '2026-01-01Z'),
                     (3, 'signed_up', '2026-01-01Z'), (4, 'trial_started', '2026-02-01Z'))
            as line (n, kind, at);
"""


BEFORE_CATALOGS_WERE_NOTED = """
    insert into customers (id, tenant, external_id, email, timezone, locale)
        select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'default', n, '', 'UTC', 'en'
        from generate_series(1, 6) n;
    insert into subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
                               status_reason, access, sequence, state, created_at)
        select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'default',
               ('00000000-0000-4000-8000-00000000000' || n)::uuid, plan, '', 'month', 1, 0, 'usd', 'active', '', 'full',
               1, jsonb_build_object('plan', plan, 'interval', 'month', 'items', items::jsonb), '2026-01-01'
        from (values
            (1, 'pro', '[{"lookup_key": "shop_pro_month_v2", "quantity": 1}]'),
            (2, 'a_pro', '[{"lookup_key": "my_shop_a_pro_month_v10", "quantity": 3},
                           {"lookup_key": "my_shop_seats_month_v10", "quantity": 2}]'),
            (3, 'free', '[]'),
            (4, 'pro', '[{"lookup_key": "price_1ABC", "quantity": 1}]'),
            (5, 'pro', '[{"lookup_key": "shop_pro_month_v2", "quantity": 1},
                         {"lookup_key": "shop_pro_runs_overage_month_v2", "quantity": 0}]'))
            as subscription (n, plan, items);
    insert into subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
                               status_reason, access, sequence, state, created_at)
        values ('10000000-0000-4000-8000-000000000006', 'default', '00000000-0000-4000-8000-000000000006', 'pro', '',
                'month', 1, 0, 'usd', 'active', '', 'full', 1, '{}', '2026-01-01')
"""


async def fill(url: str, statements: str) -> None:
    engine = create_engine_from_url(url)
    async with engine.begin() as connection:
        for statement in filter(str.strip, statements.split(";")):
            await connection.exec_driver_sql(statement)
    await engine.dispose()


async def test_the_catalog_of_older_subscriptions_is_derived_from_their_price(empty_url: str) -> None:
    await upgrade(empty_url, "0005")
    await fill(empty_url, BEFORE_CATALOGS_WERE_NOTED)

    await upgrade(empty_url)

    engine = create_engine_from_url(empty_url)
    async with engine.connect() as connection:
        found = await connection.exec_driver_sql("select catalog, by_use from subscriptions order by id")
        rows = [tuple(row) for row in found]
    await engine.dispose()
    # A price outside every catalog: the current catalog applies to such a subscription.
    assert [catalog for catalog, _ in rows] == ["shop_v2", "my_shop_v10", "", "price_1ABC", "shop_v2", ""]
    assert [by_use for _, by_use in rows] == [None] * 4 + [["shop_pro_runs_overage_month_v2"], None]


async def test_a_migration_holds_nobody_up_behind_a_transaction_that_has_been_open_for_long(empty_url: str) -> None:
    await upgrade(empty_url, "0005")
    before = await schema_of(empty_url)
    async with holding(empty_url, "subscriptions"):
        with pytest.raises(GatewayUnavailable, match=r"version 0005 could not lock .* run `tenure migrate` again"):
            await upgrade(empty_url, patience=Patience(tries=1))
    assert (await current(empty_url), await schema_of(empty_url)) == ("0005", before)

    await upgrade(empty_url)
    assert await current(empty_url) == head()


@asynccontextmanager
async def holding(url: str, table: str, mode: str = "access share") -> AsyncIterator[AsyncConnection]:
    """A transaction that stays open with a lock on a table."""
    engine = create_engine_from_url(url)
    async with engine.begin() as connection:
        await connection.execute(text(f"lock table {table} in {mode} mode"))
        yield connection
    await engine.dispose()


async def test_a_failed_migration_can_be_fixed_and_those_before_it_stay(empty_url: str, database_url: str) -> None:
    await upgrade(empty_url, "0006")
    await fill(empty_url, "create table pay_pages ()")

    with pytest.raises(ProgrammingError, match='"pay_pages" already exists') as failed:
        await upgrade(empty_url)

    assert "`tenure migrate` continues" in failed.value.__notes__[0]
    assert await current(empty_url) == "0008"
    assert any("handed_over_at" in entry for entry in await schema_of(empty_url))
    await fill(empty_url, "drop table pay_pages")
    await upgrade(empty_url)
    assert await schema_of(empty_url) == await schema_of(database_url)


async def test_a_briefly_locked_table_is_retried(empty_url: str) -> None:
    await upgrade(empty_url, "0006")
    told: asyncio.Queue[str] = asyncio.Queue()
    patience = Patience(lock_timeout=0.05, tries=1000, pause=0.01)

    async with holding(empty_url, "invoices"):
        migrating = asyncio.create_task(upgrade(empty_url, patience=patience, tell=told.put_nowait))
        assert "from version 0007 could not lock a table that others are using: trying again" in await told.get()
        assert await current(empty_url) == "0007", "what needs not the table is done"
    await migrating

    assert await current(empty_url) == head()


async def test_each_migration_has_its_own_attempts(empty_url: str) -> None:
    await upgrade(empty_url, "0006")
    told: list[str] = []
    async with AsyncExitStack() as both:
        first = await both.enter_async_context(holding(empty_url, "mails"))
        await both.enter_async_context(holding(empty_url, "invoices"))

        def let_the_first_go(words: str) -> None:
            told.append(words)
            if "0006" in words and not ending:
                ending.append(asyncio.create_task(first.commit()))

        ending: list[asyncio.Task[None]] = []
        with pytest.raises(GatewayUnavailable, match=r"from version 0007 .* in 10 attempts of at most 0\.1 s"):
            await upgrade(empty_url, patience=Patience(lock_timeout=0.1, tries=10, pause=0.1), tell=let_the_first_go)
    assert sum("0007" in words for words in told) == 9


async def test_a_migration_rolled_back_by_a_deadlock_is_retried(empty_url: str) -> None:
    await upgrade(empty_url, "0007")
    told: list[str] = []

    async with holding(empty_url, "reversals", "row exclusive") as other:
        await other.execute(text("set local deadlock_timeout = '1min'"))
        migrating = asyncio.create_task(
            upgrade(empty_url, patience=Patience(lock_timeout=60, pause=0), tell=told.append)
        )
        await until_one_waits(empty_url)  # for reversals, with invoices in hand
        await other.execute(text("select from invoices"))
    await migrating

    assert await current(empty_url) == head()
    assert "from version 0007 could not lock" in told[0]


async def test_one_process_migrates_at_a_time_however_many_transactions_it_has(empty_url: str) -> None:
    await upgrade(empty_url, "0006")
    told: asyncio.Queue[str] = asyncio.Queue()
    async with holding(empty_url, "invoices"):
        first = asyncio.create_task(upgrade(empty_url, patience=Patience(lock_timeout=60)))
        await until_one_waits(empty_url)
        assert await current(empty_url) == "0007"

        second = asyncio.create_task(upgrade(empty_url, tell=told.put_nowait))
        assert "another process is migrating" in await told.get()
        assert len(await waiting(empty_url)) == 1
    await asyncio.gather(first, second)

    assert await current(empty_url) == head()


async def test_a_process_that_dies_between_two_migrations_leaves_the_rest_to_the_next(
    empty_url: str, database_url: str
) -> None:
    await upgrade(empty_url, "0006")
    async with holding(empty_url, "invoices") as other:
        migrating = asyncio.create_task(upgrade(empty_url, patience=Patience(lock_timeout=60)))
        await other.execute(text(f"select pg_terminate_backend({await until_one_waits(empty_url)})"))
        with pytest.raises(GatewayUnavailable, match="database is out of reach"):
            await migrating
    assert await current(empty_url) == "0007"

    await upgrade(empty_url)

    assert await schema_of(empty_url) == await schema_of(database_url)


async def test_a_database_of_a_newer_release_stays_as_it_is(empty_url: str) -> None:
    await upgrade(empty_url)
    await fill(empty_url, "update alembic_version set version_num = '9999'")
    before = await schema_of(empty_url)

    await upgrade(empty_url)

    assert (await current(empty_url), await schema_of(empty_url)) == ("9999", before)


async def test_who_had_a_trial_before_trials_were_counted_is_known_by_the_first(empty_url: str) -> None:
    await upgrade(empty_url, "0001")
    await fill(empty_url, BEFORE_TRIALS_WERE_COUNTED)

    await upgrade(empty_url)

    engine = create_engine_from_url(empty_url)
    async with engine.connect() as connection:
        found = await connection.exec_driver_sql(
            "select kind, right(subscription::text, 1) as n, to_char(at at time zone 'UTC', 'MM-DD') as at"
            " from trials order by kind, n"
        )
        rows = [tuple(row) for row in found]
    assert rows == [("customer", "1", "01-01"), ("customer", "4", "02-01"), ("email", "1", "01-01")]
    trials = Trials(engine, TRIAL_KEY)
    marks = {
        (external_id, email): await trials.used(
            tenant="default", external_id=external_id, email=email, one_per=tuple(TrialMark), besides=NOBODYS
        )
        for external_id, email in (("ada", "new@example.com"), ("new", "ada@gmail.com"), ("paid", "paid@example.com"))
    }
    assert list(marks.values()) == [TrialMark.CUSTOMER, TrialMark.EMAIL, None]
    await engine.dispose()


async def test_indexes_of_lists_are_built_while_the_tables_are_written(empty_url: str) -> None:
    await upgrade(empty_url, BEFORE_INDEXES_OF_LISTS)
    async with holding(empty_url, "subscriptions", "row exclusive") as other:
        migrating = asyncio.create_task(upgrade(empty_url))
        await until_one_waits(empty_url)  # for the end of the other transaction
        await other.execute(text("update subscriptions set quantity = 2"))
        await fill(empty_url, "update subscriptions set quantity = 3; update mails set why_not = ''")
        assert not migrating.done()
    await migrating

    assert await current(empty_url) == head()


BEFORE_NEXT_ACTIONS = """
insert into customers (id, tenant, external_id, email, timezone, locale)
    select uuid_n(n), 'default', 'c' || n, 'ada@example.com', 'UTC', 'en' from generate_series(1, 2100) n;
insert into subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
        status_reason, access, sequence, state, created_at, next_actions)
    select uuid_n(n), 'default', uuid_n(n), 'starter', 'Starter', 'month', 1, 4900, 'usd', 'active', '', 'full', 1,
        '{}', now(), jsonb_build_array(
            jsonb_build_object('at', '2026-03-01T12:00:00Z', 'action', 'renew', 'why', ''),
            jsonb_build_object('at', '2026-03-01T15:00:00Z', 'action', 'ask_provider', 'why', n))
    from generate_series(1, 2100) n
"""


async def test_next_actions_of_before_are_dated_in_batches_and_those_of_an_older_worker_too(empty_url: str) -> None:
    await upgrade(empty_url, BEFORE_NEXT_ACTION_DATES)
    # As the migration names them, whatever the number of batches.
    uuid_n = "('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"
    await fill(empty_url, BEFORE_NEXT_ACTIONS.replace("uuid_n(n)", uuid_n))

    await upgrade(empty_url)

    engine = create_engine_from_url(empty_url)
    async with engine.begin() as connection:
        dated = text("select next_action_at::text from subscriptions")
        assert list(await connection.scalars(dated)) == ["2026-03-01 15:00:00+00"] * 2100
        await connection.exec_driver_sql("update subscriptions set next_actions = '[]'")
        assert list(await connection.scalars(dated)) == [None] * 2100
    await engine.dispose()


async def test_an_index_that_an_aborted_build_has_left_behind_is_built_again(
    empty_url: str, database_url: str, databases: Databases
) -> None:
    await upgrade(empty_url, BEFORE_INDEXES_OF_LISTS)
    await fill(empty_url, "create index ix_mails_queued on mails (subscription) where status = 'queued'")
    await fill(
        databases.by_superuser(empty_url),
        "update pg_index set indisvalid = false where indexrelid = 'ix_mails_queued'::regclass",
    )

    await upgrade(empty_url)

    engine = create_engine_from_url(empty_url)
    async with engine.connect() as connection:
        left = await connection.exec_driver_sql("select indexrelid::regclass from pg_index where not indisvalid")
        assert left.all() == []
    await engine.dispose()
    assert await schema_of(empty_url) == await schema_of(database_url)


async def test_a_login_that_may_not_create_the_extension_is_told_what_to_run(
    empty_url: str, databases: Databases
) -> None:
    await upgrade(empty_url, BEFORE_SEARCH)
    name, administrators_url = database_of(empty_url), databases.by_superuser(empty_url)
    # It may still create in the schema, as the owner of the tables that it is.
    await fill(administrators_url, f"grant create on schema public to {OWNER}")
    await fill(administrators_url, f"alter database {name} owner to current_user")
    try:
        with pytest.raises(GatewayUnavailable, match="administrator of PostgreSQL, run `CREATE EXTENSION pg_trgm`"):
            await upgrade(empty_url)
        assert await current(empty_url) == BEFORE_SEARCH

        await fill(administrators_url, "create extension pg_trgm")
        await upgrade(empty_url)
        assert await current(empty_url) == head()
    finally:
        await fill(administrators_url, f"alter database {name} owner to {OWNER}")


def database_of(url: str) -> str:
    return url.rpartition("/")[2]


BEFORE_ADDRESSES_WERE_IN_ASCII = """
    insert into customers (id, tenant, external_id, email, timezone, locale)
        select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'default', n, email, 'UTC', 'en'
        from (values (1, 'Ada+x@straße.example'), (2, 'paid@bücher.example'), (3, 'a@strasse.example'),
                     (4, 'a@☃.example'), (5, 'jürgen@example.com')) as customer (n, email);
    insert into subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,
                               status_reason, access, sequence, state, created_at)
        select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'default',
               ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'starter', 'Starter', 'month', 1, 4900, 'usd',
               'canceled', '', 'full', 1, '{}', '2026-01-01'
        from generate_series(1, 5) n;
    insert into trials (tenant, kind, digest, subscription, at)
        select 'default', 'email', 'old mark ' || n, ('10000000-0000-4000-8000-00000000000' || n)::uuid, '2026-01-01Z'
        from (values (1), (3), (4), (5)) as had (n)
"""


async def test_addresses_get_the_domain_that_mail_servers_know_and_trials_a_mark_of_it(empty_url: str) -> None:
    await upgrade(empty_url, "0010")
    await fill(empty_url, BEFORE_ADDRESSES_WERE_IN_ASCII)

    await upgrade(empty_url)

    engine = create_engine_from_url(empty_url)
    async with engine.connect() as connection:
        emails = (await connection.exec_driver_sql("select email from customers order by id")).scalars().all()
        marks = await connection.exec_driver_sql(
            "select right(subscription::text, 1), count(*), count(*) filter (where digest like 'old mark%%')"
            " from trials group by 1 order by 1"
        )
        rows = [tuple(row) for row in marks]
    assert emails == [
        "Ada+x@xn--strae-oqa.example",
        "paid@xn--bcher-kva.example",
        "a@strasse.example",
        "a@☃.example",
        "jürgen@example.com",
    ]
    assert rows == [("1", 2, 1), ("3", 1, 1), ("4", 1, 1), ("5", 1, 1)], "old marks stay, one is new"
    trials, one_per = Trials(engine, TRIAL_KEY), (TrialMark.EMAIL,)
    for email, mark in {
        "ada@xn--strae-oqa.example": TrialMark.EMAIL,
        "ada@strasse.example": None,
        "paid@xn--bcher-kva.example": None,
    }.items():
        assert await trials.used(tenant="default", external_id="new", email=email, one_per=one_per) == mark
    await engine.dispose()
