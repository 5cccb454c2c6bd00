"""How we reach PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from domain.errors import GatewayUnavailable

CONNECTIONS = 20
"""Of one process at most; who comes while all are in use waits."""
CONNECT_WITHIN = 10.0
ANSWER_WITHIN = 30.0
"""Seconds: a server that is gone without a word must not keep a webhook, or a step, waiting for ever."""
ASK_AFTER = 5.0
"""Seconds: a connection that was not used for longer may be broken without our having been told."""
SCHEMES = ("postgresql+asyncpg", "postgresql", "postgres")
TRY_AGAIN = ("08", "25006", "28", "3D000", "40", "53", "57")
"""How the SQLSTATEs begin after which the same may work later: connection lost, read-only while another server takes
over, not let in, no such database, rolled back for another transaction, out of resources, server going down or up."""


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
        connect_args={"timeout": CONNECT_WITHIN, "command_timeout": ANSWER_WITHIN},
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
async def statement(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of a `single` engine: each statement is a transaction, and nothing else goes over the wire.

    Raises:
        GatewayUnavailable: as of `transaction`.
    """
    async with _reached(), engine.connect() as connection:
        yield connection


@asynccontextmanager
async def _reached() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not _may_work_later(error):
            raise
        raise _unavailable(error.orig) from error
    except (PoolTimeout, OSError) as error:
        raise _unavailable(error) from error


def _may_work_later(error: DBAPIError) -> bool:
    """False when the statement itself is at fault, as with a value that does not fit its column."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or isinstance(error, OperationalError) or state.startswith(TRY_AGAIN)


def _unavailable(cause: BaseException | None) -> GatewayUnavailable:
    return GatewayUnavailable(f"the database is out of reach: {cause}", code="database_unavailable")
