"""Lives told by date: the whole stack on real servers, once for all stories, and time travel for each life."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sandbox.product import Product
from sandbox.stack import Options, Stack, running
from tests.harness.lives import CATALOG, POLICY, Life


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    async with running(Options(folder, CATALOG, POLICY, durable=False, ui=False)) as running_stack:
        yield running_stack


@pytest.fixture(scope="session")
async def product(stack: Stack) -> AsyncIterator[Product]:
    async with Product(stack.addresses) as product:
        yield product


@pytest.fixture
async def healed(product: Product) -> AsyncIterator[None]:
    """Faults end with the story that asked for them."""
    yield
    await product.faults()


@pytest.fixture
def begin(product: Product, request: pytest.FixtureRequest) -> Callable[..., Awaitable[Life]]:
    """Sign a customer up who is named after the story."""

    async def begin(**more: object) -> Life:
        name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
        return await Life.begun(product, name[-60:].lstrip("_-"), **more)

    return begin
