"""Designs of the log of usage beside each other: what a use costs, how large it is, and what forgetting costs."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg

from sandbox.postgres import Postgres

DESIGNS = {
    "today": "one table, batched deletes",
    "keys": "table of keys, days",
    "hashed": "16 by hash, batched deletes",
    "months": "30 days, earlier ones looked at",
}
FOLDER = Path(__file__).with_name("partition_designs")
ROWS, ROUNDS, A_ROUND = 420_000, 15, 1000
KEPT, AGED = timedelta(days=75), timedelta(days=30)


@dataclass
class Measured:
    """One design."""

    cpu: list[float] = field(default_factory=list)
    """Seconds of the database for a use, by round."""
    wal: list[float] = field(default_factory=list)
    """Bytes for a use, by round."""
    bytes: float = 0
    """Of table and indexes for a use that is kept."""
    forgetting: float = 0
    """Seconds for a day of uses, with the vacuum that follows."""
    forgetting_wal: float = 0
    """Bytes for a day of uses."""
    left: float = 0
    """Bytes of table and indexes afterwards, as a share of those before."""


async def measure(rows: int = ROWS) -> str:
    """Forget thirty days by each design, then count uses in turns."""
    with tempfile.TemporaryDirectory() as folder:
        async with Postgres(Path(folder), durable=False) as server:
            connection = await asyncpg.connect(server.superuser_url, ssl=False)
            measured = {name: Measured() for name in DESIGNS}
            await _fill(connection, rows)
            for name, one in measured.items():
                await _forget(connection, name, one, rows)
            for number in range(ROUNDS + 1):
                for name, one in measured.items():
                    await _a_round(connection, name, one if number else Measured())
            await connection.close()
    return "\n".join(_report(measured, rows))


async def _fill(connection: asyncpg.Connection, rows: int) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for name in ("common", *DESIGNS):
        await connection.execute((FOLDER / f"{name}.sql").read_text())
    for name in DESIGNS:
        await connection.execute(f"CALL fill_{name}($1, $2, $3)", today - KEPT - AGED, today, rows)
    await connection.execute("VACUUM (FREEZE, ANALYZE)")
    await connection.execute("CHECKPOINT")


async def _a_round(connection: asyncpg.Connection, name: str, one: Measured) -> None:
    count = await connection.prepare(f"SELECT use_{name}($1, $2)")
    keys = [str(uuid4()) for _ in range(A_ROUND)]
    before, wal = _cpu(connection), await _wal(connection)
    for number, key in enumerate(keys):
        if await count.fetchval(f"c{number}", key) is None:
            raise RuntimeError(f"{name} has not counted a new key")
    one.cpu.append((_cpu(connection) - before) / A_ROUND)
    one.wal.append((await _wal(connection) - wal) / A_ROUND)
    if await count.fetchval("c0", keys[-1]) is not None:
        raise RuntimeError(f"{name} has counted a key twice")


async def _forget(connection: asyncpg.Connection, name: str, one: Measured, rows: int) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    size, wal, began = await _size(connection, name), await _wal(connection), time.perf_counter()
    one.bytes = size / rows
    await connection.execute(f"CALL forget_{name}($1)", today - KEPT)
    for table in await _tables(connection, name):
        await connection.execute(f"VACUUM {table}")
    one.forgetting = (time.perf_counter() - began) / AGED.days
    one.forgetting_wal = (await _wal(connection) - wal) / AGED.days
    one.left = await _size(connection, name) / size


def _cpu(connection: asyncpg.Connection) -> float:
    """Seconds of CPU of the process that serves it, which has one thread: finer than its ticks."""
    return int(Path(f"/proc/{connection.get_server_pid()}/schedstat").read_text().split()[0]) / 1e9


async def _tables(connection: asyncpg.Connection, name: str) -> list[str]:
    wanted = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ $1 ORDER BY 1"
    return [row["relname"] for row in await connection.fetch(wanted, f"^{name}(_|$)")]


async def _size(connection: asyncpg.Connection, name: str) -> int:
    wanted = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r' AND relname ~ $1"
    return int(await connection.fetchval(wanted, f"^{name}(_|$)"))


async def _wal(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"))


def _report(measured: Mapping[str, Measured], rows: int) -> Iterator[str]:
    a_day = rows / (KEPT + AGED).days
    yield f"{rows} uses of {(KEPT + AGED).days} days; {ROUNDS} rounds of {A_ROUND} in turns; a day has {a_day:.0f} uses"
    yield (
        f"{'':<34}{'CPU us':>8}{'ratio':>7}{'WAL B':>8}{'bytes':>7}{'ratio':>7}"
        f"{'forget a day: ms':>18}{'WAL KB':>9}{'left':>7}"
    )
    first = measured["today"]
    for name, one in measured.items():
        yield (
            f"{DESIGNS[name]:<34}{_least(one.cpu) * 1e6:>8.0f}{_least(one.cpu) / _least(first.cpu):>7.2f}"
            f"{_least(one.wal):>8.0f}{one.bytes:>7.0f}{one.bytes / first.bytes:>7.2f}"
            f"{one.forgetting * 1000:>18.1f}{one.forgetting_wal / 1024:>9.1f}{one.left:>7.0%}"
        )


def _least(values: list[float]) -> float:
    """Of the round that was disturbed least."""
    return min(values)
