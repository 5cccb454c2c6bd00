"""What products get when they import the client."""

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tenure.client
from tenure.client import AsyncTenure, Tenure, gating, operations, subscribing

HEAVY = "sqlalchemy temporalio stripe pydantic fastapi starlette structlog api domain storage worker"
HOUSE = Path(tenure.client.__file__).parent


def operations_of(module: ModuleType) -> set[str]:
    own = inspect.getmembers(module, inspect.isfunction)
    return {name for name, one in own if one.__module__ == module.__name__ and not name.startswith("_")}


def methods_of(client: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")}


def test_importing_the_client_imports_neither_databases_nor_frameworks() -> None:
    look = f"import tenure.client, sys; print([one for one in {HEAVY.split()!r} if one in sys.modules])"

    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)  # noqa: S603

    assert said.stdout.strip() == "[]"


def test_both_clients_have_every_operation_under_the_same_name() -> None:
    said = set().union(*map(operations_of, (operations, gating, subscribing)))

    assert methods_of(AsyncTenure) - {"aclose", "invalidate"} == said
    assert methods_of(Tenure) - {"close", "invalidate"} == said


@pytest.mark.parametrize("name", sorted(methods_of(Tenure) - {"close", "invalidate"}))
def test_a_method_shows_the_parameters_and_words_of_its_operation(name: str) -> None:
    awaited, blocking = getattr(AsyncTenure, name), getattr(Tenure, name)

    assert next(iter(inspect.signature(awaited).parameters)) == "self"
    assert inspect.signature(awaited) == inspect.signature(blocking)
    assert inspect.iscoroutinefunction(awaited)
    assert not inspect.iscoroutinefunction(blocking)


def test_what_the_package_says_it_has_is_there() -> None:
    assert all(hasattr(tenure.client, name) for name in tenure.client.__all__)
    assert tenure.client.__all__ == sorted(tenure.client.__all__)


def test_types_of_the_client_are_for_products_too() -> None:
    assert (HOUSE / "py.typed").exists()
