"""Many rows: time and plan of every statement that the API, the sweep and the regular runs execute."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import text

from bench.growth.as_lived import note_a_pass, reconcile_an_hour
from bench.growth.copied_lives import copy
from bench.growth.every_endpoint import answered, reader, requests
from bench.growth.explained import Executions, Statement, explain_all, explain_nothing
from bench.growth.kept import kept
from bench.growth.runs import A_RUN_WITHIN, Run, run
from bench.results import Comparison, Result
from bench.side_by_side import CATALOG, POLICY
from domain.names import reconcile_schedule_id, roll_up_schedule_id
from sandbox.crowd.filling import fill
from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import Stack, running
from services.schedules import RunStatus, schedule_ids
from storage.revenue.roll_up import RevenueRollUpRecords

ROWS: Final = 100_000
"""Subscriptions."""
LIVES: Final = 100
"""That are lived, and then copied."""
ROUNDS: Final = 3
BAR_MS: Final = 200.0
BAR_ROWS: Final = 1_000_000
"""At this many subscriptions no statement takes longer."""
BIG: Final = 10_000
"""A table with this many rows is big: nothing reads it from end to end."""
SHOWN: Final = 20
TRIES: Final = 5
"""Of a request that the API is too busy to answer."""
SERVER_ERROR: Final = 500
KEPT: Final = Path(".bench")
_SIZES = text(
    "SELECT coalesce(parent.relname, own.relname) AS name, sum(own.reltuples)::bigint AS rows,"
    " sum(pg_total_relation_size(own.oid))::bigint AS bytes"
    " FROM pg_class own LEFT JOIN pg_inherits ON inhrelid = own.oid LEFT JOIN pg_class parent ON parent.oid = inhparent"
    " WHERE own.relkind = 'r' AND own.relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 3 DESC"
)


@dataclass(frozen=True)
class Size:
    """Of a table, with its indexes and partitions."""

    name: str
    rows: int
    bytes: int

    @property
    def of_a_row(self) -> float:
        return self.bytes / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Measured:
    """What was measured of this many rows."""

    subscriptions: int
    sizes: Sequence[Size]
    statements: Sequence[Statement]
    """The slowest first."""
    runs: Sequence[Run]

    @property
    def barred(self) -> list[Statement]:
        """What somebody waits for, or runs each hour or more often; the roll-up runs every six."""
        return [each for each in self.statements if each.of != roll_up_schedule_id()]

    @property
    def slow(self) -> list[Statement]:
        return [each for each in self.barred if each.milliseconds > BAR_MS]

    @property
    def slow_roll_up(self) -> list[Statement]:
        return [each for each in self.statements if each.milliseconds > BAR_MS and each not in self.barred]

    @property
    def scanning(self) -> list[tuple[Statement, str]]:
        """What reads a big table from end to end."""
        return [(each, table) for each in self.statements for table, rows in each.whole.items() if rows > BIG]


async def measure(rows: int = ROWS) -> Result:
    """Copy lives until this many subscriptions are there, and have everything read them."""
    return await kept("growth rows", "Statements over many rows", rows, _measure, at_least=BAR_ROWS)


async def _measure(rows: int) -> Result:
    say = progress()
    with tempfile.TemporaryDirectory() as folder:
        # Durable, as in production: what is written ahead is measured.
        options = Options(Path(folder), CATALOG, POLICY, ui=False)
        async with filled(options, rows, say=say) as stack:
            found = await _measured(stack, Path(folder), say)
    plans, bars = _keep(rows, found), _comparisons(found)
    return Result(
        f"{report(found)}\n\nThe plan of each statement: {plans}",
        comparisons=bars,
        failure=f"{len(found.slow)} statements take longer than {BAR_MS:.0f} ms" if found.slow else "",
    )


def progress() -> Callable[[str], None]:
    """Says what is being done and for how long it has been, beside what is printed."""
    began = time.perf_counter()
    return lambda text: print(f"{time.perf_counter() - began:>6.0f} s  {text}", file=sys.stderr, flush=True)


@asynccontextmanager
async def filled(
    options: Options, rows: int, lives: int = LIVES, *, say: Callable[[str], None] = lambda _text: None
) -> AsyncIterator[Stack]:
    """A stack with this many subscriptions, whose regular runs have nothing to catch up with."""
    async with running(options) as stack:
        say(f"{lives} lives are lived")
        crowd = await fill(stack, lives, lambda _text: None)
        # What is too old to be kept is forgotten before it is copied.
        await run(stack, roll_up_schedule_id(), within=A_RUN_WITHIN)
        await copy(stack.postgres.superuser_url, crowd, rows, say=say)
        say("the figures of revenue are added up")
        await RevenueRollUpRecords(stack.engine, "UTC").roll_up()
        say(roll_up_schedule_id())
        await run(stack, roll_up_schedule_id(), within=3600)
        yield stack


async def _measured(stack: Stack, folder: Path, say: Callable[[str], None]) -> Measured:
    await note_a_pass(stack)
    say("all that is read")
    await explain_all(stack.postgres.superuser_url)
    await _reconnect(stack)
    executions = Executions(folder / "postgres.log")
    await _ask(stack, executions)
    say("what customers and operators do")
    await _act(stack, executions)
    runs = []
    for schedule in schedule_ids():
        say(schedule)
        with executions.during(schedule):
            runs.append(await _run(stack, schedule))
    await explain_nothing(stack.postgres.superuser_url)
    await _reconnect(stack)
    sizes = await sizes_of_tables(stack)
    number = next(each.rows for each in sizes if each.name == "subscriptions")
    return Measured(number, sizes, executions.statements(), runs)


async def _run(stack: Stack, schedule: str) -> Run:
    """Run it now; copies have no workflows, so that they are reconciled as if they had."""
    if schedule != reconcile_schedule_id():
        return await run(stack, schedule, within=A_RUN_WITHIN)
    began = time.perf_counter()
    await reconcile_an_hour(stack)
    return Run(schedule, time.perf_counter() - began, RunStatus.COMPLETED)


async def sizes_of_tables(stack: Stack) -> list[Size]:
    """All of them, the largest first; rows are as the last ANALYZE has counted them."""
    async with stack.engine.connect() as connection:
        return [Size(*row) for row in await connection.execute(_SIZES)]


async def _reconnect(stack: Stack) -> None:
    for engine in (stack.engine, stack.api_parts.engine, stack.api_parts.system_engine):
        await engine.dispose()


async def _ask(stack: Stack, executions: Executions) -> None:
    """Read all that there is to read."""
    async with reader(stack.engine, stack.addresses.api_url, stack.addresses.admin_key) as browser:
        for _ in range(ROUNDS):
            for each in await requests(stack.engine):
                for left in reversed(range(TRIES)):
                    with executions.during(each.name):
                        status, answer = await answered(browser, each)
                    if status < SERVER_ERROR:
                        break
                    if not left:
                        raise RuntimeError(f"{each.name}: {status} {answer}")
                    # As where others work on the machine as well.
                    await asyncio.sleep(1)


async def _act(stack: Stack, executions: Executions) -> None:
    """Sign up, count, and command, as a product does, and its operators; workflow and worker do their part."""
    async with Product(stack.addresses) as product:
        for _ in range(ROUNDS):
            name = f"acting-{uuid4()}"
            with executions.during("sign-up and first payment"):
                made = await product.sign_up(name, trial_days=0, payment_method="pm_card_visa")
            with executions.during("consume and release"):
                await product.consume(name, "storage_gb", key=str(uuid4()))
            events = [
                {"customer": name, "meter": "storage_gb", "quantity": 2, "key": str(uuid4()), "action": "set"}
                for _ in range(100)
            ]
            with executions.during("usage events"):
                await product.post("/v1/usage", {"events": events})
            with executions.during("plan change"):
                await product.command(made["id"], "change-plan", plan="professional")
            with executions.during("renewal, by a worker"):
                await product.travel(made["id"], timedelta(days=32))
            with executions.during("cancel"):
                await product.command(made["id"], "cancel")


def _keep(rows: int, found: Measured) -> Path:
    """Keep the slowest plan of each statement, one a line."""
    KEPT.mkdir(exist_ok=True)
    file = KEPT / f"growth-{rows}-plans.jsonl"
    lines = [json.dumps({"of": each.of, "ms": each.milliseconds, "plan": each.plan}) for each in found.statements]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def report(found: Measured) -> str:
    lines = [f"{found.subscriptions:,} subscriptions", "", f"{'table':<24}{'rows':>12}{'MB':>9}{'bytes a row':>13}"]
    lines += [
        f"{each.name:<24}{each.rows:>12,}{each.bytes / 1e6:>9,.0f}{each.of_a_row:>13,.0f}"
        for each in found.sizes
        if each.rows > BIG
    ]
    lines += ["", f"{'regular run':<24}{'seconds':>12}{'a 100k':>9}"]
    for each in found.runs:
        lines.append(
            f"{each.schedule:<24}{each.seconds:>12.1f}{each.seconds * 100_000 / found.subscriptions:>9.1f}"
            f"  {each.status.value}"
        )
    lines += [
        "",
        f"{len(found.statements)} statements; the slowest, in milliseconds (the middle one of several executions)",
        *(f"{each.milliseconds:>9.1f}  {each.of}: {each.shown}" for each in found.statements[:SHOWN]),
        "",
        f"above {BAR_MS:.0f} ms: {len(found.slow)}",
        *(f"{each.milliseconds:>9.1f}  {each.of}: {each.shown}" for each in found.slow),
        f"of the roll-up, every six hours, for which that is no bar: {len(found.slow_roll_up)}",
        *(f"{each.milliseconds:>9.1f}  {each.shown}" for each in found.slow_roll_up),
        f"tables above {BIG:,} rows that are read from end to end: {len(found.scanning)}",
        *(f"    {table}, {each.milliseconds:.1f} ms, by {each.of}: {each.shown}" for each, table in found.scanning),
    ]
    return "\n".join(lines)


def _comparisons(found: Measured) -> list[Comparison]:
    slowest = found.barred[0].milliseconds if found.barred else 0.0
    at = f"at {found.subscriptions:,} subscriptions"
    return [
        Comparison(f"slowest statement {at}", slowest, BAR_MS, "bar", "ms"),
        Comparison(f"big tables read from end to end {at}", len(found.scanning), 0, "bar", bar=None),
    ]
