"""An hour in which nothing happens: what everything that runs by itself writes ahead, over copied lives."""

import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from bench.growth.as_lived import note_a_pass, reconcile_an_hour
from bench.growth.kept import kept
from bench.growth.rows import filled, progress
from bench.growth.runs import A_RUN_WITHIN, run
from bench.results import Comparison, Result
from bench.side_by_side import CATALOG, POLICY
from domain.names import report_usage_schedule_id, roll_up_schedule_id, sweep_schedule_id
from domain.reconciliation.runs import RunReport
from sandbox.options import Options
from sandbox.stack import Stack

SUBSCRIPTIONS: Final = 100_000
BAR: Final = 10_000_000
"""Bytes that an idle hour of this many may write ahead."""
AN_HOUR: Final[Mapping[str, float]] = {
    sweep_schedule_id(): 60,
    report_usage_schedule_id(): 12,
    roll_up_schedule_id(): 1 / 6,
}
"""How often each runs, beside the hourly reconciliation."""
TRIES: Final = 5
"""How often what runs each minute or so is measured."""
RECONCILIATION: Final = "reconciliation"


@dataclass(frozen=True)
class Measured:
    """What was written ahead, in bytes of an hour."""

    subscriptions: int
    by: Mapping[str, float]
    reconciled: RunReport

    @property
    def wal(self) -> float:
        return sum(self.by.values())


async def measure(number: int = SUBSCRIPTIONS) -> Result:
    """Copy lives until this many subscriptions are there, and let an hour of nothing pass."""
    return await kept("growth hour", "An hour in which nothing happens", number, _measure, at_least=SUBSCRIPTIONS)


async def _measure(number: int) -> Result:
    say = progress()
    with tempfile.TemporaryDirectory() as folder:
        # Durable, as in production: whole pages are written after a checkpoint.
        async with filled(Options(Path(folder), CATALOG, POLICY, ui=False), number, say=say) as stack:
            found = await _hour(stack, say)
    bar = BAR * found.subscriptions / SUBSCRIPTIONS
    comparison = Comparison(
        f"WAL of an idle hour at {found.subscriptions:,} subscriptions", found.wal, bar, "bar", "bytes"
    )
    failure = f"an idle hour writes {found.wal:,.0f} bytes ahead, not {bar:,.0f}" if comparison.is_behind else ""
    return Result(report(found), comparisons=[comparison], failure=failure)


async def _hour(stack: Stack, say: Callable[[str], None]) -> Measured:
    await note_a_pass(stack)
    say("an hour is reconciled, so that the next one has nothing to catch up with")
    await reconcile_an_hour(stack)
    connection = await asyncpg.connect(stack.postgres.superuser_url, command_timeout=600)
    try:
        await connection.execute("VACUUM ANALYZE")
        # What that has left behind in the catalogs is not of the hour.
        await connection.execute("VACUUM")
        subscriptions = await connection.fetchval("SELECT count(*) FROM subscriptions")
        by = {}
        for schedule, times in AN_HOUR.items():
            say(schedule)
            tries = 1 if times < 1 else TRIES
            by[schedule] = times * await _written(connection, [_runs(stack, schedule)] * tries) / tries
        say(RECONCILIATION)
        reports: list[RunReport] = []

        async def reconcile() -> None:
            reports.append(await reconcile_an_hour(stack))

        by[RECONCILIATION] = await _written(connection, [reconcile])
    finally:
        await connection.close()
    return Measured(subscriptions, by, reports[0])


def _runs(stack: Stack, schedule: str) -> Callable[[], Awaitable[object]]:
    return lambda: run(stack, schedule, within=A_RUN_WITHIN)


async def _written(connection: asyncpg.Connection, runs: Sequence[Callable[[], Awaitable[object]]]) -> int:
    """The bytes that these write ahead, after a checkpoint: of each page that is touched, the first time all of it."""
    await connection.execute("CHECKPOINT")
    began = await connection.fetchval("SELECT pg_current_wal_insert_lsn()")
    for each in runs:
        await each()
    written = await connection.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", began)
    return int(written)


def report(found: Measured) -> str:
    it, differing = found.reconciled, found.reconciled.count()
    lines = [f"{found.subscriptions:,} subscriptions, and nothing happens", "", f"{'run':<32}{'bytes an hour':>16}"]
    lines += [f"{name:<32}{wal:>16,.0f}" for name, wal in found.by.items()]
    lines += [
        f"{'all':<32}{found.wal:>16,.0f}",
        "",
        f"reconciled: {it.agreements:,} agreements, {it.subscriptions:,} subscriptions, {differing:,} differences",
        *(f"    {kind}: {sum(counts.values()):,}" for kind, counts in it.found.items()),
        f"at most {BAR:,} at {SUBSCRIPTIONS:,} subscriptions",
    ]
    return "\n".join(lines)
