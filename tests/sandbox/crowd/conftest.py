"""A stack of the crowds' own: each looks at all that live there, and some publish another product's catalog."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.crowd.filling import Crowd, fill
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.folders import migrated_folder
from tests.harness.own_stack import own_stack


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    with migrated_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def stack(stack_folder: Path) -> AsyncIterator[Stack]:
    async with own_stack(stack_folder) as stack:
        yield stack


@pytest.fixture(scope="session")
async def product(stack: Stack) -> AsyncIterator[Product]:
    async with Product(stack.addresses) as product:
        yield product


@pytest.fixture(scope="session")
async def crowd(stack: Stack) -> Crowd:
    """Forty customers with a year behind them. A test that changes one takes a role that no other test looks at."""
    return await fill(stack, 40, lambda _text: None)
