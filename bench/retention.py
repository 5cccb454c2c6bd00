"""Whether what is not kept for good levels off: webhooks, requests and usage of many days, rolled up day by day."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.results import Bars, Result
from domain.entitlements.usage import UsageChange
from domain.names import DEFAULT_TENANT
from domain.provider.events import Disposition, ProviderEvent, Routing
from domain.provider.hints import EventKind
from domain.retention import FORGOTTEN
from sandbox.postgres import Postgres
from storage.access.idempotency import Claim, IdempotencyKeys
from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from storage.usage.counting import Usage
from storage.usage.roll_up import UsageRollUpRecords
from storage.webhooks.inbox import Inbox
from tests.storage.counting import RULES, Counting
from tests.storage.ledger import Ledger, a_mail, a_step, later

DAYS: Final = 120
A_DAY: Final = 20
"""Webhooks a day, as many requests with a key, and three times as many uses."""
CUSTOMERS: Final = 5
BODY: Final = b'{"id": "evt", "data": {"object": {"note": "' + b"x" * 2000 + b'"}}}'
"""As large as an event of Stripe's."""
SHOWN_EVERY: Final = 10
_TABLES: Final = {
    "webhook_inbox": "octet_length(body)",
    "idempotency_keys": "octet_length(coalesce(body, ''))",
    "usage_log": "0",
    "mails": "pg_column_size(nullif(facts, '{}'))",
}
"""Each with the bytes in it that are of no use after a while."""
_A_DAY_PASSES: Final = (
    "UPDATE webhook_inbox SET received_at = received_at - interval '1 day', handled_at = handled_at - interval '1 day'",
    """
    UPDATE idempotency_keys SET created_at = created_at - interval '1 day',
        claimed_until = claimed_until - interval '1 day', completed_at = completed_at - interval '1 day'
    """,
    "UPDATE usage_log SET at = at - interval '1 day', recorded_at = recorded_at - interval '1 day'",
    "UPDATE mails SET created_at = created_at - interval '1 day'",
)


@dataclass(frozen=True)
class Day:
    """What was there after a day's roll-up."""

    number: int
    rows: dict[str, int]
    contents: dict[str, int]
    """Bytes of what is emptied, by table."""
    forgotten: dict[str, int]


async def measure(days: int = DAYS) -> Result:
    """Write this many days and roll each up; what is older than its retention is gone."""
    with tempfile.TemporaryDirectory() as folder:
        async with Postgres(Path(folder), durable=False) as server:
            await upgrade(server.url)
            engine = create_engine_from_url(server.url)
            observer = await asyncpg.connect(server.url)
            shop = Counting(engine)
            await shop.publish()
            ids = [f"c{number}" for number in range(CUSTOMERS)]
            lives = [await shop.customer(each) for each in ids]
            roll_up, found = UsageRollUpRecords(engine), []
            for number in range(1, days + 1):
                await _write_a_day(engine, ids)
                lives = [each and later(each) for each in lives]
                for each in lives:
                    if each is not None:
                        await Ledger(engine).save(a_step(each, a_mail(key=f"receipt/{number}")))
                await observer.execute("UPDATE mails SET status = 'sent', sent_at = now() WHERE status = 'queued'")
                for statement in _A_DAY_PASSES:
                    await observer.execute(statement)
                forgotten = await roll_up.forget(alive=_nothing)
                found.append(await _looked_at(observer, number, forgotten))
            await observer.close()
            await engine.dispose()
    return _report(found)


async def _write_a_day(engine: AsyncEngine, customers: Sequence[str]) -> None:
    inbox, keys, usage = Inbox(engine), IdempotencyKeys(engine), Usage(engine)
    told = []
    for number in range(A_DAY):
        event = ProviderEvent(f"evt_{uuid4()}", "invoice.paid", "in_1", "cus_1", EventKind.INVOICE_PAID)
        await inbox.receive(event, BODY)
        told.append(event.id)
        claim = await keys.begin(DEFAULT_TENANT, str(uuid4()), "fingerprint")
        assert isinstance(claim, Claim)
        await keys.complete(claim, 201, b'{"status": "active"}' * 20, None)
        for _ in range(3):
            use = UsageChange(customers[number % len(customers)], "calls", 1, str(uuid4()))
            await usage.use(use, RULES)
    aside, *others = told
    outcomes = {aside: Routing(Disposition.SET_ASIDE, "nobody's")}
    await inbox.mark_handled(outcomes | dict.fromkeys(others, Routing(Disposition.DELIVERED, "delivered")))


async def _looked_at(observer: asyncpg.Connection, number: int, forgotten: dict[str, int]) -> Day:
    rows: dict[str, int] = {}
    contents: dict[str, int] = {}
    for table, size in _TABLES.items():
        found = await observer.fetchrow(f"SELECT count(*) AS rows, coalesce(sum({size}), 0) AS bytes FROM {table}")  # noqa: S608
        rows[table], contents[table] = found["rows"], found["bytes"]
    return Day(number, rows, contents, forgotten)


def _nothing() -> None:
    """Nobody waits for a heartbeat."""


def _report(days: Sequence[Day]) -> Result:
    lines = [
        f"{days[-1].number} days of {A_DAY} webhooks, {A_DAY} requests with a key, {3 * A_DAY} uses, {CUSTOMERS} mails",
        "rolled up each day: rows, and KB of contents that are emptied",
        "",
        "".join(["day".rjust(5), *(f"{table:>18}{'KB':>8}" for table in _TABLES)]),
    ]
    for day in days:
        if day.number % SHOWN_EVERY == 0 or day is days[-1]:
            cells = (f"{day.rows[table]:>18,}{day.contents[table] / 1000:>8.0f}" for table in _TABLES)
            lines.append(f"{day.number:>5}" + "".join(cells))
    lines.append("")
    lines += [f"{level(days, table)}" for table in _TABLES]
    total: dict[str, int] = {}
    for day in days:
        for kind, count in day.forgotten.items():
            total[kind] = total.get(kind, 0) + count
    lines += ["", *(f"{FORGOTTEN[kind]}: {count:,} forgotten" for kind, count in total.items())]
    return Result("\n".join(lines), bars=[_bars(days, "webhook_inbox"), _bars(days, "idempotency_keys")])


def level(days: Sequence[Day], table: str) -> str:
    """From which day on it has had no more rows than then, or no more content if its rows stay."""
    counts = {"rows": [day.rows[table] for day in days], "bytes of contents": [day.contents[table] for day in days]}
    for unit, by_day in counts.items():
        first = days[by_day.index(max(by_day))].number
        if max(by_day) and first < days[-1].number:
            return f"{table}: levels off at {max(by_day):,} {unit} on day {first}"
    return f"{table}: still grows on day {days[-1].number}, within its retention"


def _bars(days: Sequence[Day], table: str) -> Bars:
    shown = [day for day in days if day.number % SHOWN_EVERY == 0]
    return Bars(f"Rows of {table} by day", "rows", [(str(day.number), float(day.rows[table])) for day in shown])
