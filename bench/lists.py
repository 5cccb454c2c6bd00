"""Lists and searches of 100,000 subscriptions: time and rows of each, beside reading one row by its key."""

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.results import Bars, Comparison, Result
from sandbox.postgres import Postgres
from storage.db.cursors import Cut, PageRequest, Sort
from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from storage.subscriptions.customer_list import CustomerList
from storage.subscriptions.invoice_list import InvoiceList
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.search import Search
from storage.subscriptions.subscription_list import Filters, SubscriptionList
from tests.storage.lists.many_rows import A_TENANT, TENANTS, fill

ROUNDS = 50
LONGEST = 200.0
"""Milliseconds that any may take."""
BARE = "one subscription by its key"

_Ask = Callable[[], Awaitable[Any]]


@dataclass
class _Asked:
    """What was measured of one question."""

    ask: _Ask
    milliseconds: list[float] = field(default_factory=list)
    rows: int = 0
    ends_early: bool = False

    def share(self, of: float) -> float:
        return sorted(self.milliseconds)[min(int(len(self.milliseconds) * of), len(self.milliseconds) - 1)]


async def measure() -> Result:
    """Ask everything in turns, of two tenants that are as large."""
    with tempfile.TemporaryDirectory() as folder:
        async with Postgres(Path(folder), durable=False) as server:
            await upgrade(server.url)
            await fill(server.superuser_url)
            engine = create_engine_from_url(server.url)
            questions = {name: _Asked(ask) for name, ask in (await _questions(engine)).items()}
            for number in range(ROUNDS + 1):
                for one in questions.values():
                    await _time(one, counts=number > 0)
            await engine.dispose()
    slowest, asked = max(questions.items(), key=lambda each: each[1].share(0.95))
    return Result(
        _report(questions),
        [Comparison(f"the slowest, p95: {slowest}", asked.share(0.95), LONGEST, "bar", "ms")],
        [Bars("Half are answered within", "ms", [(name, one.share(0.5)) for name, one in questions.items()])],
    )


async def _questions(engine: AsyncEngine) -> Mapping[str, _Ask]:
    tenant, page = TENANTS[0], PageRequest()
    subscriptions, customers, invoices = SubscriptionList(engine), CustomerList(engine), InvoiceList(engine)
    known = (await subscriptions.find(tenant, Filters(), page)).rows[0].id

    def listed(filters: Filters, page: PageRequest = page) -> _Ask:
        return lambda: subscriptions.find(tenant, filters, page)

    return {
        BARE: lambda: Subscriptions(engine).get(tenant, known),
        "list": listed(Filters()),
        "list, 100 of them": listed(Filters(), PageRequest(100)),
        "list, oldest first": listed(Filters(), PageRequest(sort=Sort.OLDEST_FIRST)),
        "list by status": listed(Filters(status="canceled")),
        "list by plan": listed(Filters(plan="rare")),
        "list by plan and status": listed(Filters(plan="rare", status="canceled")),
        "list of one customer's": listed(Filters(customer="user-4711")),
        "list of blocked ones": listed(Filters(blocked=True)),
        "search: one": listed(Filters(search=Search("person4711@"))),
        "search: one, by its beginning": listed(Filters(search=Search(known[:8]))),
        "search: half of all": listed(Filters(search=Search("home.example"))),
        "search: the older half": listed(Filters(search=Search("legacy"))),
        "search: two letters": listed(Filters(search=Search("zz"))),
        "search: none": listed(Filters(search=Search("nobody"))),
        "customers": lambda: customers.find(tenant, None, page),
        "customers, search: one": lambda: customers.find(tenant, Search("person4711@"), page),
        "invoices": lambda: invoices.find(tenant, page),
        "invoices of one customer": lambda: invoices.find(tenant, page, external_id="user-4711"),
    }


async def _time(one: _Asked, *, counts: bool) -> None:
    began = time.perf_counter()
    found = await one.ask()
    if counts:
        one.milliseconds.append((time.perf_counter() - began) * 1000)
    if isinstance(found, Cut):
        one.rows, one.ends_early = len(found.rows), found.ends_early


def _report(questions: Mapping[str, _Asked]) -> str:
    bare = statistics.median(questions[BARE].milliseconds)
    lines = [
        f"{len(TENANTS)} tenants with {A_TENANT:,} subscriptions each, {ROUNDS} rounds in turns, 20 rows a page",
        f"{'':<32}{'p50 ms':>9}{'p95 ms':>9}{'of bare':>9}{'rows':>6}",
    ]
    lines += [
        f"{name:<32}{one.share(0.5):>9.1f}{one.share(0.95):>9.1f}{one.share(0.5) / bare:>9.1f}{one.rows or '':>6}"
        f"{'  ends early' if one.ends_early else ''}"
        for name, one in questions.items()
    ]
    return "\n".join(lines)
