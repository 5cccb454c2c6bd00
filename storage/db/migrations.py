"""Migrates a database to a version of its schema and back, with Alembic."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from domain.errors import GatewayUnavailable
from storage.db.engine import session, transaction
from storage.db.roles import ensure_roles
from storage.db.urls import async_url, connect_timeout

MIGRATIONS = Path(__file__).parents[2] / "migrations"
ADVISORY_LOCK = 7_314_420_190
"""The advisory lock that keeps two processes from migrating at once."""
LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
"""Like its base class: nothing was changed, and it is more likely to succeed with less write traffic."""
NEEDS_ADMINISTRATOR = ("42501", "0A000", "58P01")
"""Not permitted, not supported by this server, or a file of the server is missing: the migration says what to do."""
MAX_TIMEOUT = 2**31 - 1
"""PostgreSQL's maximum for a timeout, in milliseconds."""
PARTITIONS = {"tenure_audit_partitions": 24, "tenure_usage_partitions": 3}
"""Functions that make partitions, and for how many months ahead; what comes after them is kept in one that has no end.
Those of usage are made by the roll-up too."""
POLL_SECONDS = 0.2
"""Seconds between checks for another process that is migrating."""


@dataclass(frozen=True)
class Patience:
    """How long a migration waits for locks held by others.

    Everybody queues behind a waiting migration. So it waits briefly, and retries after a pause that lets them through.
    """

    lock_timeout: float = 5.0
    """Seconds for one lock; a migration may set fewer."""
    tries: int = 5
    """Attempts per migration."""
    pause: float = 2.0
    """Seconds between two attempts."""

    @property
    def milliseconds(self) -> int:
        """The timeout for PostgreSQL, where 0 would mean forever."""
        return min(max(round(self.lock_timeout * 1000), 1), MAX_TIMEOUT)


def ignore_progress(_message: str) -> None:
    """Ignores progress messages."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def is_known(version: str) -> bool:
    """True if this release has the version, as its newest or an earlier one."""
    return any(script.revision == version for script in _scripts().walk_revisions())


def head() -> str:
    """The newest version of this release."""
    newest = _scripts().get_current_head()
    if newest is None:
        raise RuntimeError(f"there are no migrations in {MIGRATIONS}")
    return newest


async def upgrade(
    url: str, revision: str = "head", *, patience: Patience = Patience(), tell: Callable[[str], None] = ignore_progress
) -> None:
    """Migrates the database to a version, and creates the roles of the processes. Safe if several do it at once.

    Each migration is its own transaction, so that only its own tables are locked. An aborted run leaves a complete
    version, and the next run continues from there. A database migrated by a newer release stays as it is. *tell*
    receives what is being waited for.

    Raises:
        GatewayUnavailable: it cannot be reached, or is so busy that a table could not be locked.
        GatewayForbidden: the login may not create the roles.
    """
    # A connection parameter: a pooler, which shares session locks between clients, rejects it.
    engine = _engine(url, server_settings={"lock_timeout": str(patience.milliseconds)})
    try:
        async with session(engine) as connection:
            await ensure_roles(connection)
            await _lock_migrations(connection, tell)
            await _apply_all(connection, revision, patience, tell)
            await _make_partitions(connection)
    finally:
        await engine.dispose()


def _engine(url: str, **arguments: object) -> AsyncEngine:
    return create_async_engine(async_url(url), connect_args=arguments | connect_timeout(url))


async def _make_partitions(connection: AsyncConnection) -> None:
    """Makes the partitions of the months to come: every release is migrated to sooner than those of the audit end."""
    for function, months in PARTITIONS.items():
        if await connection.scalar(text(f"SELECT to_regprocedure('{function}(integer)') IS NOT NULL")):
            await connection.execute(text(f"SELECT {function}({months})"))
    await connection.commit()


async def _lock_migrations(connection: AsyncConnection, tell: Callable[[str], None]) -> None:
    """Takes a lock that lasts as long as the connection, across its transactions.

    It polls: waiting inside a statement would hold a snapshot, and an index built CONCURRENTLY would wait for its end.
    """
    has_reported = False
    while True:
        async with connection.begin():
            if await connection.scalar(text(f"select pg_try_advisory_lock({ADVISORY_LOCK})")):
                return
        if not has_reported:
            tell("another process is migrating the database: waiting for it to finish")
            has_reported = True
        await asyncio.sleep(POLL_SECONDS)


async def _apply_all(
    connection: AsyncConnection, revision: str, patience: Patience, tell: Callable[[str], None]
) -> None:
    stuck_at, tries = None, 0
    while busy := await connection.run_sync(_apply, revision):
        at = await connection.run_sync(_version)
        tries = tries + 1 if tries and at == stuck_at else 1
        stuck_at = at
        step = f"the step from version {at or 'none'}"
        if tries == patience.tries:
            raise GatewayUnavailable(
                f"{step} could not lock a table that others are using, in {tries} attempts of at most "
                f"{patience.lock_timeout:g} s, and was rolled back: end the transaction that has been open for long "
                "(in pg_stat_activity, by xact_start), then run `tenure migrate` again; it continues from there",
                code="database_unavailable",
            ) from busy
        tell(f"{step} could not lock a table that others are using: trying again in {patience.pause:g} s")
        await asyncio.sleep(patience.pause)


def _apply(connection: Connection, revision: str) -> DBAPIError | None:
    """Applies migrations one after the other, until none is left or one cannot get its locks."""
    try:
        at = _version(connection)
        if at is None or is_known(at):
            command.upgrade(_config(connection), revision)
    except Exception as error:
        if isinstance(error, DBAPIError) and _is_busy(error):
            connection.rollback()
            return error
        if isinstance(error, DBAPIError) and _sqlstate(error) in NEEDS_ADMINISTRATOR and hasattr(error, "__notes__"):
            connection.rollback()
            raise GatewayUnavailable(f"{error.__notes__[0]} ({error.orig})", code="database_unavailable") from error
        error.add_note("This migration was rolled back. Once the cause is fixed, `tenure migrate` continues with it.")
        raise
    return None


def _version(connection: Connection) -> str | None:
    at = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()  # a transaction started here would keep Alembic from starting its own
    return at


def _is_busy(error: DBAPIError) -> bool:
    return _sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK)


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


async def downgrade(url: str, revision: str) -> None:
    """Migrates the database back to a version, in one transaction.

    Raises:
        GatewayUnavailable: as with `upgrade`; nothing was changed.
    """

    def run(connection: Connection) -> None:
        connection.execute(text(f"select pg_advisory_xact_lock({ADVISORY_LOCK})"))
        command.downgrade(_config(connection), revision)

    engine = _engine(url)
    try:
        async with transaction(engine) as connection:
            await connection.run_sync(run)
    except DBAPIError as error:
        if not _is_busy(error):
            raise
        raise GatewayUnavailable(
            "a transaction that has been open for long is using a table to be changed, and waiting for it would block "
            "others; nothing was changed: run this again once it has ended",
            code="database_unavailable",
        ) from error
    finally:
        await engine.dispose()


async def current(url: str) -> str | None:
    """The version of the database; None if it is empty."""
    engine = _engine(url)
    try:
        async with transaction(engine) as connection:
            return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    finally:
        await engine.dispose()
