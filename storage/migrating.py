"""Bringing a database to a version of its schema and back, with Alembic."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from domain.errors import GatewayUnavailable
from storage.engine import async_url, transaction

MIGRATIONS = Path(__file__).parents[1] / "migrations"
ONE_AT_A_TIME = 7_314_420_190
"""The advisory lock that keeps two processes from migrating at once."""
LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
"""Like the other: nothing was changed, and it goes better when less is written at once."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def is_known(version: str) -> bool:
    """Whether this release has a version, as its newest or an earlier one."""
    return any(script.revision == version for script in _scripts().walk_revisions())


def head() -> str:
    """The newest version there is."""
    newest = _scripts().get_current_head()
    if newest is None:
        raise RuntimeError(f"there are no migrations in {MIGRATIONS}")
    return newest


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database up to a version; safe when several processes do it at once.

    Raises:
        GatewayUnavailable: it is out of reach, or so much in use that a table could not be had; nothing was changed.
    """
    await _migrate(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    await _migrate(url, lambda config: command.downgrade(config, revision))


async def current(url: str) -> str | None:
    """The version the database is at; None when it is empty."""
    engine = create_async_engine(async_url(url))
    try:
        async with transaction(engine) as connection:
            return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    finally:
        await engine.dispose()


async def _migrate(url: str, step: Callable[[Config], None]) -> None:
    def run(connection: Connection) -> None:
        connection.execute(text(f"select pg_advisory_xact_lock({ONE_AT_A_TIME})"))
        step(_config(connection))

    engine = create_async_engine(async_url(url))
    try:
        async with transaction(engine) as connection:
            await connection.run_sync(run)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in (LOCK_NOT_AVAILABLE, DEADLOCK):
            raise
        raise GatewayUnavailable(
            "a transaction that has been open for long keeps a table that is to be changed, and nobody was to wait "
            "behind us for it; nothing was changed: run it again when that has ended",
            code="database_unavailable",
        ) from error
    finally:
        await engine.dispose()
