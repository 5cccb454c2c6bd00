"""Customers in front of the billing pages of the running stack."""

from collections.abc import AsyncIterator

import pytest

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
