"""A PostgreSQL server for the session, and as many fresh databases on it as the tests want.

Import the fixtures into a `conftest.py` by name: `from tests.harness.postgres import database_url, databases`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import pytest_asyncio

from sandbox.postgres import OWNER, Postgres
from storage.db.migrations import upgrade
from storage.schema.metadata import METADATA
from tests.harness.folders import data_folder
from tests.harness.patience import until

END_ALL_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
"""The server's own processes, such as autovacuum, are no business of the owner's."""
ERASING = "SET LOCAL tenure.erasing = 'yes'"
"""Without it the journal lets go of nothing."""
EMPTY_ALL = [f"DELETE FROM {table.name}" for table in reversed(METADATA.sorted_tables)]  # noqa: S608
FIRST_TENANT = "INSERT INTO tenants (id, name) VALUES ('default', 'default')"
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1"


class Databases:
    """Fresh databases on one server. A cleared one is as good as new and much sooner there."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._numbers = count(1)
        self._cleared: list[str] = []

    @property
    def superuser_url(self) -> str:
        return self._server.superuser_url

    async def empty(self) -> str:
        """The URL of a new database with nothing in it."""
        name = f"fresh_{next(self._numbers)}"
        await self._run(f"CREATE DATABASE {name}")
        return f"{self._server.url.rpartition('/')[0]}/{name}"

    async def migrated(self) -> str:
        """The URL of a database with all tables and no rows."""
        if self._cleared:
            return self._cleared.pop()
        url = await self.empty()
        await upgrade(url)
        return url

    async def give_back(self, url: str) -> None:
        """Clear a migrated database for whoever needs one next; its tables must be as they were."""
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("; ".join(["BEGIN", END_ALL_OTHERS, ERASING, *EMPTY_ALL, FIRST_TENANT, "COMMIT"]))
        finally:
            await connection.close()
        self._cleared.append(url)

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        await self._run(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def waiting(url: str) -> list[int]:
    """The processes of a database's server that wait for a lock which another connection holds."""
    base, _, name = url.rpartition("/")
    connection = await asyncpg.connect(f"{base}/postgres")
    try:
        rows = await connection.fetch(WAITING, name)
    finally:
        await connection.close()
    return [row["pid"] for row in rows]


async def until_one_waits(url: str) -> int:
    """The process that waits for a lock, as soon as there is one."""
    await until(lambda: waiting(url))
    return (await waiting(url))[0]


@asynccontextmanager
async def serve_databases() -> AsyncIterator[Databases]:
    """A server of its own in a folder of its own; both are gone afterwards."""
    with data_folder() as folder:
        async with Postgres(folder, durable=False) as server:
            connection = await asyncpg.connect(server.superuser_url)
            # For tests of deadlocks.
            await connection.execute(f"GRANT SET ON PARAMETER deadlock_timeout TO {OWNER}")
            await connection.close()
            yield Databases(server)


@pytest_asyncio.fixture(scope="session")
async def databases() -> AsyncIterator[Databases]:
    """The session's server."""
    async with serve_databases() as served:
        yield served


@pytest_asyncio.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A database of the test's own, with all tables and no rows. Whoever changes its tables takes another."""
    url = await databases.migrated()
    yield url
    await databases.give_back(url)


@pytest_asyncio.fixture
async def empty_url(databases: Databases) -> AsyncIterator[str]:
    """A new database of the test's own, with nothing in it."""
    url = await databases.empty()
    yield url
    await databases.drop(url)
