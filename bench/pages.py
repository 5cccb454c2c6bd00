"""Pages and figures over many customers: time and statements of each, beside a page that asks for nothing."""

import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.side_by_side import CATALOG, POLICY
from domain.names import DEFAULT_TENANT
from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import Stack, running
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from storage.revenue.roll_up import RevenueRollUpRecords

CUSTOMERS = 10_000
ROUNDS = 100
NAMES = 24
"""How wide their column is."""
MEASURED = "measured"
COOKIE = re.compile(r"__Host-tenure_[a-z]+=[^;]+")
FOUNDER = "founder@example.com"
BARE = "bare page"
PAGES = {
    BARE: "/pay/closed",
    "pricing": "/pricing",
    "billing": "/billing",
    "invoices": "/billing/invoices",
    "change": "/billing/change",
    "overview": "/v1/metrics/overview",
    "mrr": "/v1/metrics/mrr",
    "movements": "/v1/metrics/movements",
    "trials": "/v1/metrics/trials",
    "recovery": "/v1/metrics/recovery?group=decline_code",
    "cancellations": "/v1/metrics/cancellations?group=reason_code",
    "who cancels": "/v1/cancellations",
    "customers": "/v1/metrics/customers?group=plan",
    "churn": "/v1/metrics/churn?billing_interval=month",
    "cohorts": "/v1/metrics/cohorts",
    "inbox": "/console",
    "list": "/console/subscriptions",
    "list, past due": "/console/subscriptions?status=past_due",
    "list, searched": "/console/subscriptions?q=c77%40example",
    "customers, searched": "/console/customers?q=c777",
    "detail": "/console/subscriptions/{measured}",
    "audit": "/console/audit",
    "numbers": "/console/numbers",
    **{
        f"numbers, {name}": f"/console/numbers/{name}"
        for name in (
            *("mrr", "movements", "customers", "trials", "churn"),
            *("recovery", "cancellations", "cohorts", "usage"),
        )
    },
}
_FILLED = "customers, subscriptions, invoices, mrr_movements, subscription_outcomes, recoveries, cancellations"
PUBLIC = frozenset({"/pay/closed", "/pricing"})
"""Opened by somebody who is in no visit."""
# What a page reads is what workflows have written; none of these customers has one.
_CUSTOMERS = text(
    "insert into customers (id, tenant, external_id, email, timezone, locale)"
    " select gen_random_uuid(), tenant, 'c' || n, 'c' || n || '@example.com', timezone, locale"
    " from customers, generate_series(1, :many) n where external_id = :measured"
)
_SUBSCRIPTIONS = text(
    "insert into subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,"
    " status_reason, access, sequence, period_start, period_end, state, created_at)"
    " select gen_random_uuid(), s.tenant, c.id, plan, plan_name, interval, quantity, amount, currency, status,"
    " status_reason, access, sequence, period_start, period_end, state, s.created_at"
    " from subscriptions s, customers c where c.external_id <> :measured"
)
_INVOICES = text(
    "insert into invoices (tenant, ref, subscription, number, status, amount, currency, url, pdf, attempts, at)"
    " select s.tenant, 'in_' || s.id || n, s.id, 'T-' || n, 'paid', s.amount, s.currency, '', '', 1,"
    " now() - n * interval '30 days' from subscriptions s, generate_series(1, 12) n where s.id not in"
    " (select id from subscriptions where customer = (select id from customers where external_id = :measured))"
)
_MOVEMENTS = text(
    "insert into mrr_movements (subscription, sequence, position, tenant, customer, at, recorded_at, kind, delta,"
    ' before, after, currency, plan, "interval", quantity, add_ons, catalog, from_plan, status_before, status_after,'
    " reason_code)"
    " select s.id, n, 0, s.tenant, s.customer, now() - (24 - n) * interval '30 days' - random() * interval '20 days',"
    " now() - interval '1 hour',"
    " case n when 0 then 'new' else case n % 2 when 1 then 'expansion' else 'contraction' end end,"
    " case n when 0 then 1200 else case n % 2 when 1 then 600 else -600 end end,"
    " case n when 0 then 0 else case n % 2 when 1 then 1200 else 1800 end end,"
    " case n when 0 then 1200 else case n % 2 when 1 then 1800 else 1200 end end,"
    " s.currency, s.plan, s.interval, 1, '{}', '', s.plan, 'active', 'active', ''"
    " from subscriptions s, generate_series(0, 2) n"
)
_TRIALS = text(
    "insert into subscription_outcomes (subscription, tenant, customer, trial_started_at, trial_ended_at,"
    " trial_outcome, trial_plan, trial_with_card, first_paid_at)"
    " select id, tenant, customer, began, began + interval '14 days',"
    " case n % 3 when 0 then 'converted' when 1 then 'expired' else 'canceled' end, plan, n % 2 = 0,"
    " case n % 3 when 0 then began + interval '14 days' end"
    " from (select *, now() - (n % 400) * interval '1 day' as began"
    " from (select *, row_number() over () as n from subscriptions) as numbered) as lives on conflict do nothing"
)
_RECOVERIES = text(
    "insert into recoveries (subscription, sequence, tenant, began_at, invoice, amount, currency, is_first_payment,"
    " decline_code, tries, outcome, plan)"
    " select id, n, tenant, now() - random() * interval '400 days', '', amount, currency, false,"
    " 'code_' || (random() * 20)::integer, 1 + (random() * 5)::integer,"
    " case when random() < 0.7 then 'recovered' else 'lost' end, plan from subscriptions, generate_series(1, 2) n"
)
_CANCELLATIONS = text(
    "insert into cancellations (subscription, sequence, tenant, asked_at, by, plan, status, reason_code, comment,"
    " retained_by)"
    " select id, n, tenant, now() - random() * interval '400 days', 'customer', plan, 'active',"
    " (array['too_expensive', 'unused', 'other', ''])[1 + (random() * 3)::integer], 'as I said', 'uncancel'"
    " from subscriptions, generate_series(1, 2) n"
)


@dataclass
class _Page:
    """What was measured of one page."""

    milliseconds: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)

    def share(self, of: float) -> float:
        """Milliseconds within which so large a share was answered."""
        return sorted(self.milliseconds)[min(int(len(self.milliseconds) * of), len(self.milliseconds) - 1)]


async def measure(customers: int = CUSTOMERS) -> str:
    """Open every page in turns, with this many *customers* in the database."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)) as stack:
            measured = await _fill(stack, customers)
            async with _browser(stack) as browser:
                with _counted(stack.api_parts.engine, stack.api_parts.system_engine) as count:
                    pages = {name: _Page() for name in PAGES}
                    for number in range(ROUNDS + 20):
                        for name, path in PAGES.items():
                            # The first rounds only warm up.
                            page = pages[name] if number >= 20 else _Page()
                            await _open(browser, path.format(measured=measured), page, count)
    return _report(customers, pages)


async def _fill(stack: Stack, customers: int) -> str:
    """Fill the database, and return the id of the subscription that is looked at."""
    async with Product(stack.addresses) as product:
        made = await product.sign_up(MEASURED, trial_days=0, payment_method="pm_card_visa")
        await product.travel(made["id"], timedelta(days=70))
    async with stack.engine.begin() as connection:
        await connection.execute(_CUSTOMERS, {"many": customers - 1, "measured": MEASURED})
        await connection.execute(_SUBSCRIPTIONS, {"measured": MEASURED})
        await connection.execute(_INVOICES, {"measured": MEASURED})
        await connection.execute(text("set local tenure.erasing = 'yes'"))
        await connection.execute(text("delete from mrr_movements"))
        for statement in (_MOVEMENTS, _TRIALS, _RECOVERIES, _CANCELLATIONS):
            await connection.execute(statement)
        # Not what is still empty: for such a table plans are made that do not hold once it is filled.
        await connection.execute(text(f"analyze {_FILLED}"))
    # As the worker does every six hours.
    await RevenueRollUpRecords(stack.engine, "UTC").roll_up()
    return str(made["id"])


@asynccontextmanager
async def _browser(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in a visit of one customer, and signed in to the console; it may also ask for figures."""
    async with Product(stack.addresses) as product:
        link = (await product.post("/v1/billing-sessions", {"customer": MEASURED}))["url"]
    founder, _ = await Operators(stack.engine).add(FOUNDER, OperatorRole.READ_ONLY, tenant=DEFAULT_TENANT)
    sign_in = await new_sign_in_link(stack.engine, founder, stack.addresses.api_url)
    async with httpx.AsyncClient(base_url=stack.addresses.api_url, timeout=60) as browser:
        cookies = [await _entered(browser, each) for each in (link, sign_in)]
        browser.headers["Cookie"] = "; ".join(cookies)
        browser.headers["Authorization"] = f"Bearer {stack.addresses.admin_key}"
        yield browser


async def _entered(browser: httpx.AsyncClient, link: str) -> str:
    entered = await browser.post(link, headers={"Sec-Fetch-Site": "same-origin"})
    found = COOKIE.match(entered.headers.get("Set-Cookie", ""))
    assert found is not None, entered.text
    return found[0]


@contextmanager
def _counted(*engines: AsyncEngine) -> Iterator[list[str]]:
    """The statements that are sent while the block runs."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        # Which tenant a transaction is for, and how it is planned, is no question of the page's.
        if "set_config" not in statement:
            sent.append(statement)

    for engine in engines:
        event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine.sync_engine, "before_cursor_execute", note)


async def _open(browser: httpx.AsyncClient, path: str, page: _Page, sent: list[str]) -> None:
    sent.clear()
    began = time.perf_counter()
    answer = await browser.get(path, headers={"Cookie": ""} if path in PUBLIC else {})
    page.milliseconds.append((time.perf_counter() - began) * 1000)
    page.statements.append(len(sent))
    assert answer.status_code == 200, (path, answer.status_code, answer.text)


def _report(customers: int, pages: dict[str, _Page]) -> str:
    bare = pages[BARE]
    lines = [f"{customers} customers", f"{'':<{NAMES}}{'statements':>11}{'p50 ms':>9}{'p95 ms':>9}{'p50 / bare':>12}"]
    for name, page in pages.items():
        # What runs in the background asks as well, now and then.
        statements = min(page.statements)
        ratio = statistics.median(page.milliseconds) / statistics.median(bare.milliseconds)
        lines.append(f"{name:<{NAMES}}{statements:>11}{page.share(0.5):>9.1f}{page.share(0.95):>9.1f}{ratio:>12.1f}")
    return "\n".join(lines)
