"""A stack of its own, so that all that it holds can be searched, and a database without one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.privacy.erasure import Erasures
from tests.harness.callers import Caller
from tests.harness.folders import data_folder, migrated_folder
from tests.harness.own_stack import own_stack
from tests.harness.postgres import Databases
from tests.harness.trial_key import TRIAL_KEY
from tests.harness.typed import Forker, Terminal
from tests.storage.ledger import Ledger


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with migrated_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def stack(folder: Path) -> AsyncIterator[Stack]:
    async with own_stack(folder) as stack:
        yield stack


@pytest.fixture(scope="session")
async def product(stack: Stack) -> AsyncIterator[Product]:
    async with Product(stack.addresses) as product:
        yield product


@pytest.fixture(scope="session")
async def admin(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.holding(stack, stack.addresses.admin_key) as caller:
        yield caller


@pytest.fixture
async def healed(product: Product) -> AsyncIterator[None]:
    """Faults end with the story that asked for them."""
    yield
    await product.faults()


@pytest.fixture
def terminal(stack: Stack, folder: Path, forker: Forker) -> Iterator[Terminal]:
    """A terminal whose settings lead to the stack."""
    with data_folder() as own:
        terminal = Terminal(own, forker)
        terminal.settings = {
            "TENURE_DATABASE_URL": stack.addresses.database_url,
            "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
            "TENURE_TRIAL_KEY": Secrets.of(folder).trial_key,
        }
        yield terminal


@pytest_asyncio.fixture
async def engine(databases: Databases, database_url: str) -> AsyncEngine:
    return databases.engine(database_url)


@pytest_asyncio.fixture
async def ledger(engine: AsyncEngine) -> Ledger:
    return Ledger(engine)


@pytest.fixture
def erasures(engine: AsyncEngine) -> Erasures:
    return Erasures(engine, TRIAL_KEY)
