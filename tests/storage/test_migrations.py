"""The schema's way up and down, and that it is what the code believes it to be."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from domain.errors import GatewayUnavailable
from domain.policy import TrialMark
from sandbox.processes import free_port
from storage.engine import create_engine_from_url
from storage.migrating import current, downgrade, head, upgrade
from storage.schema import METADATA
from storage.trials import Trials

ROOT = Path(__file__).parents[2]
NOBODYS = "20000000-0000-4000-8000-000000000000"
OBJECTS = """
    select 'column', table_name, column_name, data_type || ' ' || is_nullable || coalesce(column_default, '')
        from information_schema.columns where table_schema = 'public'
    union all
    select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
    union all select 'function', '', proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace
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
    return list(compare_metadata(MigrationContext.configure(connection), METADATA))


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

    # Alembic does not compare checks: make the tables by the code alone and lay both side by side.
    engine = create_engine_from_url(empty_url)
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()
    by_code, migrated = await schema_of(empty_url), await schema_of(database_url)
    assert by_code - migrated == set()
    assert {entry[0] for entry in migrated - by_code} == {"function", "trigger"}


async def test_nothing_changes_when_a_migrated_database_is_migrated_again(empty_url: str) -> None:
    await upgrade(empty_url)
    before = await schema_of(empty_url)

    await upgrade(empty_url)

    assert await schema_of(empty_url) == before
    assert await current(empty_url) == head()


async def test_both_end_well_when_two_processes_migrate_at_once(empty_url: str, database_url: str) -> None:
    program = "import asyncio, sys; from storage.migrating import upgrade; asyncio.run(upgrade(sys.argv[1]))"
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


async def test_who_had_a_trial_before_trials_were_counted_is_known_by_the_first(empty_url: str) -> None:
    await upgrade(empty_url, "0001")
    engine = create_engine_from_url(empty_url)
    async with engine.begin() as connection:
        for statement in filter(str.strip, BEFORE_TRIALS_WERE_COUNTED.split(";")):
            await connection.exec_driver_sql(statement)

    await upgrade(empty_url)

    async with engine.connect() as connection:
        found = await connection.exec_driver_sql(
            "select kind, right(subscription::text, 1) as n, to_char(at at time zone 'UTC', 'MM-DD') as at"
            " from trials order by kind, n"
        )
        rows = [tuple(row) for row in found]
    assert rows == [("customer", "1", "01-01"), ("customer", "4", "02-01"), ("email", "1", "01-01")]
    trials = Trials(engine)
    marks = {
        (external_id, email): await trials.used(
            tenant="default", external_id=external_id, email=email, one_per=tuple(TrialMark), besides=NOBODYS
        )
        for external_id, email in (("ada", "new@example.com"), ("new", "ada@gmail.com"), ("paid", "paid@example.com"))
    }
    assert list(marks.values()) == [TrialMark.CUSTOMER, TrialMark.EMAIL, None]
    await engine.dispose()
