"""The whole stack on real servers: one for the session, and all who tell of it share it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.product import Product
from sandbox.stack import Options, Stack, running
from tests.harness.lives import CATALOG, POLICY


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
