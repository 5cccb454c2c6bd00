"""A plugin with the whole stack on real servers: one for the session, and all who tell of it share it.

`tests/conftest.py` names it. To load it is to import the whole product: a run that starts no server blocks it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import Stack, running
from tests.harness import wire_record
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.event_schemas import check_all
from tests.harness.folders import migrated_folder
from tests.harness.lives import Life
from tests.harness.names import named_after
from tests.harness.owners import Owners
from tests.harness.replaying import every_life_replays
from tests.harness.stripe_coverage import (
    pytest_sessionfinish,
    pytest_sessionstart,
    pytest_terminal_summary,
    pytest_testnodedown,
)
from tests.harness.stripe_watch import StripeWatch, watching
from tests.harness.wire_record import SEEN, pytest_addoption
from tests.harness.workers import patient_workers

__all__ = [
    "pytest_addoption",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]


def pytest_configure(config: pytest.Config) -> None:
    wire_record.pytest_configure(config)


@pytest.fixture(scope="session", autouse=True)
def _patient_workers() -> Iterator[None]:
    with patient_workers():
        yield


@pytest.fixture(scope="session")
def owners() -> Owners:
    return Owners()


@pytest.fixture
async def _names_of_its_own(request: pytest.FixtureRequest, stack: Stack, owners: Owners) -> AsyncIterator[None]:
    """No test signs up with the name or the address of another's: neither would know what it finds."""
    yield
    assert await owners.shared(stack.engine, request.node.nodeid) == {}


@pytest.fixture(autouse=True)
def _names_are_seen_to(request: pytest.FixtureRequest) -> None:
    """Whoever has the stack is looked at; thousands of others need no event loop for it."""
    if "stack" in request.fixturenames:
        request.getfixturevalue("_names_of_its_own")


@pytest.fixture(scope="session", autouse=True)
def stripe_watch() -> Iterator[StripeWatch]:
    with watching() as watch:
        yield watch


@pytest.fixture(autouse=True)
def as_the_sdk_says(stripe_watch: StripeWatch) -> Iterator[None]:
    """No test asks Stripe for anything, or is answered anything, that the pinned SDK does not know."""
    yield
    assert stripe_watch.taken() == []


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    with migrated_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def stack(stack_folder: Path, pytestconfig: pytest.Config) -> AsyncIterator[Stack]:
    async with running(Options(stack_folder, CATALOG, POLICY, durable=False, ui=False)) as running_stack:
        yield running_stack
        await pytestconfig.stash[SEEN].read(running_stack)
        await every_life_replays(running_stack)
        await check_all(running_stack.engine)


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
    """Sign a customer up who is named after the test."""

    async def begin(**more: object) -> Life:
        return await Life.begun(product, named_after(request), **more)

    return begin
