"""A plugin with a PostgreSQL server for the session, and as many fresh databases on it as the tests want.

`tests/conftest.py` names it: were its fixtures imported into several modules, each would start a server of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from liveness.pulse import NotAnswering
from sandbox.postgres import DATABASE, OWNER, Postgres
from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from storage.db.pooling import Turns
from storage.db.roles import DatabaseRole
from storage.schema.metadata import METADATA
from tests.harness.folders import data_folder, migrated_folder
from tests.harness.patience import until

END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> ALL ('{{{ours}}}'::int[]) AND backend_type = 'client backend'"
)
"""The server's own processes, such as autovacuum, are no business of the owner's."""
ERASING = "SET LOCAL tenure.erasing = 'yes'"
"""Without it the journal lets go of nothing."""
EMPTY_ALL = [f"DELETE FROM {table.name}" for table in reversed(METADATA.sorted_tables)]  # noqa: S608
FIRST_TENANT = "INSERT INTO tenants (id, name) VALUES ('default', 'default')"
MIGRATED = "migrated"
SET_ASIDE = (f"ALTER DATABASE {DATABASE} RENAME TO {MIGRATED}", f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
"""While somebody is connected to a database, it cannot be copied, and to the server's own many connect."""
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1"


class Migrated:
    """A database with all tables, and the engines of the tests that have it one after the other.

    A new connection takes longer than most tests: the server reads its catalogs again, and SQLAlchemy compiles every
    statement again.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engines: dict[DatabaseRole | None, AsyncEngine] = {}
        self._connected: set[int] = set()

    def engine(self, role: DatabaseRole | None) -> AsyncEngine:
        if role not in self._engines:
            engine = self._engines[role] = create_engine_from_url(self._url, role=role)
            event.listen(engine.sync_engine, "connect", self._note)
        return self._engines[role]

    async def until_answering(self) -> None:
        """Return once no engine takes the server for lost: each would refuse all that the next tests ask for."""
        watched = [turns.pulse for turns in map(Turns.of, self._engines.values()) if turns is not None]
        await until(lambda: not any(pulse.is_lost for pulse in watched))

    async def clear(self) -> None:
        """Empty all tables, and end all connections to them but those that the engines keep."""
        for role, engine in list(self._engines.items()):
            if engine.pool.checkedout():  # type: ignore[attr-defined]
                await self._engines.pop(role).dispose()
        try:
            await self._clear()
        except (OSError, NotAnswering, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError):
            # A test ended its connections, or left one in the midst of something; or a busy machine was too slow.
            await self.close()
            await self._clear()

    async def close(self) -> None:
        engines, self._engines = self._engines, {}
        self._connected.clear()
        for engine in engines.values():
            await engine.dispose()

    async def _clear(self) -> None:
        async with self.engine(None).connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            others = END_OTHERS.format(ours=",".join(map(str, sorted(self._connected))))
            await driver.execute("; ".join(["BEGIN", others, ERASING, *EMPTY_ALL, FIRST_TENANT, "COMMIT"]))

    def _note(self, connection: Any, _record: object) -> None:
        self._connected.add(connection.driver_connection.get_server_pid())


class Databases:
    """Fresh databases on one server. A cleared one is as good as new and much sooner there."""

    def __init__(self, server: Postgres, template: str | None = None) -> None:
        self._server = server
        self._template = template
        """A migrated database, to be copied."""
        self._numbers = count(1)
        self._migrated: dict[str, Migrated] = {}
        self._cleared: list[str] = []

    @property
    def superuser_url(self) -> str:
        return self._server.superuser_url

    def by_superuser(self, url: str) -> str:
        """The same database, reached as the server's superuser."""
        return f"{self.superuser_url.rpartition('/')[0]}/{url.rpartition('/')[2]}"

    async def empty(self) -> str:
        """The URL of a new database with nothing in it."""
        return await self._created("template1")

    async def migrated(self) -> str:
        """The URL of a database with all tables and no rows."""
        if self._cleared:
            url = self._cleared.pop()
            await self._migrated[url].until_answering()
            return url
        url = await self._created(self._template or "template1")
        await upgrade(url)
        self._migrated[url] = Migrated(url)
        return url

    def engine(self, url: str, role: DatabaseRole | None = None) -> AsyncEngine:
        """Connections to a migrated database, made as production makes them; they stay open for who has it next."""
        return self._migrated[url].engine(role)

    async def give_back(self, url: str) -> None:
        """Clear a migrated database for whoever needs one next; its tables must be as they were."""
        await self._migrated[url].clear()
        self._cleared.append(url)

    async def close(self) -> None:
        """Close the connections of all engines."""
        for migrated in self._migrated.values():
            await migrated.close()

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it: the server's autovacuum too, which is a superuser's."""
        name = url.rpartition("/")[2]
        await self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", self._server.superuser_url)

    async def _created(self, template: str) -> str:
        name = f"fresh_{next(self._numbers)}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"{self._server.url.rpartition('/')[0]}/{name}"

    async def _run(self, statement: str, url: str | None = None) -> None:
        connection = await asyncpg.connect(url or self._server.url)
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
    """A server of its own in a folder of its own, on which nothing was ever migrated; both are gone afterwards."""
    with data_folder() as folder:
        async with _served(folder) as databases:
            yield databases


@asynccontextmanager
async def _served(folder: Path, template: str | None = None) -> AsyncIterator[Databases]:
    async with Postgres(folder, durable=False) as server:
        connection = await asyncpg.connect(f"{server.superuser_url.rpartition('/')[0]}/postgres")
        # For tests of deadlocks.
        await connection.execute(f"GRANT SET ON PARAMETER deadlock_timeout TO {OWNER}")
        for statement in SET_ASIDE if template else ():
            await connection.execute(statement)
        await connection.close()
        databases = Databases(server, template)
        yield databases
        await databases.close()


@pytest_asyncio.fixture(scope="session")
async def databases() -> AsyncIterator[Databases]:
    """The session's server."""
    with migrated_folder() as folder:
        async with _served(folder, MIGRATED) as served:
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
