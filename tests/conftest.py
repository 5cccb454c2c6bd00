"""The whole stack on real servers: one for the session, and all who tell of it share it."""

import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from sandbox.product import Product
from sandbox.stack import Options, Stack, running
from tests.harness import wire_record, workflow_coverage
from tests.harness.folders import data_folder
from tests.harness.lives import CATALOG, POLICY, Life
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
from tests.harness.typed import Forker
from tests.harness.wire_record import SEEN, pytest_addoption
from tests.harness.workers import patient_workers

__all__ = [
    "pytest_addoption",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]

HERE = Path(__file__).parent
LONGEST = frozenset({"chaos", "stories", "tenure", "upgrade"})
"""Folders of tests that take seconds each."""


def pytest_configure(config: pytest.Config) -> None:
    wire_record.pytest_configure(config)
    workflow_coverage.configure(config)


# By the clock nothing is judged: a machine may be slow, or busy with something else.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: one such test that is left for the end keeps one process busy, and no other."""
    items.sort(key=lambda item: LONGEST.isdisjoint(item.path.relative_to(HERE).parts))


def pytest_collection_finish() -> None:
    """Thousands of tests and modules are there now and stay: the garbage collector need not go through them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _authorities_read_once() -> Iterator[None]:
    """Each HTTP client reads the certificates of all authorities when it is made, which takes longer than most tests.

    No test changes a context that was made of a file.
    """
    made = ssl.create_default_context
    read_once = cache(lambda cafile: made(cafile=cafile))

    def create(*args: Any, cafile: Any = None, **more: Any) -> ssl.SSLContext:
        return read_once(cafile) if cafile and not args and not more else made(*args, cafile=cafile, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", create)
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient_workers() -> Iterator[None]:
    with patient_workers():
        yield


@pytest.fixture(scope="session")
def owners() -> Owners:
    return Owners()


@pytest.fixture(autouse=True)
async def _names_of_its_own(request: pytest.FixtureRequest, owners: Owners) -> AsyncIterator[None]:
    """No test signs up with the name or the address of another's: neither would know what it finds."""
    yield
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        assert await owners.shared(stack.engine, request.node.nodeid) == {}


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
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def stack(stack_folder: Path, pytestconfig: pytest.Config) -> AsyncIterator[Stack]:
    async with running(Options(stack_folder, CATALOG, POLICY, durable=False, ui=False)) as running_stack:
        yield running_stack
        await pytestconfig.stash[SEEN].read(running_stack)
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
        return await Life.begun(product, named_after(request), **more)

    return begin
