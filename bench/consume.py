"""Checks and consumes a second, beside a bare counter in the same run, and what each shortcut on their way saves."""

import json
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import cpu
from bench.posting import request
from bench.side_by_side import POLICY, Figures, Served, a_round, beside, process, settings_of
from sandbox.processes import free_port
from sandbox.product import Product
from sandbox.stack import Options, Stack, running
from storage.db.engine import create_engine_from_url

CUSTOMERS = 1000
ROUNDS, A_ROUND, AT_ONCE = 10, 500, 16
FILES = 8192
"""Open files that a thousand connections need on either side."""
CATALOG = """
product: bench
version: 1
currency: usd
features:
  calls: {name: Calls, kind: number, per: billing_period}
  export: {name: Export, kind: switch}
plans:
  free: {name: Free, prices: free, entitlements: {calls: 100, export: false}}
  pro: {name: Pro, prices: {month: 49.00}, entitlements: {calls: 1000000, export: true}}
  scale: {name: Scale, prices: {month: 199.00}, entitlements: {calls: unlimited, export: true}}
"""
# What a check reads is what a sign-up has written; the workflows behind it are not asked.
_MANY_CUSTOMERS = text(
    "INSERT INTO customers (id, tenant, external_id, email, timezone, locale)"
    " SELECT gen_random_uuid(), tenant, 'c' || n, email, timezone, locale"
    " FROM customers, generate_series(0, :last) n WHERE external_id = 'measured'"
)
_MANY_SUBSCRIPTIONS = text(
    "INSERT INTO subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,"
    " status_reason, access, sequence, period_start, period_end, state, created_at)"
    " SELECT gen_random_uuid(), s.tenant, c.id, plan, plan_name, interval, quantity, amount, currency, status,"
    " status_reason, access, sequence, period_start, period_end, state, s.created_at"
    " FROM subscriptions s, customers c WHERE c.external_id <> 'measured'"
)

_Requests = Callable[[int], bytes]


async def measure() -> str:
    """Check, consume and count in turns, then let a thousand clients come at once."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.yaml"
        catalog.write_text(CATALOG)
        async with running(Options(Path(folder), catalog, POLICY, durable=False, ui=False)) as stack:
            await _fill(stack)
            # PostgreSQL tells other users nothing of its processes.
            observer = create_engine_from_url(stack.postgres.superuser_url)
            async with _all_measured(stack, Path(folder), catalog) as measured:
                for number in range(ROUNDS + 1):
                    for one in measured.values():
                        # The first round only warms up.
                        await _measured_round(observer, one, one.figures if number else Figures())
                crowd, consume = Figures(), measured["consume"]
                await a_round(consume.server.port, _some(consume.ready, CUSTOMERS), crowd, CUSTOMERS)
            await observer.dispose()
            consumes = sum(name.startswith("consume") for name in measured)
            await _all_is_counted(stack.engine, consumes * (ROUNDS + 1) * A_ROUND + CUSTOMERS)
    return _report({name: one.figures for name, one in measured.items()}, crowd)


@dataclass(frozen=True)
class _Measured:
    """One kind of request to one server."""

    server: Served
    ready: _Requests
    figures: Figures = field(default_factory=Figures)


@asynccontextmanager
async def _all_measured(stack: Stack, folder: Path, catalog: Path) -> AsyncIterator[dict[str, _Measured]]:
    """The API as it is, the API without each shortcut, and the bare counter."""
    check, consume = _check(stack.addresses.admin_key), _consume(stack.addresses.admin_key)
    async with AsyncExitStack() as servers:

        async def an_api(*command: str, **given: str) -> Served:
            settings = settings_of(stack, folder, catalog) | given
            return await servers.enter_async_context(process(settings, *command, port=int(settings["TENURE_API_PORT"])))

        ours = await an_api(beside("tenure"), "api")
        described = await an_api(sys.executable, "-m", "bench.without", "plain_routes")
        unlimited = await an_api(beside("tenure"), "api", TENURE_RATE_CHECKS="0")
        function = await an_api(sys.executable, "-m", "bench.without", "plain_statement")
        superuser = stack.postgres.superuser_url
        unbound = await an_api(sys.executable, "-m", "bench.without", "row_security", superuser)
        settings = settings_of(stack, folder, catalog)
        bare = await servers.enter_async_context(
            process(settings, sys.executable, "-m", "bench.bare_counter", port=free_port())
        )
        yield {
            "bare": _Measured(bare, _count),
            "check": _Measured(ours, check),
            "check, by FastAPI": _Measured(described, check),
            "consume": _Measured(ours, consume),
            "consume, by FastAPI": _Measured(described, consume),
            "consume, by the function": _Measured(function, consume),
            "consume, no rate limit": _Measured(unlimited, consume),
            "consume, no row security": _Measured(unbound, consume),
        }


async def _measured_round(engine: AsyncEngine, one: _Measured, figures: Figures) -> None:
    databases = await cpu.backends(engine)
    server, database = cpu.seconds([one.server.pid]), cpu.seconds(databases)
    await a_round(one.server.port, _some(one.ready, A_ROUND), figures, AT_ONCE)
    figures.server_cpu.append(cpu.used(server, cpu.seconds([one.server.pid])) / A_ROUND)
    figures.database_cpu.append(cpu.used(database, cpu.seconds(databases)) / A_ROUND)


async def _fill(stack: Stack) -> None:
    async with Product(stack.addresses) as product:
        await product.sign_up("measured", plan="pro", trial_days=0, payment_method="pm_card_visa")
    owner = create_engine_from_url(stack.postgres.url)
    async with owner.begin() as connection:
        await connection.execute(_MANY_CUSTOMERS, {"last": CUSTOMERS - 1})
        await connection.execute(_MANY_SUBSCRIPTIONS)
        # Not what is still empty: for such a table plans are made that do not hold once it is filled.
        await connection.execute(text("ANALYZE customers, subscriptions"))
    await owner.dispose()


def _some(ready: _Requests, number: int) -> Sequence[bytes]:
    """Requests, ready before the clock starts, each for the next customer."""
    return [ready(turn % CUSTOMERS) for turn in range(number)]


def _check(key: str) -> _Requests:
    headers = {"Authorization": f"Bearer {key}"}
    return lambda customer: request(f"/v1/customers/c{customer}/entitlements/calls", headers, method="GET")


def _consume(key: str) -> _Requests:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ready(customer: int) -> bytes:
        body = {"feature": "calls", "quantity": 1, "key": str(uuid4())}
        return request(f"/v1/customers/c{customer}/consume", headers, json.dumps(body).encode())

    return ready


def _count(customer: int) -> bytes:
    body = json.dumps({"customer": f"c{customer}", "quantity": 1}).encode()
    return request("/count", {"Content-Type": "application/json"}, body)


async def _all_is_counted(engine: AsyncEngine, expected: int) -> None:
    async with engine.connect() as connection:
        found = (await connection.execute(text("SELECT sum(used)::bigint FROM usage"))).scalar_one()
    if found != expected:
        raise RuntimeError(f"{expected} uses were answered, {found} are counted")


def _report(measured: dict[str, Figures], crowd: Figures) -> str:
    bare, consumed, unlimited = measured["bare"], measured["consume"], measured["consume, no rate limit"]
    unbound = measured["consume, no row security"]
    lines = [
        f"{AT_ONCE} at a time, {ROUNDS} rounds of {A_ROUND} in turns, {CUSTOMERS} customers; bare: an UPDATE",
        f"{'':<26}{'a second':>9}{'of bare':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us: server':>16}{'database':>10}",
        *(
            f"{name:<26}{one.rate:>9.0f}{one.rate / bare.rate:>9.2f}{one.share(0.5):>9.1f}{one.share(0.99):>9.1f}"
            f"{_microseconds(one.server_cpu):>16.0f}{_microseconds(one.database_cpu):>10.0f}"
            for name, one in measured.items()
        ),
        *(
            f"without the {shortcut}, a {asked} costs {_cost(measured[without]) / _cost(measured[asked]) - 1:+.0%} CPU"
            for shortcut, asked, without in (
                ("plain route", "check", "check, by FastAPI"),
                ("plain route", "consume", "consume, by FastAPI"),
                ("plain statement", "consume", "consume, by the function"),
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
