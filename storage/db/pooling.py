"""How a process uses its connections to PostgreSQL: how many, how long it waits, and what stands between."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import asyncpg
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from liveness.pulse import TICK, Call, Patience, Pulse

OPTION: Final = "tenure_turns"
"""The execution option under which an engine keeps its turns; engines made of it have it too."""


DEFAULT: Final = 20
"""Connections of a process."""
PATIENT: Final = Patience(before_asking=10.0, for_an_answer=5.0)
IMPATIENT: Final = Patience(before_asking=1.0, for_an_answer=1.0)


@dataclass(frozen=True)
class Pooling:
    """A process's connections; times are in seconds. These are a worker's: a step may wait, a caller may not."""

    connections: int = DEFAULT
    """The most that are open at once. Further users wait for a free one."""
    wait: float = 30.0
    """How long they wait while none becomes free."""
    connect: float = 10.0
    command: float = 30.0
    """For one statement."""
    patience: Patience = PATIENT
    by_transaction: bool = False
    """A pooler such as PgBouncer hands out its connections for one transaction each: nothing may be left on one."""

    @classmethod
    def for_callers(cls, connections: int = DEFAULT, *, by_transaction: bool = False) -> Self:
        """An API's: its callers repeat what fails, and must not wait for a database that hangs."""
        return cls(connections, 1.0, 2.0, 5.0, IMPATIENT, by_transaction)


FOR_STEPS: Final = Pooling()


class Turns:
    """The turns at the connections of one engine.

    A caller that has a turn has a connection of the pool. A wait ends with an error if no other turn has ended
    for a while, or after as long as a statement may take: in a crowd that is served, everybody is.
    """

    def __init__(self, pooling: Pooling, address: Mapping[str, Any]) -> None:
        self.pooling = pooling
        self.pulse = Pulse("PostgreSQL", lambda: _ask(address, pooling.patience), pooling.patience)
        self._calls: dict[ConnectionPoolEntry, Call] = {}
        """Of the connections in use. Not kept in their `info`: the pool clears it when it replaces a broken one."""
        self._taken = 0
        self._queue: dict[asyncio.Future[None], int] = {}
        self._looks = self._last_ended = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def most(self) -> int:
        """How many there are."""
        return self.pooling.connections

    @property
    def in_use(self) -> int:
        return self._taken

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(not waiter.done() for waiter in self._queue)

    @classmethod
    def of(cls, engine: AsyncEngine) -> Self | None:
        """The turns of an engine; None if it was made without."""
        turns = engine.get_execution_options().get(OPTION)
        return turns if isinstance(turns, cls) else None

    def watch(self, engine: AsyncEngine) -> None:
        """Give up the engine's connections that wait for a database that is lost, and make no new ones to it."""
        event.listen(engine.sync_engine, "checkout", self._checked_out)
        event.listen(engine.sync_engine, "checkin", self._returned)
        # A connection that is garbage while in use is never checked in.
        event.listen(engine.sync_engine, "detach", self._returned)
        event.listen(engine.sync_engine, "do_connect", self._check)
        event.listen(engine.sync_engine, "engine_disposed", self._disposed)

    def _checked_out(self, made: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        self._returned(None, record)  # once more for a connection that was made in place of a broken one
        self._calls[record] = self.pulse.begin(made.driver_connection.terminate)

    def _returned(self, _connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        call = self._calls.pop(record, None)
        if call is not None:
            self.pulse.end(call)

    def _disposed(self, _engine: Engine) -> None:
        self._calls.clear()
        self.pulse.forget()

    def _check(self, *_how: object) -> None:
        self.pulse.check()

    async def take(self) -> None:
        """Take a turn, for one use of a connection. A caller that has taken one calls `end`.

        Raises:
            NotAnswering: the database does not answer.
            TimeoutError: no connection became free.
        """
        self.pulse.check()
        if self._taken < self.pooling.connections:
            self._taken += 1
        else:
            await self._wait()

    def end(self) -> None:
        """Hand the turn to the caller that has waited longest."""
        self._last_ended = self._looks
        for waiter in self._queue:
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken -= 1

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue[waiter] = self._looks
        self._arm()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.end()
            raise
        finally:
            del self._queue[waiter]

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._look)

    def _look(self) -> None:
        self._timer = None
        # Counted and not timed: while we ourselves are too busy to serve anybody, no time goes by.
        self._looks += 1
        for waiter, since in self._queue.items():
            is_stuck = (self._looks - max(since, self._last_ended)) * TICK > self.pooling.wait
            if not waiter.done() and (is_stuck or (self._looks - since) * TICK > self.pooling.command):
                waiter.set_exception(TimeoutError("no connection to the database became free"))
        if self._queue:
            self._arm()


async def _ask(address: Mapping[str, Any], patience: Patience) -> None:
    """Have the database say something, on a connection of its own.

    Raises:
        OSError: it is not there, or does not answer.
    """
    try:
        connection = await asyncpg.connect(**address, timeout=patience.for_an_answer)
    except asyncpg.PostgresError:
        return  # an answer, if not a kind one
    try:
        await connection.execute("select 1")
    finally:
        connection.terminate()
