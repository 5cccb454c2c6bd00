"""Lives the life in each way, and lets steps fall due in real time in each."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from bench import cpu
from bench.history import LIFE, Tally, mails_tally, tally
from bench.lateness import committed, signed_up
from bench.peers.life import DAY, PERIOD, REMINDERS, RENEWALS, TRIAL, Lived
from bench.peers.plain import QUEUE, PlainLife, PlainSubscription
from bench.peers.polling import CREATE
from bench.peers.statements import Statements
from bench.production import Production
from sandbox.product import Product
from sandbox.stack import Addresses

AT_ONCE = 8
YEAR = TRIAL + RENEWALS * PERIOD + 10 * DAY
"""Until the last renewal is certainly over: months are longer than 30 days."""
SEEN_WITHIN = 60.0


async def plain_lives(production: Production, worker_pid: int, number: int) -> Lived:
    """Lives as plain workflows, whose clocks jump to what is due by themselves."""
    skipping = TimeSkipper(production.client, config=TimeSkippingConfig(enabled=True)).client
    processes = {"worker": worker_pid, "Temporal": production.site.temporal.pid}
    before, began = _cpu(processes), time.perf_counter()
    handles = [
        await skipping.start_workflow(
            PlainSubscription.run,
            PlainLife(f"plain-{place}", TRIAL, REMINDERS, PERIOD, RENEWALS),
            id=f"plain-{uuid4()}",
            task_queue=QUEUE,
        )
        for place in range(number)
    ]
    await asyncio.gather(*(each.result() for each in handles))
    seconds, used = time.perf_counter() - began, _since(before, _cpu(processes), number)
    counted = Tally()
    for each in handles:
        counted.add([event async for event in each.fetch_history_events()])
    events, size, actions = (each / number for each in (counted.events, counted.size, counted.billable))
    return Lived(seconds / number, used, 0.0, events, size, actions)


async def polled_lives(production: Production, number: int) -> Lived:
    """Lives as rows of a table, whose loop moves its clock to what is due next."""
    table = f"lives_{uuid4().hex[:8]}"
    await _fill(production, table, [datetime.now(UTC) + timedelta(seconds=TRIAL - REMINDERS[0])] * number)
    before = cpu.tree(production.site.postgres.pid)
    async with Statements.counted(production, "postgres") as statements:
        told = await _polled(production, table, 0)
    database = cpu.tree(production.site.postgres.pid) - before
    used = {"loop": told["cpu"] / number, "PostgreSQL": database / number}
    return Lived(told["seconds"] / number, used, statements.count / number)


async def our_lives(production: Production, number: int) -> Lived:
    """Lives of Tenure's, whose clocks are moved from one boundary to the next."""
    processes = {
        "worker": production.worker_pid,
        "API": production.api_pid,
        "Temporal": production.site.temporal.pid,
        "PostgreSQL": production.site.postgres.pid,
    }
    async with Statements.counted(production, "tenure") as idle:
        await asyncio.sleep(IDLE)
    before, began = _cpu(processes), time.perf_counter()
    async with Statements.counted(production, "tenure") as statements, _product(production) as product:
        await _travelled(production, product, number)
        seconds = time.perf_counter() - began
    used = _since(before, _cpu(processes), number)
    background = idle.count / IDLE * seconds
    whole = [await tally(production.client, LIFE), await mails_tally(production.client)]
    events, size, actions = (
        sum(each) / number for each in zip(*((one.events, one.size, one.billable) for one in whole), strict=True)
    )
    return Lived(seconds / number, used, max(statements.count - background, 0.0) / number, events, size, actions)


IDLE = 5.0
"""Seconds, in which to see what is asked of the database without any life."""


async def _travelled(production: Production, product: Product, number: int) -> None:
    traveller, turn = production.traveller(), asyncio.Semaphore(AT_ONCE)

    async def one(place: int) -> None:
        async with turn:
            made = await product.sign_up(f"peer-{place}-{uuid4().hex[:6]}", payment_method="pm_card_visa")
            await traveller.travel(await production.life(made["id"]), YEAR)
            past = [entry["kind"] for entry in (await product.timeline(made["id"]))["past"]]
            if (past.count("renewed"), past.count("trial_ending")) != (RENEWALS, len(REMINDERS)):
                raise RuntimeError(f"the life went otherwise: {past}")

    await asyncio.gather(*map(one, range(number)))


@asynccontextmanager
async def _product(production: Production) -> AsyncIterator[Product]:
    url = f"{production.caller.http.base_url}"
    addresses = Addresses(url, "", "", "", "", "", url, production.site.key, "")
    async with Product(addresses) as product:
        yield product


async def late_steps(production: Production, number: int, window: timedelta) -> Mapping[str, list[float]]:
    """How late this many steps of each are, that fall due within the same time."""
    due = await signed_up(production, number, window)
    moments = [moment for moment, _ in due.values()]
    plain = [await _plain_due(production.client, moment) for moment in moments]
    tables = {"polled_60": 60.0, "polled_1": 1.0}
    for table in tables:
        # The last step of each is due.
        await _fill(production, table, moments, step=len(REMINDERS) + RENEWALS)
    # A loop has begun at some time: by chance, here when the first step is due.
    await asyncio.sleep(max((min(moments) - datetime.now(UTC)).total_seconds(), 0.0))
    async with asyncio.timeout(window.total_seconds() + 180):
        await asyncio.gather(*(_polled(production, table, every) for table, every in tables.items()))
    ours = await committed(production, due)
    return {
        "plain workflow": [await each for each in plain],
        "polled once a minute": await _late_by_log(production, "polled_60"),
        "polled once a second": await _late_by_log(production, "polled_1"),
        "Tenure": [step.late for step in ours],
    }


async def _plain_due(client: Client, moment: datetime) -> asyncio.Task[float]:
    wait = max((moment - datetime.now(UTC)).total_seconds(), 0.0)
    handle = await client.start_workflow(
        PlainSubscription.run, PlainLife("late", wait, (), 0.0, 0), id=f"late-{uuid4()}", task_queue=QUEUE
    )
    return asyncio.create_task(handle.result())


async def _fill(production: Production, table: str, due: list[datetime], step: int = 0) -> None:
    connection = await asyncpg.connect(production.site.postgres.superuser_url)
    await connection.execute(CREATE.format(table=table))
    await connection.executemany(
        f"INSERT INTO {table} (customer, step, next_action_at) VALUES ($1, $2, $3)",  # noqa: S608 - ours
        [(f"polled-{place}", step, moment) for place, moment in enumerate(due)],
    )
    await connection.close()


async def _polled(production: Production, table: str, every: float) -> dict[str, float]:
    words = (sys.executable, "-m", "bench.peers.polling", production.site.postgres.superuser_url, table, str(every))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the loop that polls has failed")
    found: dict[str, float] = json.loads(told)
    return found


async def _late_by_log(production: Production, table: str) -> list[float]:
    connection = await asyncpg.connect(production.site.postgres.superuser_url)
    rows = await connection.fetch(f"SELECT extract(epoch FROM done_at - due) AS late FROM {table}_log")  # noqa: S608
    await connection.close()
    return [float(row["late"]) for row in rows]


def _cpu(processes: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu.tree(pid) for name, pid in processes.items()}


def _since(before: Mapping[str, float], now: Mapping[str, float], number: int) -> dict[str, float]:
    return {name: (now[name] - before[name]) / number for name in now}
