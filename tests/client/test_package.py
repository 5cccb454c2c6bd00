"""What products get when they import the client."""

import inspect
import shutil
import subprocess
import sys
import tomllib
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import httpx
import pytest

import tenure.client
from tenure.client import (
    AsyncTenure,
    Tenure,
    api_key_operations,
    audit_operations,
    bulk_operations,
    customer_operations,
    endpoint_operations,
    event_operations,
    gating,
    health_operations,
    metrics_operations,
    operator_operations,
    outcome_operations,
    plan_operations,
    subscription_operations,
    usage_operations,
)

HEAVY = "sqlalchemy temporalio stripe pydantic fastapi starlette structlog api domain storage worker"
HOUSE = Path(tenure.client.__file__).parent
TREE, CLIENT = HOUSE.parents[1], "packages/tenure-client"
OPERATIONS = (
    *(usage_operations, gating, customer_operations),
    *(subscription_operations, operator_operations, plan_operations, metrics_operations),
    outcome_operations,
    api_key_operations,
    audit_operations,
    endpoint_operations,
    event_operations,
    health_operations,
    bulk_operations,
)
LISTS = {
    "all_invoices",
    "api_keys",
    "audit",
    "bulk_rows",
    "bulk_runs",
    "customers",
    "deliveries",
    "discrepancies",
    "each_cancellation",
    "events",
    "inbox",
    "mails",
    "reconciliation_runs",
    "subscriptions",
    "webhook_endpoints",
}
"""Iterated over, page by page."""
SHARED = ("version", "authors", "license", "license-files", "requires-python")


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
    said = set().union(*map(operations_of, OPERATIONS))

    assert methods_of(AsyncTenure) - {"aclose", "invalidate"} == said
    assert methods_of(Tenure) - {"close", "invalidate"} == said


@pytest.mark.parametrize("name", sorted(methods_of(Tenure) - {"close", "invalidate"}))
def test_a_method_shows_the_parameters_and_words_of_its_operation(name: str) -> None:
    awaited, blocking = getattr(AsyncTenure, name), getattr(Tenure, name)

    assert next(iter(inspect.signature(awaited).parameters)) == "self"
    assert inspect.signature(awaited) == inspect.signature(blocking)
    assert inspect.isasyncgenfunction(awaited) if name in LISTS else inspect.iscoroutinefunction(awaited)
    assert not inspect.iscoroutinefunction(blocking)


def test_what_the_package_says_it_has_is_there() -> None:
    assert all(hasattr(tenure.client, name) for name in tenure.client.__all__)
    assert tenure.client.__all__ == sorted(tenure.client.__all__)


def test_types_of_the_client_are_for_products_too() -> None:
    assert (HOUSE / "py.typed").exists()


def built(package: Path, kind: str, folder: Path) -> Path:
    """What comes of building a package from its folder alone."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(build, cwd=package, capture_output=True, check=True)  # noqa: S603
    [made] = folder.iterdir()
    return made


def test_the_same_wheel_comes_of_the_tree_and_of_an_sdist_of_it(tmp_path: Path) -> None:
    package = TREE / CLIENT
    shutil.unpack_archive(built(package, "sdist", tmp_path / "sdist"), tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()

    wheels = [built(source, "wheel", tmp_path / str(n)) for n, source in enumerate((package, unpacked))]

    told = [{one.filename: one.CRC for one in zipfile.ZipFile(wheel).infolist()} for wheel in wheels]
    assert told[0] == told[1]
    assert "tenure/client/__init__.py" in told[0]
    [licence] = [crc for name, crc in told[0].items() if name.endswith(".dist-info/licenses/LICENSE")]
    assert licence == zlib.crc32((TREE / "LICENSE").read_bytes())


def test_tenure_and_its_client_have_the_same_version_authors_and_licence() -> None:
    both = [tomllib.loads((TREE / place / "pyproject.toml").read_text())["project"] for place in ("", CLIENT)]

    ours, of_the_client = ({key: one[key] for key in SHARED} for one in both)
    assert ours == of_the_client
    assert (ours["license"], ours["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert (TREE / "LICENSE").read_text() == (TREE / CLIENT / "LICENSE").read_text()


def test_the_client_is_a_package_of_its_own_that_works_without_the_rest(tmp_path: Path) -> None:
    """A product has no use for Tenure's own rooms, and may have an `api` or a `domain` itself."""
    package = TREE / CLIENT
    zipfile.ZipFile(built(package, "wheel", tmp_path / "wheel")).extractall(tmp_path)
    libraries = str(Path(httpx.__file__).parents[1])
    # Without `site` nothing is found but what is named here: not the tree itself, although it is installed.
    look = (
        f"import sys; sys.path += [{str(tmp_path)!r}, {libraries!r}]; import tenure.client.fastapi as it;"
        "print(it.__file__); import importlib.util as u; print([u.find_spec(n) for n in ('domain', 'tenure.cli')])"
    )

    said = subprocess.run([sys.executable, "-I", "-S", "-c", look], capture_output=True, text=True, check=True)  # noqa: S603

    assert said.stdout.split("\n")[:2] == [str(tmp_path / "tenure/client/fastapi.py"), "[None, None]"]
    assert [one.name for one in (tmp_path / "tenure").iterdir()] == ["client"]
    assert (tmp_path / "tenure/client/py.typed").exists()
    told = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert (told["version"], told["dependencies"]) == (version("tenure"), ["httpx>=0.28"])
