"""Customers in front of the billing pages of the running stack."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import event

from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.harness.names import named_after


@pytest.fixture(scope="session")
async def admin(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.holding(stack, stack.addresses.admin_key) as caller:
        yield caller


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A customer name derived from the test."""
    return named_after(request)


@pytest.fixture
def statements(stack: Stack) -> Iterator[list[str]]:
    """The statements that the API sends to the database."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    event.listen(stack.api_parts.engine.sync_engine, "before_cursor_execute", note)
    yield found
    event.remove(stack.api_parts.engine.sync_engine, "before_cursor_execute", note)
