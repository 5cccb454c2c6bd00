"""Behind a pooler that hands out its connections for one transaction each, and has fewer of them than we."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.access.idempotency import IdempotencyKeys, Running
from storage.db.engine import create_engine_from_url, fetch, single, statement, transaction
from storage.db.pooling import Pooling
from storage.subscriptions.customers import Customers
from tests.harness.pgbouncer import needs_pgbouncer, pooled

pytestmark = needs_pgbouncer
CLIENTS, TIMES = 10, 20


@pytest.fixture
async def behind(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with pooled(database_url, connections=2) as (url,):
        engine = create_engine_from_url(url, Pooling.for_callers(CLIENTS, by_transaction=True))
        yield engine
        await engine.dispose()


async def test_every_way_of_asking_works_for_many_at_once_on_few_connections(behind: AsyncEngine) -> None:
    async def ask(client: int) -> list[int]:
        answers = []
        for number in range(TIMES):
            wanted = client * TIMES + number
            found = await fetch(behind, f"select $1::int + {number % 3} - {number % 3} as it", wanted)
            answers.append(found[0]["it"])
            async with statement(single(behind)) as connection:
                answers.append((await connection.execute(text("select cast(:it as int)"), {"it": wanted})).scalar_one())
            async with transaction(behind, statements_within=60.0) as connection:
                answers.append((await connection.execute(text("select cast(:it as int)"), {"it": wanted})).scalar_one())
        return answers

    answers = await asyncio.gather(*(ask(client) for client in range(CLIENTS)))

    for client, given in enumerate(answers):
        assert given == [client * TIMES + number for number in range(TIMES) for _ in range(3)]
    for row in await fetch(behind, "select current_setting('statement_timeout') as it from generate_series(1, 3)"):
        assert row["it"] == "0"


async def test_customers_keys_and_counters_are_kept_behind_it(behind: AsyncEngine) -> None:
    customers, keys = Customers(behind), IdempotencyKeys(behind)
    await asyncio.gather(
        *(customers.upsert(tenant="default", external_id=f"c-{n}", email=f"c-{n}@example.com") for n in range(CLIENTS))
    )
    claims = await asyncio.gather(*(keys.begin("default", f"k-{n % 2}", "same") for n in range(CLIENTS)))

    assert sum(claim == Running() for claim in claims) == CLIENTS - 2
    assert len(await fetch(behind, "select * from customers")) == CLIENTS
