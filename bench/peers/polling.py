"""A subscription as a row that a loop polls: what is due by `next_action_at` is locked, acted on and written back.

A process of its own: `python -m bench.peers.polling URL TABLE EVERY` looks each EVERY seconds until nothing is left;
with EVERY 0 it does not wait and moves its clock to what is due next. It prints the seconds and its CPU as JSON.
Charges and mails do nothing, as with the plain workflow.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from bench.peers.life import PERIOD, REMINDERS, RENEWALS, TRIAL

BATCH = 100
LAST = len(REMINDERS) + RENEWALS
"""The step after which nothing is due."""
CREATE = """
CREATE TABLE {table} (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer text NOT NULL, status text NOT NULL DEFAULT 'trialing',
    step integer NOT NULL DEFAULT 0, next_action_at timestamptz
);
CREATE INDEX {table}_due ON {table} (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE TABLE {table}_log (
    subscription uuid NOT NULL, step integer NOT NULL, what text NOT NULL, due timestamptz NOT NULL,
    done_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
DUE = """
SELECT id, customer, step, next_action_at FROM {table} WHERE next_action_at <= $1
ORDER BY next_action_at LIMIT {batch} FOR UPDATE SKIP LOCKED
"""
NEXT = "SELECT min(next_action_at) FROM {table}"
UPDATE = "UPDATE {table} SET step = $2, status = $3, next_action_at = $4 WHERE id = $1"
LOG = "INSERT INTO {table}_log (subscription, step, what, due) VALUES ($1, $2, $3, $4)"


async def work(url: str, table: str, every: float) -> None:
    """Poll until nothing is left to do."""
    connection = await asyncpg.connect(url)
    now = datetime.now(UTC)
    while (due := await connection.fetchval(NEXT.format(table=table))) is not None:
        now = datetime.now(UTC) if every else max(now, due)
        while await _act(connection, table, now):
            pass
        await asyncio.sleep(every)
    await connection.close()


async def _act(connection: Any, table: str, now: datetime) -> int:
    """One batch; returns how many there were."""
    async with connection.transaction():
        rows = await connection.fetch(DUE.format(table=table, batch=BATCH), now)
        for row in rows:
            step = row["step"]
            is_reminder = step < len(REMINDERS)
            await (_mail(row["customer"]) if is_reminder else _charge(row["customer"]))
            status = "trialing" if is_reminder else "active"
            following = None if step == LAST else row["next_action_at"] + timedelta(seconds=_until_next(step))
            await connection.execute(UPDATE.format(table=table), row["id"], step + 1, status, following)
            what = "reminder" if is_reminder else "charge"
            await connection.execute(LOG.format(table=table), row["id"], step, what, row["next_action_at"])
    return len(rows)


def _until_next(step: int) -> float:
    """Seconds from a step to the next: reminders and the end of the trial, then renewals."""
    ends = [TRIAL - before for before in REMINDERS] + [TRIAL]
    return ends[step + 1] - ends[step] if step < len(REMINDERS) else PERIOD


async def _charge(_customer: str) -> None:
    """Nothing, as the plain workflow does."""


async def _mail(_customer: str) -> None:
    """Likewise."""


def main(url: str, table: str, every: str) -> None:
    began, used = time.perf_counter(), time.process_time()
    asyncio.run(work(url, table, float(every)))
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu": time.process_time() - used}))


if __name__ == "__main__":
    main(*sys.argv[1:])
