"""A row of a tenant for any table, whatever its columns are."""

from collections.abc import Mapping

import asyncpg
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from storage.schema.metadata import METADATA

TENANTS = ("acme", "zenith")
TABLES: Mapping[str, Table] = {table.name: table for table in METADATA.sorted_tables if "tenant" in table.c}
DIALECT = dialect()  # type: ignore[no-untyped-call]
_ANY = {
    "UUID": "gen_random_uuid()",
    "TEXT": "'any'",
    "INTEGER": "1",
    "SMALLINT": "1",
    "BIGINT": "1",
    "BOOLEAN": "false",
    "DATE": "'2026-03-01'",
    "TIMESTAMP WITH TIME ZONE": "'2026-03-01 12:00:00Z'",
    "JSONB": "'[]'",
    "JSON": "'{}'",
    "BYTEA": "''",
}


def insert_of(table: Table, tenant: str) -> str:
    """The statement that puts a row into a table."""
    columns = [column for column in table.c if column.computed is None and column.identity is None]
    names = ", ".join(f'"{column.name}"' for column in columns)
    values = ", ".join(_value(column.name, column.type.compile(DIALECT), tenant) for column in columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({values})"  # noqa: S608 - of our own tables


def _value(name: str, kind: str, tenant: str) -> str:
    if name == "tenant":
        return f"'{tenant}'"
    # Unique, whatever the table's key is.
    return "gen_random_uuid()::text" if kind == "TEXT" else "'{}'" if kind.endswith("[]") else _ANY[kind]


async def fill(superuser: asyncpg.Connection, tenant: str) -> None:
    """Put a row of the tenant into every table that has tenants.

    Only who may see the row matters: what else a row must be is checked no more in this database.
    """
    for table in TABLES.values():
        await superuser.execute(_UNCHECKED.format(table=table.name))
        await superuser.execute(f"SET session_replication_role = replica; {insert_of(table, tenant)}")


_UNCHECKED = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass
        AND (contype = 'c' AND conname <> 'ck_{table}_tenant' OR contype = 'f')
    LOOP EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name); END LOOP;
END $$
"""
