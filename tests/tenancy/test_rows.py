"""Nobody sees or touches another tenant's rows, whatever the statement says: PostgreSQL sees to it, table by table."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from storage.db.roles import DatabaseRole
from storage.schema.metadata import METADATA
from storage.schema.tenant_tables import OF_THE_INSTALLATION
from tests.tenancy.rows import TABLES, TENANTS, insert_of

MINE, THEIRS = TENANTS
REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.RaiseError)
"""By a policy, or by a table that nobody may change."""


async def connected(url: str, role: DatabaseRole) -> asyncpg.Connection:
    return await asyncpg.connect(url, server_settings={"role": role.value})


async def done(connection: asyncpg.Connection, statement: str) -> int:
    """How many rows a statement has changed; none if it was refused. Nothing of it stays."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return int((await connection.execute(statement)).rpartition(" ")[2])
    except REFUSED:
        return 0
    finally:
        await transaction.rollback()


async def of_mine(connection: asyncpg.Connection) -> None:
    """From here to the end of the connection's transaction."""
    await connection.execute("SELECT set_config('tenure.tenant', $1, true)", MINE)


@pytest_asyncio.fixture
async def app(filled: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the API, without a tenant."""
    connection = await connected(filled, DatabaseRole.APPLICATION)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def mine(app: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The same in a transaction for one tenant."""
    transaction = app.transaction()
    await transaction.start()
    await of_mine(app)
    yield app
    await transaction.rollback()


@pytest.mark.parametrize("table", TABLES)
async def test_a_tenant_sees_its_own_rows_alone(mine: asyncpg.Connection, table: str) -> None:
    rows = await mine.fetch(f"SELECT tenant FROM {table}")  # noqa: S608
    assert [row["tenant"] for row in rows] == [MINE]


@pytest.mark.parametrize("table", TABLES)
async def test_a_tenant_changes_and_removes_no_row_of_another(mine: asyncpg.Connection, table: str) -> None:
    theirs = f"WHERE tenant = '{THEIRS}'"
    for statement in (f"UPDATE {table} SET tenant = tenant {theirs}", f"DELETE FROM {table} {theirs}"):  # noqa: S608
        assert await done(mine, statement) == 0


@pytest.mark.parametrize("table", TABLES)
async def test_a_tenant_writes_no_row_of_another(mine: asyncpg.Connection, table: str) -> None:
    for statement in (insert_of(TABLES[table], THEIRS), f"UPDATE {table} SET tenant = '{THEIRS}'"):  # noqa: S608
        with pytest.raises(REFUSED):
            async with mine.transaction():
                await mine.execute(statement)


@pytest.mark.parametrize("had_one", [False, True], ids=["never", "in an earlier transaction"])
@pytest.mark.parametrize("table", TABLES)
async def test_nobody_sees_or_writes_anything_without_a_tenant(
    app: asyncpg.Connection, table: str, had_one: bool
) -> None:
    if had_one:
        async with app.transaction():
            await of_mine(app)
    assert await app.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    for statement in (f"UPDATE {table} SET tenant = tenant", f"DELETE FROM {table}"):  # noqa: S608
        assert await done(app, statement) == 0
    for tenant in (*TENANTS, ""):
        with pytest.raises((*REFUSED, asyncpg.CheckViolationError)):
            await app.execute(insert_of(TABLES[table], tenant))


@pytest.mark.parametrize("table", TABLES)
async def test_no_row_is_without_a_tenant_whoever_writes_it(filled: str, table: str) -> None:
    connection = await connected(filled, DatabaseRole.SYSTEM)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(insert_of(TABLES[table], ""))
    await connection.close()


@pytest.mark.parametrize("table", TABLES)
async def test_the_systems_role_sees_every_tenant(filled: str, table: str) -> None:
    connection = await connected(filled, DatabaseRole.SYSTEM)
    rows = await connection.fetch(f"SELECT tenant FROM {table}")  # noqa: S608
    assert {row["tenant"] for row in rows} == set(TENANTS)
    await connection.close()


@pytest.mark.parametrize("table", sorted(OF_THE_INSTALLATION))
async def test_the_application_reads_what_belongs_to_the_installation_and_changes_nothing(
    app: asyncpg.Connection, table: str
) -> None:
    await app.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
    for statement in (f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM {table}"):  # noqa: S608
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)


# Tables to come

UNPROTECTED = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> ALL ($1)
    AND NOT (
        c.relrowsecurity AND c.relforcerowsecurity
        AND (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid)
            = '{every_tenant,own_tenant}'
        AND EXISTS (
            SELECT FROM pg_constraint k
            WHERE k.conrelid = c.oid AND k.conname = 'ck_' || c.relname || '_tenant' AND k.convalidated
        )
    )
"""


async def unprotected(connection: asyncpg.Connection) -> set[str]:
    return {row["relname"] for row in await connection.fetch(UNPROTECTED, list(OF_THE_INSTALLATION))}


async def test_every_table_has_its_policies_or_belongs_to_the_installation(composed: str) -> None:
    connection = await asyncpg.connect(composed)
    assert await unprotected(connection) == set(), "have its migration call `SELECT tenure_protect('its_name')`"
    assert set(METADATA.tables) == set(TABLES) | set(OF_THE_INSTALLATION) - {"alembic_version"}
    await connection.close()


async def test_a_new_table_is_noticed_until_its_migration_protects_it(composed: str) -> None:
    connection = await asyncpg.connect(composed)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        "CREATE TABLE letters (tenant text NOT NULL CONSTRAINT ck_letters_tenant CHECK (tenant <> ''))"
    )
    assert await unprotected(connection) == {"letters"}
    await connection.execute("SELECT tenure_protect('letters')")
    assert await unprotected(connection) == set()
    await transaction.rollback()
    await connection.close()


# Dumps

HIDDEN = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND row_security_active(c.oid)
    AND NOT EXISTS (
        SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd IN ('r', '*')
            AND pg_get_expr(p.polqual, p.polrelid) = 'true' AND pg_has_role(p.polroles[1], 'USAGE')
    )
"""
"""Tables of which a dump, which reads each partition by itself, would silently lack the rows."""


async def test_the_owner_sees_the_rows_of_every_table_as_a_dump_reads_it(composed: str) -> None:
    owner = await asyncpg.connect(composed)
    assert await owner.fetch(HIDDEN) == [], "give it a policy for tenure_system, each partition too"
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "CREATE TABLE usage_log_1999_12 PARTITION OF usage_log FOR VALUES FROM ('1999-12-01Z') TO ('2000-01-01Z')"
    )
    await owner.execute("ALTER TABLE usage_log_1999_12 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    assert [row["relname"] for row in await owner.fetch(HIDDEN)] == ["usage_log_1999_12"]
    await transaction.rollback()
    await owner.close()


# Data steps of migrations


async def test_a_data_step_changes_the_rows_of_every_tenant(filled: str) -> None:
    owner = await asyncpg.connect(filled)
    counted, change = "SELECT count(*) FROM customers", "UPDATE customers SET name = 'changed'"
    assert await owner.fetchval("SELECT tenure_change($1, $2)", counted, change) == len(TENANTS)
    assert await owner.fetchval("SELECT current_user") == "composed"
    await owner.close()


async def test_a_data_step_fails_when_it_changes_fewer_rows_than_it_must(filled: str) -> None:
    owner = await asyncpg.connect(filled)
    counted, change = "SELECT count(*) FROM customers", f"UPDATE customers SET name = 'new' WHERE tenant = '{MINE}'"  # noqa: S608
    with pytest.raises(asyncpg.RaiseError, match="changed 1 of 2 rows"):
        await owner.execute("SELECT tenure_change($1, $2)", counted, change)
    assert await owner.fetchval("SELECT count(*) FROM customers WHERE name = 'new'") == 0
    await owner.close()
