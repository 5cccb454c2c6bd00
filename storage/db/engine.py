"""How we reach PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from domain.errors import GatewayUnavailable

CONNECTIONS = 20
"""Of one process at most; who comes while all are in use waits."""
CONNECT_WITHIN = 10.0
ANSWER_TIMEOUT = 30.0
"""Seconds: a server that is gone without a word must not keep a webhook, or a step, waiting for ever."""
ASK_AFTER = 5.0
"""Seconds: a connection that was not used for longer may be broken without our having been told."""
SCHEMES = ("postgresql+asyncpg", "postgresql", "postgres")
TRY_AGAIN = ("08", "25006", "28", "3D000", "40", "53", "57")
"""How the SQLSTATEs begin after which the same may work later: connection lost, read-only while another server takes
over, not let in, no such database, rolled back for another transaction, out of resources, server going down or up."""

GONE = ("08", "57P")
"""How the SQLSTATEs begin with which a connection ends."""


def async_url(url: str) -> str:
    """The URL with asyncpg as its driver, and `sslmode`, as most providers write it, by asyncpg's name for it.

    Raises:
        ValueError: it is no PostgreSQL URL.
    """
    if url.partition("://")[0] not in SCHEMES:
        raise ValueError("a database URL begins with postgresql://")
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("a database URL reads postgresql://user:password@host:port/database") from None
    query = {"ssl" if name == "sslmode" else name: value for name, value in parsed.query.items()}
    return parsed.set(drivername=SCHEMES[0], query=query).render_as_string(hide_password=False)


def create_engine_from_url(url: str) -> AsyncEngine:
    # Parameters hold names and addresses, which belong into no error message.
    engine = create_async_engine(
        async_url(url),
        # None beyond these: such are closed again after each use, and to open one costs more than to wait for one.
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"timeout": CONNECT_WITHIN, "command_timeout": ANSWER_TIMEOUT},
    )
    event.listen(engine.sync_engine, "checkin", _note_use)
    event.listen(engine.sync_engine, "checkout", _check)
    return engine


def _note_use(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = monotonic()


def _check(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Take no connection that is broken. SQLAlchemy's own check asks the server three times before every use."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
    if monotonic() - record.info.get("used_at", monotonic()) > ASK_AFTER:
        try:
            connection.ping()
        except Exception as error:  # whatever it is: another connection will do
            raise InvalidatePoolError from error


class Deadlock(GatewayUnavailable):
    """Another transaction waited for this one as it waited for that: rolled back, and may be tried again at once."""


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed when the block ends well.

    Raises:
        GatewayUnavailable: the database cannot be reached, or dropped us; nothing was committed that we know of.
    """
    async with _reached(), engine.begin() as connection:
        yield connection


def single(engine: AsyncEngine) -> AsyncEngine:
    """The same engine, with the same connections, for `statement`."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose transactions are the caller's to begin and end.

    Raises:
        GatewayUnavailable: as of `transaction`.
    """
    async with _reached(), engine.connect() as connection:
        yield connection


@asynccontextmanager
async def statement(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of a `single` engine: each statement is a transaction, and nothing else goes over the wire.

    Raises:
        GatewayUnavailable: as of `transaction`.
    """
    async with _reached(), engine.connect() as connection:
        yield connection


async def fetch(engine: AsyncEngine, query: str, *values: object) -> list[asyncpg.Record]:
    """The rows of one statement that is a transaction by itself, from the driver: for what is asked all the time.

    Parameters are `$1`, `$2` and so on. It takes a connection of the same pool, and half the time of a `statement`.

    Raises:
        GatewayUnavailable: as of `transaction`.
    """

    def ask() -> list[asyncpg.Record]:
        pooled = engine.sync_engine.raw_connection()
        connection: asyncpg.Connection = pooled.driver_connection
        try:
            return await_only(connection.fetch(query, *values))
        except BaseException as error:
            # Unless the statement alone was at fault: nobody knows what the connection would answer to the next one.
            if not _is_at_fault(error) or connection.is_closed():
                pooled.invalidate()
            if isinstance(error, asyncpg.InterfaceError) and connection.is_closed():
                raise ConnectionError(str(error)) from error
            raise
        finally:
            pooled.close()

    async with _reached():
        return await greenlet_spawn(ask)


@asynccontextmanager
async def _reached() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not _may_work_later(error):
            raise
        raise _unavailable(error.orig) from error
    except asyncpg.DeadlockDetectedError as error:
        raise Deadlock(f"the database rolled back: {error}", code="database_unavailable") from error
    except asyncpg.PostgresError as error:
        if not str(error.sqlstate).startswith(TRY_AGAIN):
            raise
        raise _unavailable(error) from error
    except (PoolTimeout, OSError) as error:
        raise _unavailable(error) from error


def _is_at_fault(error: BaseException) -> bool:
    """Whether it is the statement that failed, on a connection that is as good as before."""
    if isinstance(error, asyncpg.PostgresError):
        return not str(error.sqlstate).startswith(GONE)
    return isinstance(error, asyncpg.InterfaceError)


def _may_work_later(error: DBAPIError) -> bool:
    """False when the statement itself is at fault, as with a value that does not fit its column."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or isinstance(error, OperationalError) or state.startswith(TRY_AGAIN)


def _unavailable(cause: BaseException | None) -> GatewayUnavailable:
    return GatewayUnavailable(f"the database is out of reach: {cause}", code="database_unavailable")
