"""How fast a product is told whether its customer may, and has use counted, beside a bare counter in the same run."""

import json
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.posting import request
from bench.side_by_side import POLICY, Figures, a_round, beside, process, settings_of
from sandbox.processes import free_port
from sandbox.product import Product
from sandbox.stack import Options, Stack, running

CUSTOMERS = 1000
ROUNDS, A_ROUND, AT_ONCE = 5, 1000, 16
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
            settings = settings_of(stack, Path(folder), catalog)
            async with (
                process(settings, beside("tenure"), "api", port=int(settings["TENURE_API_PORT"])) as ours,
                process(settings, sys.executable, "-m", "bench.bare_counter", port=free_port()) as bare,
            ):
                check, consume = _check(stack.addresses.admin_key), _consume(stack.addresses.admin_key)
                measured = [(ours, check, Figures()), (ours, consume, Figures()), (bare, _count, Figures())]
                for number in range(ROUNDS + 1):
                    for port, ready, figures in measured:
                        # The first round only warms up.
                        await a_round(port, _some(ready, A_ROUND), figures if number else Figures(), AT_ONCE)
                crowd = Figures()
                await a_round(ours, _some(consume, CUSTOMERS), crowd, CUSTOMERS)
            await _all_is_counted(stack.engine, (ROUNDS + 1) * A_ROUND + CUSTOMERS)
    at_check, at_consume, at_bare = (figures for _, _, figures in measured)
    return _report(at_check, at_consume, at_bare, crowd)


async def _fill(stack: Stack) -> None:
    async with Product(stack.addresses) as product:
        await product.sign_up("measured", plan="pro", trial_days=0, payment_method="pm_card_visa")
    async with stack.engine.begin() as connection:
        await connection.execute(_MANY_CUSTOMERS, {"last": CUSTOMERS - 1})
        await connection.execute(_MANY_SUBSCRIPTIONS)
        # Not what is still empty: for such a table plans are made that do not hold once it is filled.
        await connection.execute(text("ANALYZE customers, subscriptions"))


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


def _report(check: Figures, consume: Figures, bare: Figures, crowd: Figures) -> str:
    lines = [
        f"Asked and counted, {AT_ONCE} at a time, {ROUNDS} rounds of {A_ROUND} in turns, {CUSTOMERS} customers",
        *(
            f"{name:<28} {one.rate:>6.0f} a second, p50 {one.share(0.5):.1f} ms, p99 {one.share(0.99):.1f} ms"
            for name, one in (("UPDATE ... RETURNING (bare):", bare), ("check:", check), ("consume:", consume))
        ),
        f"check / bare:                {check.rate / bare.rate:>6.2f}",
        f"consume / bare:              {consume.rate / bare.rate:>6.2f}",
        f"{CUSTOMERS} clients at once, each for a customer of its own, and all were counted:",
        f"{crowd.rate:>35.0f} a second, p50 {crowd.share(0.5):.0f} ms, the last after {max(crowd.seconds):.1f} s",
    ]
    return "\n".join(lines)
