"""A cleared database is as good as new, whatever the test before did to its connections."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.harness.postgres import Databases

Do = Callable[[AsyncEngine], Awaitable[None]]

WRITE = text("INSERT INTO tenants (id, name) VALUES ('left', 'behind')")
COUNT = text("SELECT count(*) FROM tenants WHERE id = 'left'")


async def _write(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(WRITE)


async def _end_its_own_connection(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        driver.terminate()


async def _be_canceled_in_a_statement(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.execute(text("SELECT pg_sleep(600)"))


@pytest.mark.parametrize("do", [_write, _end_its_own_connection, _be_canceled_in_a_statement])
async def test_nothing_of_a_test_is_left_in_a_database_that_was_cleared(databases: Databases, do: Do) -> None:
    url = await databases.migrated()
    await do(databases.engine(url))

    await databases.give_back(url)

    assert await databases.migrated() == url
    async with databases.engine(url).connect() as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 0
    await databases.give_back(url)
