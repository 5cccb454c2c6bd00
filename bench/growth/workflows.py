"""Many open workflows: how fast they start, what they take, and how long it takes to ask about them all."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from bench.growth.kept import kept
from bench.growth.runs import Run, run
from bench.results import Result
from bench.side_by_side import CATALOG, POLICY
from sandbox.options import Options
from sandbox.product import Product, RefusedError
from sandbox.stack import Stack, running
from services.schedules import RunStatus, schedule_ids

WORKFLOWS: Final = 1000
AT_ONCE: Final = 16
PAID_EACH: Final = 10
"""One in this many pays at once and has an agreement at Stripe; the others are on trial."""
ROUNDS: Final = 50
A_RUN_WITHIN: Final = 3600.0
BUSY: Final = 503
_MEGABYTE: Final = 1024


@dataclass(frozen=True)
class Memory:
    """Megabytes that are resident."""

    tenure: float
    """API, workers and the Stripe simulator, in one process."""
    temporal: float
    postgres: float


@dataclass(frozen=True)
class Measured:
    """What was measured of this many open workflows."""

    number: int
    seconds: float
    """Until all had started."""
    before: Memory
    after: Memory
    requests: Mapping[str, Sequence[float]]
    """Milliseconds of each."""
    runs: Sequence[Run]


async def measure(number: int = WORKFLOWS) -> Result:
    """Start this many, and ask; what is found of a thousand and more is kept."""
    return await kept("growth", f"{number:,} open workflows", number, _measure, at_least=WORKFLOWS, each_size=True)


async def _measure(number: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        async with running(Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)) as stack:
            before = _memory(stack)
            began = time.perf_counter()
            await _start(stack, number)
            seconds = time.perf_counter() - began
            requests = await _ask(stack, number)
            after = _memory(stack)
            runs = [await run(stack, each, within=A_RUN_WITHIN) for each in schedule_ids()]
    return Result(report(Measured(number, seconds, before, after, requests, runs)))


async def _start(stack: Stack, number: int) -> None:
    turns = iter(range(number))
    async with Product(stack.addresses) as product, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_sign_up_each(product, turns))


async def _sign_up_each(product: Product, turns: Iterator[int]) -> None:
    for turn in turns:
        while not await _signed_up(product, turn):  # noqa: ASYNC110 - only the API knows
            await asyncio.sleep(1)


async def _signed_up(product: Product, turn: int) -> bool:
    """False if the API is too busy, as on a machine where others work as well: to be asked again, as a product does."""
    name = key = f"open-{turn:06}"
    try:
        if turn % PAID_EACH:
            await product.sign_up(name, key=key)
        else:
            # Of the plan without limits, so that it can be counted for.
            await product.sign_up(name, key=key, plan="enterprise", trial_days=0, payment_method="pm_card_visa")
    except RefusedError as error:
        if error.status != BUSY:
            raise
        return False
    return True


async def _ask(stack: Stack, number: int) -> Mapping[str, Sequence[float]]:
    one = f"open-{number // 2 // PAID_EACH * PAID_EACH:06}"
    async with Product(stack.addresses) as product:
        asked: Mapping[str, Callable[[], Awaitable[object]]] = {
            "healthz": lambda: product.get("/healthz"),
            "list": lambda: product.get("/v1/subscriptions"),
            "search": lambda: product.get(f"/v1/subscriptions?q={one}"),
            "consume": lambda: product.consume(one, "storage_gb", key=str(uuid4())),
        }
        found: dict[str, list[float]] = {name: [] for name in asked}
        for turn in range(ROUNDS + 1):
            for name, ask in asked.items():
                began = time.perf_counter()
                await ask()
                # The first one only warms up.
                found[name] += [(time.perf_counter() - began) * 1000] if turn else []
    return found


def _memory(stack: Stack) -> Memory:
    ground = stack.travel.ground
    return Memory(_resident(Path("/proc/self")), _resident(_process(ground.temporal.pid)), _tree(ground.postgres.pid))


def _process(pid: int) -> Path:
    return Path(f"/proc/{pid}")


def _resident(process: Path, what: str = "VmRSS") -> float:
    for line in (process / "status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / _MEGABYTE
    return 0.0


def _tree(pid: int) -> float:
    """A server with its children; of what they share, once."""
    children = (process / "task" / str(pid) / "children" for process in [_process(pid)])
    pids = [int(each) for file in children for each in file.read_text().split()]
    return _resident(_process(pid)) + sum(_resident(_process(each), "RssAnon") for each in pids)


def report(found: Measured) -> str:
    number, bare = found.number, statistics.median(found.requests["healthz"])
    per_100k = found.seconds * 100_000 / number
    lines = [
        f"{number:,} open workflows, one in {PAID_EACH} with an agreement",
        f"started in {found.seconds:.0f} s: {number / found.seconds:.1f} a second, {per_100k:,.0f} s a 100k",
        "memory, MB: " + ", ".join(f"{name} {was:.0f} -> {now:.0f}" for name, was, now in _grown(found)),
        f"{'':<16}{'p50 ms':>9}{'p95 ms':>9}{'of /healthz':>13}",
    ]
    for name, took in found.requests.items():
        middle, late = statistics.median(took), sorted(took)[int(len(took) * 0.95) - 1]
        lines.append(f"{name:<16}{middle:>9.1f}{late:>9.1f}{middle / bare:>13.1f}")
    lines.append(f"{'run':<32}{'seconds':>9}{'a 100k':>10}")
    for each in found.runs:
        failed = "" if each.status is RunStatus.COMPLETED else f"  {each.status.value}"
        lines.append(f"{each.schedule:<32}{each.seconds:>9.1f}{each.seconds * 100_000 / number:>10,.0f}{failed}")
    return "\n".join(lines)


def _grown(found: Measured) -> list[tuple[str, float, float]]:
    names = {"tenure": "API, workers and Stripe's simulator", "temporal": "Temporal", "postgres": "PostgreSQL"}
    return [(shown, getattr(found.before, name), getattr(found.after, name)) for name, shown in names.items()]
