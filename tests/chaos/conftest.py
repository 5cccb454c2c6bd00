"""Lives in which several things happen at once."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sandbox.product import Product
from sandbox.stack import Stack
from tests.chaos.invariants import Inspector
from tests.harness.lives import Life


@pytest.fixture(scope="session")
async def inspector(stack: Stack, stack_folder: Path) -> AsyncIterator[Inspector]:
    async with Inspector.of(stack, stack_folder) as inspector:
        yield inspector


@pytest.fixture
def begin(product: Product, request: pytest.FixtureRequest) -> Callable[..., Awaitable[Life]]:
    """Sign a customer up who is named after the test."""

    async def begin(**more: object) -> Life:
        name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
        return await Life.begun(product, name[-60:].lstrip("_-"), **more)

    return begin
