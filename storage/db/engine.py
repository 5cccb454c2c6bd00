"""Connections to PostgreSQL, and statements on them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from enum import Enum, auto
from functools import cache, partial
from pathlib import Path
from time import monotonic
from typing import Any, Final

import asyncpg
from sqlalchemy import ARRAY, ColumnElement, Text, TextClause, bindparam, cast, event, make_url, text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from domain.errors import GatewayUnavailable
from liveness.pulse import NotAnswering
from storage.db.pooling import FOR_STEPS, OPTION, Pooling, Turns
from storage.db.roles import DatabaseRole, connect_as
from storage.db.urls import async_url, connect_timeout

CHECK_IDLE_AFTER = 5.0
"""Seconds. A connection that was idle for longer may be broken without notice."""
TRANSIENT = ("08", "25006", "28", "3D000", "40", "53", "57")
"""Prefixes of SQLSTATEs that may succeed later: connection lost, read-only during a failover, login refused, no such
database, rolled back because of another transaction, out of resources, server shutting down or starting up."""

LISTS_WITHIN: Final = 2.0
"""Seconds for a statement that reads a list or figures: one that takes longer keeps others waiting."""
_STATEMENT_TIMEOUT: Final = text("select set_config('statement_timeout', :within, true)")
_BY_INDEXES: Final = text(
    "select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('join_collapse_limit', '1', true), set_config('max_parallel_workers_per_gather', '0', true)"
)
CONNECTION_ENDED = ("08", "57P")
"""Prefixes of SQLSTATEs that end the connection."""

_ROLE, _TENANT = "tenure_role", "tenure_tenant"
"""Execution options of an engine."""
_SET_TENANT = text("SELECT set_config('tenure.tenant', :tenant, true)")
"""For the transaction: a setting kept on the connection would reach the next tenant."""


class Scope(Enum):
    """What a transaction of the application's role may see, if not the rows of one tenant."""

    INSTALLATION = auto()
    """Tables that belong to no tenant."""


def create_engine_from_url(url: str, pooling: Pooling = FOR_STEPS, *, role: DatabaseRole | None = None) -> AsyncEngine:
    """An engine whose connections have the rights of *role*; None: of the login of the URL, whatever they are.

    It connects on first use. Behind a pooler the login has the role's rights by itself.
    """
    made = make_url(async_url(url))
    timeouts = {"timeout": pooling.connect, "command_timeout": pooling.command} | connect_timeout(url)
    options: dict[str, Any] = {**timeouts, **_for_pooler(pooling)}
    if role is not None:
        options["async_creator_fn"] = partial(connect_as, role)
        if not pooling.by_transaction:
            options["server_settings"] = {"role": role.value}
    # Parameters contain names and addresses, which do not belong in error messages.
    engine = create_async_engine(
        made,
        # No overflow: such connections are closed after each use, and opening one costs more than waiting.
        pool_size=pooling.connections,
        max_overflow=0,
        pool_timeout=pooling.wait,
        hide_parameters=True,
        connect_args=options,
    )
    turns = Turns(pooling, engine.dialect.create_connect_args(made)[1])
    turns.watch(engine)
    event.listen(engine.sync_engine, "checkin", _note_use)
    event.listen(engine.sync_engine, "checkout", _check)
    return engine.execution_options(**{OPTION: turns, _ROLE: role})


def _for_pooler(pooling: Pooling) -> dict[str, Any]:
    """What the driver has to do without behind a pooler: prepared statements stay with the server's connection."""
    if not pooling.by_transaction:
        return {}
    # Without a name, a statement that was prepared is replaced by the next one: no other client's is in the way.
    return {"statement_cache_size": 0, "prepared_statement_cache_size": 0, "prepared_statement_name_func": str}


def _note_use(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = monotonic()


def _check(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Skips broken connections. SQLAlchemy's own check makes three round trips before every use."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
    if monotonic() - record.info.get("used_at", monotonic()) > CHECK_IDLE_AFTER:
        try:
            connection.ping()
        except Exception as error:  # whatever it is: another connection will do
            raise InvalidatePoolError from error


class Deadlock(GatewayUnavailable):
    """A deadlock: rolled back, and may be retried at once."""


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, tenant: str | Scope | None = None, *, statements_within: float = 0.0
) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed at the end of the block unless it raises.

    As the application's role it is for one *tenant* and sees no other's rows. The system's role sees every row.
    *statements_within* is how many seconds the server may take for each of its statements; 0: as long as the driver
    waits.

    Raises:
        GatewayUnavailable: the database cannot be reached, or has dropped the connection; as far as we know, nothing
            was committed.
    """
    async with _Reached(engine), engine.begin() as connection:
        await _confine(connection, engine, tenant)
        if statements_within:
            # Of this transaction alone, so that it does not stay on a connection that others use.
            await connection.execute(_STATEMENT_TIMEOUT, {"within": str(round(statements_within * 1000))})
        yield connection


async def _confine(connection: AsyncConnection, engine: AsyncEngine, tenant: str | Scope | None) -> None:
    options = engine.get_execution_options()
    if options.get(_ROLE) is not DatabaseRole.APPLICATION:
        return
    tenant = tenant or options.get(_TENANT)
    if not tenant:
        # Rather than to answer as if there were nothing.
        raise RuntimeError("a transaction of the application's role is for a tenant: name it, or Scope.INSTALLATION")
    if tenant is not Scope.INSTALLATION:
        await connection.execute(_SET_TENANT, {"tenant": tenant})


def of_tenant(engine: AsyncEngine, tenant: str) -> AsyncEngine:
    """The same engine and connections, whose transactions are for one tenant unless they name another."""
    return engine.execution_options(**{_TENANT: tenant})


@asynccontextmanager
async def listing(engine: AsyncEngine, tenant: str | None = None) -> AsyncIterator[AsyncConnection]:
    """A transaction in which a page of a list is read, within `LISTS_WITHIN`; by the system's role of every tenant.

    Whatever the planner believes about a table, it is read by its indexes alone, and joined in the order in which the
    statement names it: what finds the rows of a page comes first.

    Raises:
        GatewayUnavailable: as with `transaction`; or it took longer.
    """
    async with transaction(engine, tenant, statements_within=LISTS_WITHIN) as connection:
        await connection.execute(_BY_INDEXES)
        yield connection


def single(engine: AsyncEngine) -> AsyncEngine:
    """The same engine and connections, in autocommit mode, for `statement`."""
    return engine if _by_transaction(engine) else engine.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose transactions the caller controls.

    Raises:
        GatewayUnavailable: as with `transaction`.
    """
    async with _Reached(engine), engine.connect() as connection:
        yield connection


@asynccontextmanager
async def statement(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of a `single` engine: each statement is its own transaction, without further round trips.

    For the system's role: a statement of the application's role could not say which tenant it is for.

    Raises:
        GatewayUnavailable: as with `transaction`.
    """
    if engine.get_execution_options().get(_ROLE) is DatabaseRole.APPLICATION:
        raise RuntimeError("a statement of the application's role needs a transaction, which sets the tenant")
    async with _Reached(engine), engine.begin() if _by_transaction(engine) else engine.connect() as connection:
        yield connection


async def fetch(engine: AsyncEngine, query: str, *values: object) -> list[asyncpg.Record]:
    """The rows of one statement in autocommit mode, straight from the driver: for frequent queries.

    Parameters are `$1`, `$2` and so on. Uses a connection of the same pool, and takes half the time of a `statement`.
    It calls a function that sets the tenant before it looks at any row (`migrations/functions`).

    Raises:
        GatewayUnavailable: as with `transaction`.
    """
    fetched = _fetch_in_transaction if _by_transaction(engine) else asyncpg.Connection.fetch

    def ask() -> list[asyncpg.Record]:
        pooled = engine.sync_engine.raw_connection()
        connection: asyncpg.Connection = pooled.driver_connection
        try:
            return await_only(fetched(connection, query, *values))
        except BaseException as error:
            # Unless only the statement was at fault: the connection may be in an unknown state.
            if not _is_at_fault(error) or connection.is_closed():
                pooled.invalidate()
            if isinstance(error, asyncpg.InterfaceError) and connection.is_closed():
                raise ConnectionError(str(error)) from error
            raise
        finally:
            pooled.close()

    async with _Reached(engine):
        return await greenlet_spawn(ask)


async def _fetch_in_transaction(connection: asyncpg.Connection, query: str, *values: object) -> list[asyncpg.Record]:
    """As one transaction: to prepare a statement and to execute it, a pooler might choose two connections."""
    async with connection.transaction():
        return list(await connection.fetch(query, *values))


def _by_transaction(engine: AsyncEngine) -> bool:
    turns = Turns.of(engine)
    return turns is not None and turns.pooling.by_transaction


class _Reached:
    """A block in which a connection is used, for which it has a turn, and whose errors are ours.

    A class, because `asynccontextmanager` takes several times as long, and each use of the database pays for it.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._turns = Turns.of(engine)

    async def __aenter__(self) -> None:
        if self._turns is None:
            return
        try:
            await self._turns.take()
        except (OSError, NotAnswering) as error:
            raise _unavailable(error) from error

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._turns is not None:
            self._turns.end()
        translated = None if error is None else _translated(error)
        if translated is not None:
            raise translated from error


def _translated(error: BaseException) -> GatewayUnavailable | None:
    """The matching error from `domain.errors`; None when it is not about reaching the database."""
    match error:
        case DBAPIError():
            return _unavailable(error.orig) if _is_transient(error) else None
        case asyncpg.DeadlockDetectedError():
            return Deadlock(f"the database rolled back: {error}", code="database_unavailable")
        # The first by `fetch`, which connects without SQLAlchemy's own errors.
        case AsyncAdapt_asyncpg_dbapi.Error() | asyncpg.PostgresError():
            is_transient = str(getattr(error, "sqlstate", "")).startswith(TRANSIENT)
            return _unavailable(error) if is_transient else None
        case PoolTimeout() | OSError() | NotAnswering():
            return _unavailable(error)
    return None


def _is_at_fault(error: BaseException) -> bool:
    """True if only the statement failed, and the connection is intact."""
    if isinstance(error, asyncpg.PostgresError):
        return not str(error.sqlstate).startswith(CONNECTION_ENDED)
    return isinstance(error, asyncpg.InterfaceError)


def _is_transient(error: DBAPIError) -> bool:
    """False if the statement itself is at fault, e.g. with a value that does not fit its column."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or isinstance(error, OperationalError) or state.startswith(TRANSIENT)


def _unavailable(cause: BaseException | None) -> GatewayUnavailable:
    return GatewayUnavailable(f"the database is out of reach: {cause}", code="database_unavailable")


@cache
def sql(file: Path) -> str:
    """The statement in a file, with parameters `$1`, `$2` and so on: for `storage.db.engine.fetch`."""
    return file.read_text()


@cache
def sql_text(file: Path) -> TextClause:
    """The statement in a file, with named parameters."""
    return text(file.read_text())


def texts(values: Iterable[str]) -> ColumnElement[Any]:
    """An array of texts, in order, in one parameter: the statement stays the same however many there are."""
    return cast(bindparam(None, list(values), type_=ARRAY(Text)), ARRAY(Text))
