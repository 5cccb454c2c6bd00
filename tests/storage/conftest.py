"""A database for every test, and what the tests do with it."""

from collections.abc import Iterator

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.harness.postgres import Databases
from tests.storage.ledger import Ledger


@pytest_asyncio.fixture
async def engine(databases: Databases, database_url: str) -> AsyncEngine:
    """Connections to the test's own database, made as production makes them."""
    return databases.engine(database_url)


@pytest_asyncio.fixture
async def ledger(engine: AsyncEngine) -> Ledger:
    return Ledger(engine)


@pytest.fixture
def asked(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements sent to the database."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield found
    event.remove(engine.sync_engine, "before_cursor_execute", note)
