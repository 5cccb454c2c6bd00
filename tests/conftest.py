"""The whole stack on real servers: one for the session, and all who tell of it share it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sandbox.product import Product
from sandbox.stack import Options, Stack, running
from tests.harness.lives import CATALOG, POLICY, Life
from tests.harness.replaying import every_life_replays
from tests.harness.typed import Forker


@pytest.fixture(scope="session")
def stack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
async def stack(stack_folder: Path) -> AsyncIterator[Stack]:
    async with running(Options(stack_folder, CATALOG, POLICY, durable=False, ui=False)) as running_stack:
        yield running_stack
        await every_life_replays(running_stack)


@pytest.fixture(scope="session")
async def product(stack: Stack) -> AsyncIterator[Product]:
    async with Product(stack.addresses) as product:
        yield product


@pytest.fixture(scope="session")
async def forker() -> AsyncIterator[Forker]:
    """What starts `tenure` commands for whoever types them."""
    async with Forker.at_work() as forker:
        yield forker


@pytest.fixture
async def healed(product: Product) -> AsyncIterator[None]:
    """Faults end with the story that asked for them."""
    yield
    await product.faults()


@pytest.fixture
def begin(product: Product, request: pytest.FixtureRequest) -> Callable[..., Awaitable[Life]]:
    """Sign a customer up who is named after the test."""

    async def begin(**more: object) -> Life:
        name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
        return await Life.begun(product, name[-60:].lstrip("_-"), **more)

    return begin
