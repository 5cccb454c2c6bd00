"""What every run of tests has; the servers are in `tests/harness/stack_plugin.py` and `postgres.py`."""

import asyncio
import gc
import os
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email.headerregistry import HeaderRegistry
from functools import cache, wraps
from inspect import iscoroutinefunction
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from temporalio.worker import _replayer, _worker
from temporalio.worker.workflow_sandbox import _runner

from tests.harness import workflow_coverage
from tests.harness.typed import Forker

# Next to nothing of what is imported and collected is garbage.
gc.disable()

pytest_plugins = ["tests.harness.clusters", "tests.harness.stack_plugin", "tests.harness.postgres"]

HERE = Path(__file__).parent
HANGS_AFTER = 1200.0
"""Seconds: several times what the longest test takes on a busy machine."""
LONGEST = frozenset({"chaos", "fleet", "outage", "stories", "tenure", "upgrade"})
"""Folders of tests that take seconds each."""


def pytest_configure(config: pytest.Config) -> None:
    workflow_coverage.configure(config)
    # What CI tells the tests is no setting of the product, which refuses those that it does not know.
    if told := os.environ.pop("TENURE_TESTS_ALL", None):
        os.environ["TESTS_ALL"] = told


# By the clock nothing is judged: a machine may be slow, or busy with something else.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: one such test that is left for the end keeps one process busy, and no other."""
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            item.obj = _limited(item.obj)
    items.sort(key=lambda item: _is_short(item.path))


@cache
def _is_short(file: Path) -> bool:
    return LONGEST.isdisjoint(file.relative_to(HERE).parts)


def _limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The same test, ended where it waits for ever: the error's trace leads there."""

    @wraps(test)
    async def limited(*args: Any, **given: Any) -> None:
        async with asyncio.timeout(HANGS_AFTER):
            await test(*args, **given)

    return limited


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Thousands of tests and modules are there now and stay: the garbage collector need not go through them at all."""
    gc.freeze()
    # Hundreds of objects are made for each test, and few stay.
    gc.set_threshold(2_000, 10, 50)
    gc.enable()


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
def _tracebacks_name_lines_alone() -> Iterator[None]:
    """For the marks beneath its lines, Python parses every line of every traceback that is logged or sent.

    Each activity that fails writes two, and where the provider is silent hundreds fail.
    """
    nowhere = (None, None, None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traceback, "_get_code_position", lambda _code, _instruction: nowhere)
        yield


@pytest.fixture(scope="session", autouse=True)
def _errors_logged_plainly() -> None:
    """As in production. By default structlog draws each traceback with its code, coloured, where that is possible."""
    plainly = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plainly])


@pytest.fixture(scope="session", autouse=True)
def _classes_of_headers_made_once() -> Iterator[None]:
    """Python's library makes a new class for each header of each mail that is written or read."""
    make = HeaderRegistry.__getitem__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeaderRegistry, "__getitem__", cache(lambda registry, name: make(registry, name.lower())))
        yield


@pytest.fixture(scope="session", autouse=True)
def _sandbox_code_compiled_once() -> Iterator[None]:
    """Temporal's workflow sandbox compiles the same few lines for each task of a workflow and each of its payloads."""
    compiled = cache(lambda code: compile(code, "<string>", "exec"))

    def execute(code: str, outer: dict[str, Any], inner: dict[str, Any]) -> None:
        exec(compiled(code), outer, inner)  # noqa: S102 - as the sandbox would

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_runner, "exec", execute, raising=False)
        yield


class _CompiledTemplates(BytecodeCache):
    """Keeps the code of templates by what they are compiled from."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        bucket = Bucket(environment, f"{filename or name}", self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get(_compiled_as(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._known[_compiled_as(bucket)] = bucket.code


def _compiled_as(bucket: Bucket) -> tuple[str, bool]:
    return f"{bucket.key}:{bucket.checksum}", bool(bucket.environment.autoescape)


@pytest.fixture(scope="session", autouse=True)
def _templates_compiled_once() -> Iterator[None]:
    """Each application that a test makes has templates of its own, in each language, compiled when they are shown."""
    make, compiled = Environment.__init__, _CompiledTemplates()

    def create(self: Environment, *args: Any, **more: Any) -> None:
        make(self, *args, **{"bytecode_cache": compiled} | more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "__init__", create)
        yield


@pytest.fixture(scope="session", autouse=True)
def _code_not_hashed() -> Iterator[None]:
    """Workers and replayers of tests name no build of theirs, and would hash every module that is imported."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (_worker, _replayer):
            patch.setattr(module, "load_default_build_id", lambda: "tests")
        yield


@pytest.fixture(scope="session")
async def forker() -> AsyncIterator[Forker]:
    """What starts `tenure` commands for whoever types them."""
    async with Forker.at_work() as forker:
        yield forker
