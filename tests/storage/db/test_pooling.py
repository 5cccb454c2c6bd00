"""Turns at the connections, and what is left on none of them."""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SAWarning
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import GatewayUnavailable
from liveness.pulse import TICK, Patience
from storage.db.engine import create_engine_from_url, fetch, single, statement, transaction
from storage.db.pooling import Pooling, Turns

TWO = replace(Pooling.for_callers(2), wait=0.3, command=60.0)


@pytest.fixture
async def two_turns(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_from_url(database_url, TWO)
    yield engine
    await engine.dispose()


async def test_in_a_crowd_that_is_served_everybody_is(two_turns: AsyncEngine) -> None:
    """Together they wait for longer than anybody waits while nothing happens."""

    async def use(number: int) -> int:
        found = await fetch(two_turns, "select $1::int as number from pg_sleep(0.05)", number)
        return int(found[0]["number"])

    assert await asyncio.gather(*(use(number) for number in range(40))) == list(range(40))


async def test_who_waits_gets_an_error_when_no_connection_becomes_free(two_turns: AsyncEngine) -> None:
    async with transaction(two_turns), transaction(two_turns):
        with pytest.raises(GatewayUnavailable, match="no connection to the database became free"):
            await fetch(two_turns, "select 1")
    assert len(await fetch(two_turns, "select 1")) == 1


async def test_a_turn_is_not_lost_when_who_waits_for_it_gives_up(two_turns: AsyncEngine) -> None:
    async with transaction(two_turns), transaction(two_turns):
        waiting = [asyncio.create_task(fetch(two_turns, "select 1")) for _ in range(3)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
    async with asyncio.timeout(60), transaction(two_turns), transaction(two_turns):
        pass


async def test_a_list_that_takes_too_long_is_ended_by_the_server_and_the_limit_stays_on_no_connection(
    two_turns: AsyncEngine,
) -> None:
    with pytest.raises(GatewayUnavailable, match="statement timeout"):
        async with transaction(two_turns, statements_within=0.01) as connection:
            await connection.execute(text("select pg_sleep(60)"))
    async with transaction(two_turns) as connection, transaction(two_turns) as other:
        for each in (connection, other):
            assert (await each.execute(text("show statement_timeout"))).scalar() == "0"


async def asked_afterwards(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the server is asked whether it is alive, once nobody is patient and nothing is in progress."""
    turns, asked = Turns.of(engine), 0
    assert turns is not None

    async def ask() -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(turns.pulse, "_patience", Patience(0.0, 1.0))
    monkeypatch.setattr(turns.pulse, "_ask", ask)
    await asyncio.sleep(3 * TICK)
    return asked


async def test_a_broken_connection_that_was_replaced_is_not_waited_for(
    two_turns: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with transaction(two_turns) as connection:
        driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    driver.terminate()

    assert len(await fetch(two_turns, "select 1")) == 1

    assert await asked_afterwards(two_turns, monkeypatch) == 0


async def test_a_connection_that_became_garbage_in_use_is_not_waited_for(
    two_turns: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use = [await two_turns.connect()]

    def lose_it() -> None:
        in_use.clear()
        gc.collect()

    with pytest.warns(SAWarning, match="garbage collector"):
        lose_it()

    assert await asked_afterwards(two_turns, monkeypatch) == 0


async def test_the_server_of_an_engine_that_was_disposed_of_is_asked_no_more(
    two_turns: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_turns.connect():
        await two_turns.dispose()

        assert await asked_afterwards(two_turns, monkeypatch) == 0


async def test_behind_a_pooler_nothing_is_prepared_for_later(database_url: str) -> None:
    engine = create_engine_from_url(database_url, Pooling.for_callers(1, by_transaction=True))
    await fetch(engine, "select $1::int", 1)
    async with statement(single(engine)) as connection:
        await connection.execute(text("select cast(:it as int)"), {"it": 1})
    async with transaction(engine) as connection:
        left = text("select count(*) from pg_prepared_statements where name <> ''")
        assert (await connection.execute(left)).scalar() == 0
    await engine.dispose()
