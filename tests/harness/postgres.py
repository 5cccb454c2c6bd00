"""A PostgreSQL server for the session, and as many fresh databases on it as the tests want.

Import the fixtures into a `conftest.py` by name: `from tests.harness.postgres import database_url, databases`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest_asyncio

from sandbox.postgres import Postgres
from storage.migrating import upgrade

MIGRATED = "migrated"
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1"


class Databases:
    """Fresh databases on one server: copying an empty, migrated one takes a few hundredths of a second."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._numbers = count(1)
        self._has_template = False

    def url_of(self, name: str) -> str:
        return f"{self._server.url.rpartition('/')[0]}/{name}"

    async def empty(self) -> str:
        """The URL of a new database with nothing in it."""
        return await self._create("template1")

    async def migrated(self) -> str:
        """The URL of a new database with all tables and no rows."""
        if not self._has_template:
            await self._run(f"CREATE DATABASE {MIGRATED}")
            await upgrade(self.url_of(MIGRATED))
            self._has_template = True
        return await self._create(MIGRATED)

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        await self._run(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    async def _create(self, template: str) -> str:
        name = f"fresh_{next(self._numbers)}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url_of(name)

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url_of("postgres"))
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
    async with asyncio.timeout(10):
        while not (pids := await waiting(url)):
            pass
    return pids[0]


@asynccontextmanager
async def serve_databases() -> AsyncIterator[Databases]:
    """A server of its own in a folder of its own; both are gone afterwards.

    Not in pytest's `tmp_path`: as root, PostgreSQL runs as another user, for whom the folders above are opened.
    """
    with TemporaryDirectory(prefix="tenure-test-") as folder:
        async with Postgres(Path(folder), durable=False) as server:
            yield Databases(server)


@pytest_asyncio.fixture(scope="session")
async def databases() -> AsyncIterator[Databases]:
    """The session's server."""
    async with serve_databases() as served:
        yield served


@pytest_asyncio.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A fresh, migrated database of the test's own."""
    url = await databases.migrated()
    yield url
    await databases.drop(url)
