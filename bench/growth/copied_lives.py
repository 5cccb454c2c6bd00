"""Many customers in PostgreSQL: the lives of a crowd, copied row by row, with ids and moments of their own.

What a row holds, and how many of each kind a life leaves, is what the product itself has written.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import DateTime, LargeBinary, Text, Uuid

from sandbox.crowd.filling import Crowd
from storage.revenue.counting import STANDING, outcomes
from storage.schema.metadata import METADATA

MARK: Final = "§"
"""Stands in a template for what differs from copy to copy."""
SUMS: Final = (
    *("mrr_roll_up", "mrr_daily", "mrr_movers", "mrr_cohorts", "mrr_standing"),
    *("outcome_changes", "outcome_daily"),
)
"""Made again from what was copied."""
OF_ALL: Final = ("usage_statistics", "discrepancies", "usage_border_keys")
"""Not of one life, or not to be told of whose: the last is only of the days about the end of a month."""
KEPT_FOR: Final[Mapping[str, tuple[str, timedelta]]] = {
    "events": ("at", timedelta(days=30)),
    "webhook_inbox": ("received_at", timedelta(days=35)),
}
"""What is no longer there after so long is not copied."""
DATED_BY_CALENDAR: Final = ("usage", "usage_log", "usage_events", "usage_notices", "usage_samples")
"""Their moments are of days and months: they stay."""
ONE_OF_MANY: Final = 20
"""A life as only few have it, such as one that is blocked, has so much fewer copies."""
MOST_EARLIER: Final = timedelta(days=25)
"""So much earlier than its template a copy may be; those that have ended ten times as much."""
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)")
_HEX: Final = re.compile(r"\b[0-9a-f]{8}(?=[0-9a-f]{24,56}\b)")
_REF: Final = re.compile(r"\b((?:cus|sub|in|evt|ch|pi|py|du|dp|re|cs|seti|si|pm|ii|il)_)(?=[A-Za-z0-9]{6})")
_LEAVE_INDEXES: Final = """
    UPDATE pg_index SET indisready = false, indisvalid = false FROM pg_class indexes
    WHERE indexes.oid = indexrelid AND indexes.relkind = 'i'
      AND indrelid IN (SELECT relid FROM unnest($1::text[]) AS names, pg_partition_tree(names::regclass))
"""
"""As in the middle of CREATE INDEX CONCURRENTLY; REINDEX makes them whole. Constraints stay, and references to them."""
_WAITS_TO_BE_SENT: Final = """
    SELECT EXISTS (SELECT FROM usage_notices WHERE told_at IS NULL)
        OR EXISTS (SELECT FROM mails WHERE status = 'queued')
"""
SENT_WITHIN: Final = 600
"""Seconds. What is not sent on the spot is sent by the sweep, some minutes later."""
_WHILE_COPYING: Final[Mapping[str, str]] = {
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "full_page_writes": "off",
    "fsync": "off",
    "autovacuum": "off",
}
"""Settings of the server until all is written."""
SEARCHED: Final = 20
"""So much longer takes a row that is found by any of its letters."""
AT_ONCE: Final = 2
"""This many tables are copied at the same time."""


@dataclass
class _Life:
    """Of one customer of the crowd."""

    ids: set[str]
    names: tuple[str, ...]
    """Their external id and address."""
    earlier_by: timedelta
    copies: int = 0


@dataclass
class _Template:
    """The rows of a table that are copied."""

    table: Table
    columns: Sequence[Column[Any]]
    rows: list[tuple[list[str | None], _Life]] = field(default_factory=list)

    @property
    def weight(self) -> int:
        """How long it takes: rows, and more if they are searched by their letters."""
        is_searched = any(index.dialect_options["postgresql"].get("using") == "gin" for index in self.table.indexes)
        return sum(life.copies for _, life in self.rows) * (SEARCHED if is_searched else 1)


@dataclass(frozen=True)
class Copied:
    """What was written."""

    subscriptions: int
    rows: Mapping[str, int]
    """By table."""


async def copy(
    superuser_url: str,
    crowd: Crowd,
    number: int,
    *,
    seconds: float = 7200,
    say: Callable[[str], None] = lambda _text: None,
) -> Copied:
    """Copy the lives of a crowd until about *number* subscriptions are there, and build indexes and statistics.

    As the superuser, who may leave out what checks each row: they are right as they are copied. *say* is given what is
    being done.
    """
    async with asyncpg.create_pool(
        superuser_url, command_timeout=seconds, min_size=AT_ONCE, max_size=AT_ONCE, setup=_leave_checks
    ) as pool:
        await _all_is_sent(pool)
        lives = await _lives(pool)
        _share_out(lives, crowd, number)
        templates = await _templates(pool, lives)
        async with _writing_fast(pool):
            await pool.execute(_LEAVE_INDEXES, [each.table.name for each in templates])
            rows = await _copied_all(pool, templates, say)
        await pool.execute(f"TRUNCATE {', '.join(SUMS)}")
        # Without its triggers, nothing was counted.
        counted = [each.noted_as for each in (STANDING, outcomes("UTC"))]
        await pool.execute("DELETE FROM installation WHERE name = ANY ($1)", counted)
    return Copied(rows["subscriptions"], rows)


async def _all_is_sent(pool: asyncpg.Pool) -> None:
    """Wait until no mail of the lives waits: each of its copies would be sent as well."""
    async with asyncio.timeout(SENT_WITHIN):
        while True:
            if not await pool.fetchval(_WAITS_TO_BE_SENT):
                return
            await asyncio.sleep(1)


async def _leave_checks(connection: asyncpg.Connection) -> None:
    await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    await connection.execute("SET maintenance_work_mem = '512MB'")


@asynccontextmanager
async def _writing_fast(pool: asyncpg.Pool) -> AsyncIterator[None]:
    """Have the server write as nothing in production may, and all of it be on disk in the end."""
    try:
        for name, value in _WHILE_COPYING.items():
            await pool.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        await pool.execute("SELECT pg_reload_conf()")
        yield
    finally:
        for name in _WHILE_COPYING:
            await pool.execute(f"ALTER SYSTEM RESET {name}")
        await pool.execute("SELECT pg_reload_conf()")
        await pool.execute("CHECKPOINT")


async def _copied_all(
    pool: asyncpg.Pool, templates: Sequence[_Template], say: Callable[[str], None]
) -> Mapping[str, int]:
    """Copy every table with its indexes, the largest first; returns how many rows were written to each."""
    waiting = sorted(templates, key=lambda each: each.weight)
    rows: dict[str, int] = {}

    async def next_ones() -> None:
        while waiting:
            template = waiting.pop()
            name, began = template.table.name, time.perf_counter()
            async with pool.acquire() as connection:
                rows[name] = await _copied(connection, template)
                await connection.execute(f"REINDEX TABLE {name}")
                await connection.execute(f"VACUUM ANALYZE {name}")
            took = time.perf_counter() - began
            say(f"{name}: {rows[name]:,} rows copied in {took:.0f} s, {len(waiting)} tables to go")

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(next_ones())
    return rows


async def _lives(connection: asyncpg.Pool) -> list[_Life]:
    found = await connection.fetch(
        "SELECT c.id::text, c.external_id, c.email, c.customer_ref, array_agg(s.id::text) AS subscriptions,"
        " array_agg(s.agreement_ref) AS agreements, bool_and(s.status = 'canceled') AS is_over,"
        " min(s.next_action_at) AS next FROM customers c JOIN subscriptions s ON s.customer = c.id GROUP BY c.id"
    )
    now = datetime.now(UTC) + timedelta(hours=3)
    lives = []
    for row in found:
        ids = {row["id"], row["customer_ref"], *row["subscriptions"], *row["agreements"]} - {"", None}
        ahead = MOST_EARLIER if row["next"] is None else row["next"] - now
        earlier = MOST_EARLIER * 10 if row["is_over"] else max(min(ahead, MOST_EARLIER), timedelta(0))
        lives.append(_Life(ids, (row["external_id"], row["email"]), earlier))
    return lives


def _share_out(lives: Sequence[_Life], crowd: Crowd, number: int) -> None:
    """Say how many copies there are of each."""
    special = {each.external_id for each in crowd.members if each.role}
    weights = [1 if life.names[0] in special else ONE_OF_MANY for life in lives]
    for life, weight in zip(lives, weights, strict=True):
        life.copies = max(round(number * weight / sum(weights)), 1)


async def _templates(connection: asyncpg.Pool, lives: Sequence[_Life]) -> list[_Template]:
    """The rows of every table that name somebody of the crowd, or what belongs to them."""
    by_id = {id_: life for life in lives for id_ in (*life.ids, *life.names)}
    named = re.compile("|".join(re.escape(each) for each in sorted(by_id, key=len, reverse=True)))
    found = []
    for table in METADATA.sorted_tables:
        if table.name in (*SUMS, *OF_ALL):
            continue
        template = _Template(table, [each for each in table.columns if each.computed is None and not each.identity])
        column, kept = KEPT_FOR.get(table.name, ("", timedelta(0)))
        recent = f" WHERE {column} > now() - interval '{kept.total_seconds()} seconds'" if column else ""
        shown = ", ".join(_as_text(each) for each in template.columns)
        for row in await connection.fetch(f"SELECT {shown} FROM {table.name}{recent}"):  # noqa: S608 - our own names
            match = next((hit for value in row if value and (hit := named.search(value))), None)
            if match is not None:
                life = by_id[match.group()]
                template.rows.append(([_marked(value, life) for value in row], life))
                by_id |= dict.fromkeys(_own_id(table, row), life)
        if template.rows:
            found.append(template)
            named = re.compile("|".join(re.escape(each) for each in sorted(by_id, key=len, reverse=True)))
    return found


def _own_id(table: Table, row: Sequence[str]) -> Iterator[str]:
    """What other rows name it by."""
    if "id" in table.columns and isinstance(table.c.id.type, Uuid):
        yield row[0]


def _as_text(column: Column[Any]) -> str:
    if isinstance(column.type, LargeBinary):
        return f"convert_from({column.name}, 'UTF8')"
    return f"{column.name}::text"


def _marked(value: str | None, life: _Life) -> str | None:
    if value is None:
        return None
    for name in life.names:
        value = value.replace(name, f"{MARK}-{name}")
    for pattern in (_UUID, _HEX):
        value = pattern.sub(MARK, value)
    return _REF.sub(rf"\g<1>{MARK}", value)


async def _copied(connection: asyncpg.Connection, template: _Template) -> int:
    """Copy its rows: the templates first into a table of their own, then each as often as its life is."""
    table, columns = template.table, template.columns
    marked = {index: any(MARK in (values[index] or "") for values, _ in template.rows) for index in range(len(columns))}
    declared = ", ".join(
        f"{each.name} {'text' if marked[index] else _type(each)}" for index, each in enumerate(columns)
    )
    await connection.execute(f"CREATE TEMPORARY TABLE template ({declared}, earlier interval, copies integer)")
    given = ", ".join(
        f"${index + 1}::text{'' if marked[index] else '::' + _type(each)}" for index, each in enumerate(columns)
    )
    last = len(columns)
    await connection.executemany(
        f"INSERT INTO template VALUES ({given}, ${last + 1}, ${last + 2})",  # noqa: S608
        [(*values, _earlier(table, life), life.copies) for values, life in template.rows],
    )
    made = ", ".join(_made(each, marked=marked[index]) for index, each in enumerate(columns))
    names = ", ".join(each.name for each in columns)
    # In turns, as rows of many lives come in. What differs is worked out once of each turn, and not of each column.
    await connection.execute(
        "CREATE TEMPORARY TABLE turns AS"
        " SELECT n, lpad(to_hex((n * 2654435761) % 4294967296), 8, '0') AS mark,"
        " ((n * 0.6180339887) % 1)::double precision AS part"
        " FROM (SELECT max(copies) AS most FROM template) AS all_of_them, generate_series(1, most) AS n ORDER BY n"
    )
    written = await connection.execute(
        f"INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE SELECT {made}"  # noqa: S608
        " FROM turns JOIN template ON n <= copies"
    )
    await connection.execute("DROP TABLE template; DROP TABLE turns")
    return int(written.rpartition(" ")[2])


def _earlier(table: Table, life: _Life) -> timedelta:
    partitioned = bool(table.dialect_options["postgresql"].get("partition_by"))
    return timedelta(0) if table.name in DATED_BY_CALENDAR or partitioned else life.earlier_by


def _type(column: Column[Any]) -> str:
    return column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]


def _made(column: Column[Any], *, marked: bool) -> str:
    if isinstance(column.type, LargeBinary):
        text = f"replace({column.name}, '{MARK}', mark)" if marked else column.name
        return f"convert_to({text}, 'UTF8')" if marked else column.name
    if marked:
        replaced = f"replace({column.name}, '{MARK}', mark)"
        return replaced if isinstance(column.type, Text) else f"{replaced}::{_type(column)}"
    if isinstance(column.type, DateTime):
        return f"{column.name} - earlier * part"
    return column.name
