"""Checks and consumes a second, beside a bare counter in the same run, and what each shortcut on their way saves."""

import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import cpu, spans
from bench.many_customers import CATALOG, CUSTOMERS, Requests, allow_connections, check_by, consume_by, fill
from bench.posting import request
from bench.results import Bars, Comparison, Result
from bench.side_by_side import POLICY, Figures, Served, a_round, beside, process, settings_of
from sandbox.options import Options
from sandbox.processes import free_port
from sandbox.stack import Stack, running
from storage.db.engine import create_engine_from_url

ROUNDS, A_ROUND, AT_ONCE = 10, 500, 16
PAIRS = 100
"""Of rounds that are compared with each other: a difference of few percent is less than rounds differ by chance."""
POOL = {"TENURE_DATABASE_POOL": "10"}
"""So that all servers together open no more connections than PostgreSQL takes."""
BARE_FAST = "bare, fast server"
"""By uvloop and httptools, as the API; `bare` is as `pip install uvicorn` has it."""


async def measure() -> Result:
    """Check, consume and count in turns, then let a thousand clients come at once."""
    async with _customers() as (stack, catalog):
        async with _all_measured(stack, catalog.parent, catalog) as measured:
            await _in_turns(stack, [list(measured.values())] * (ROUNDS + 1))
            crowd, consume = Figures(), measured["consume"]
            await a_round(consume.server.port, _some(consume.ready, CUSTOMERS), crowd, CUSTOMERS)
        consumes = sum(name.startswith("consume") for name in measured)
        await _all_is_counted(stack.engine, consumes * (ROUNDS + 1) * A_ROUND + CUSTOMERS)
    return _result({name: one.figures for name, one in measured.items()}, crowd)


async def measure_traced() -> str:
    """Consume with traces off, with a twentieth of all and with all, beside the bare counter in the same run."""
    async with _customers() as (stack, catalog), _traced(stack, catalog.parent, catalog) as measured:
        await _in_turns(stack, [list(measured.values())] * (ROUNDS + 1))
    figures = {name: one.figures for name, one in measured.items()}
    off = figures["consume"]
    costs = (
        f"{name}: {one.rate / off.rate:.2f} of the rate, {_cost(one) / _cost(off):.2f} of the CPU"
        for name, one in figures.items()
        if name.endswith("traced")
    )
    alone = f"a span by itself: {spans.cost(0.0):.0f} us of CPU if it is left out, {spans.cost(1.0):.0f} us if recorded"
    return "\n".join([*_table(figures), *costs, alone])


async def measure_secured() -> str:
    """Consume with row-level security and without, in pairs of rounds, so that both meet the machine in one state."""
    async with _customers() as (stack, catalog), _secured(stack, catalog.parent, catalog) as (ours, unbound):
        pairs = [(ours, unbound) if number % 2 else (unbound, ours) for number in range(PAIRS + 1)]
        await _in_turns(stack, pairs)
    rates = _ratios(ours.figures.rates, unbound.figures.rates)
    spent = _ratios(_costs(ours.figures), _costs(unbound.figures))
    return "\n".join(
        [
            f"{AT_ONCE} at a time, {PAIRS} pairs of rounds of {A_ROUND}, the first of a pair in turns",
            f"of the rate without row-level security: {_middle(rates)}",
            f"of the CPU of server and database without it: {_middle(spent)}",
        ]
    )


def _ratios(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    return sorted(one / other for one, other in zip(ours, others, strict=True))


def _costs(figures: Figures) -> list[float]:
    return [sum(each) for each in zip(figures.server_cpu, figures.database_cpu, strict=True)]


def _middle(ratios: Sequence[float]) -> str:
    """The median of sorted ratios, and within which it is with 95 % confidence: by ranks, whatever their shape."""
    reach = 0.98 * len(ratios) ** 0.5
    low, high = (ratios[round(len(ratios) / 2 + side * reach)] for side in (-1, 1))
    return f"{statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})"


@asynccontextmanager
async def _customers() -> AsyncIterator[tuple[Stack, Path]]:
    """A stack with many customers, and its catalog's file."""
    allow_connections()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.yaml"
        catalog.write_text(CATALOG)
        async with running(Options(Path(folder), catalog, POLICY, durable=False, ui=False)) as stack:
            await fill(stack)
            yield stack, catalog


async def _in_turns(stack: Stack, rounds: Sequence[Sequence["_Measured"]]) -> None:
    """Ask the servers of each round, in that order; the first round only warms up."""
    # PostgreSQL tells other users nothing of its processes.
    observer = create_engine_from_url(stack.postgres.superuser_url)
    for number, servers in enumerate(rounds):
        for one in servers:
            await _measured_round(observer, one, one.figures if number else Figures())
    await observer.dispose()


@asynccontextmanager
async def _secured(stack: Stack, folder: Path, catalog: Path) -> AsyncIterator[tuple["_Measured", "_Measured"]]:
    consume = consume_by(stack.addresses.admin_key)
    ours, unbound = (settings_of(stack, folder, catalog) | POOL for _ in range(2))
    without = (sys.executable, "-m", "bench.without", "row_security", stack.postgres.superuser_url)
    async with (
        process(ours, beside("tenure"), "api", port=int(ours["TENURE_API_PORT"])) as with_it,
        process(unbound, *without, port=int(unbound["TENURE_API_PORT"])) as without_it,
    ):
        yield _Measured(with_it, consume), _Measured(without_it, consume)


@asynccontextmanager
async def _traced(stack: Stack, folder: Path, catalog: Path) -> AsyncIterator[dict[str, "_Measured"]]:
    consume = consume_by(stack.addresses.admin_key)
    async with AsyncExitStack() as servers:

        async def a_server(given: dict[str, str], *command: str) -> Served:
            settings = settings_of(stack, folder, catalog) | POOL
            port = int(settings["TENURE_API_PORT"])
            return await servers.enter_async_context(process(settings | given, *command, port=port))

        collector = await a_server({}, sys.executable, "-m", "bench.collector")
        address = {"TENURE_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"}
        api = (beside("tenure"), "api")
        yield {
            "bare": _Measured(await a_server({}, sys.executable, "-m", "bench.bare_counter"), _count),
            "consume": _Measured(await a_server({}, *api), consume),
            "consume, a twentieth traced": _Measured(
                await a_server(address | {"TENURE_TRACE_SHARE": "0.05"}, *api), consume
            ),
            "consume, all traced": _Measured(await a_server(address, *api), consume),
        }


@dataclass(frozen=True)
class _Measured:
    """One kind of request to one server."""

    server: Served
    ready: Requests
    figures: Figures = field(default_factory=Figures)


@asynccontextmanager
async def _all_measured(stack: Stack, folder: Path, catalog: Path) -> AsyncIterator[dict[str, _Measured]]:
    """The API as it is, the API without each shortcut, and the bare counter."""
    check, consume = check_by(stack.addresses.admin_key), consume_by(stack.addresses.admin_key)
    async with AsyncExitStack() as servers:

        async def an_api(*command: str, **given: str) -> Served:
            settings = settings_of(stack, folder, catalog) | POOL | given
            return await servers.enter_async_context(process(settings, *command, port=int(settings["TENURE_API_PORT"])))

        ours = await an_api(beside("tenure"), "api")
        described = await an_api(sys.executable, "-m", "bench.without", "plain_routes")
        unlimited = await an_api(beside("tenure"), "api", TENURE_RATE_CHECKS="0")
        function = await an_api(sys.executable, "-m", "bench.without", "plain_statement")
        superuser = stack.postgres.superuser_url
        unbound = await an_api(sys.executable, "-m", "bench.without", "row_security", superuser)
        slow = await an_api(sys.executable, "-m", "bench.without", "fast_server")
        settings, counter = settings_of(stack, folder, catalog), (sys.executable, "-m", "bench.bare_counter")
        bare = await servers.enter_async_context(process(settings, *counter, port=free_port()))
        bare_fast = await servers.enter_async_context(process(settings, *counter, "fast", port=free_port()))
        yield {
            "bare": _Measured(bare, _count),
            BARE_FAST: _Measured(bare_fast, _count),
            "check": _Measured(ours, check),
            "check, by FastAPI": _Measured(described, check),
            "consume": _Measured(ours, consume),
            "consume, by FastAPI": _Measured(described, consume),
            "consume, by the function": _Measured(function, consume),
            "consume, no rate limit": _Measured(unlimited, consume),
            "consume, no row security": _Measured(unbound, consume),
            "consume, no fast server": _Measured(slow, consume),
        }


async def _measured_round(engine: AsyncEngine, one: _Measured, figures: Figures) -> None:
    databases = await cpu.backends(engine)
    server, database = cpu.seconds([one.server.pid]), cpu.seconds(databases)
    await a_round(one.server.port, _some(one.ready, A_ROUND), figures, AT_ONCE)
    figures.server_cpu.append(cpu.used(server, cpu.seconds([one.server.pid])) / A_ROUND)
    figures.database_cpu.append(cpu.used(database, cpu.seconds(databases)) / A_ROUND)


def _some(ready: Requests, number: int) -> Sequence[bytes]:
    """Requests, ready before the clock starts, each for the next customer."""
    return [ready(turn % CUSTOMERS) for turn in range(number)]


def _count(customer: int) -> bytes:
    body = json.dumps({"customer": f"c{customer}", "quantity": 1}).encode()
    return request("/count", {"Content-Type": "application/json"}, body)


async def _all_is_counted(engine: AsyncEngine, expected: int) -> None:
    async with engine.connect() as connection:
        found = (await connection.execute(text("SELECT sum(used)::bigint FROM usage"))).scalar_one()
    if found != expected:
        raise RuntimeError(f"{expected} uses were answered, {found} are counted")


def _table(measured: Mapping[str, Figures]) -> Iterator[str]:
    yield f"{AT_ONCE} at a time, {ROUNDS} rounds of {A_ROUND} in turns, {CUSTOMERS} customers; bare: an UPDATE"
    yield f"{'':<28}{'a second':>9}{'of bare':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us: server':>16}{'database':>10}"
    for name, one in measured.items():
        yield (
            f"{name:<28}{one.rate:>9.0f}{one.rate / measured['bare'].rate:>9.2f}"
            f"{one.share(0.5):>9.1f}{one.share(0.99):>9.1f}"
            f"{_microseconds(one.server_cpu):>16.0f}{_microseconds(one.database_cpu):>10.0f}"
        )


def _result(measured: dict[str, Figures], crowd: Figures) -> Result:
    bare = measured["bare"].rate
    rates = [(name, one.rate) for name, one in measured.items()]
    comparisons = [
        Comparison("consumes a second", measured["consume"].rate, bare, "bare UPDATE", bar=0.8, higher_is_better=True),
        Comparison("checks a second", measured["check"].rate, bare, "bare UPDATE", bar=None, higher_is_better=True),
        Comparison(
            "consumes a second",
            measured["consume"].rate,
            measured[BARE_FAST].rate,
            "bare UPDATE by the same loop and parser",
            bar=None,
            higher_is_better=True,
        ),
    ]
    return Result(_report(measured, crowd), comparisons, [Bars("Requests a second", "/s", rates)])


def _report(measured: dict[str, Figures], crowd: Figures) -> str:
    consumed, unlimited = measured["consume"], measured["consume, no rate limit"]
    unbound = measured["consume, no row security"]
    lines = [
        *_table(measured),
        *(
            f"without the {shortcut}, a {asked} costs {_cost(measured[without]) / _cost(measured[asked]) - 1:+.0%} CPU"
            for shortcut, asked, without in (
                ("plain route", "check", "check, by FastAPI"),
                ("plain route", "consume", "consume, by FastAPI"),
                ("plain statement", "consume", "consume, by the function"),
                ("faster loop and parser", "consume", "consume, no fast server"),
            )
        ),
        f"counting it for the key's rate adds {_cost(consumed) / _cost(unlimited) - 1:+.1%} to its CPU",
        _loss(consumed, unbound),
        f"{CUSTOMERS} clients at once, each for a customer of its own, and all were counted:",
        f"{crowd.rate:.0f} a second, p50 {crowd.share(0.5):.0f} ms, the last after {max(crowd.seconds):.1f} s",
    ]
    return "\n".join(lines)


def _loss(consumed: Figures, unbound: Figures) -> str:
    rate, spent = 1 - consumed.rate / unbound.rate, _cost(consumed) / _cost(unbound) - 1
    return f"row-level security takes {rate:+.1%} off its rate, and adds {spent:+.1%} to its CPU"


def _microseconds(seconds: Sequence[float]) -> float:
    """Of the round that was disturbed least: others on the machine make it more, never less."""
    return min(seconds) * 1e6


def _cost(figures: Figures) -> float:
    """Microseconds of CPU for an answer, of server and database."""
    return _microseconds(figures.server_cpu) + _microseconds(figures.database_cpu)
