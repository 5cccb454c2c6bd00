"""Shipped migrations never change: databases have run them, and others will, with the code of their day."""

import ast
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.db.migrations import MIGRATIONS

FINGERPRINTS = MIGRATIONS / "SHA256SUMS"
"""As `sha256sum` writes and checks them."""
SHIPPED = sorted([*MIGRATIONS.glob("versions/*.py"), *MIGRATIONS.glob("functions/*.sql")])
LIBRARIES = {"alembic", "sqlalchemy"} | sys.stdlib_module_names
BESIDES = {"0011_addresses_in_ascii.py": {"email_validator"}}
"""The way of letters into ASCII (IDNA 2008) is a table, which that library has."""


def line_of(file: Path) -> str:
    return f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(MIGRATIONS)}"


def imported(file: Path) -> Iterator[str]:
    """The packages that a file imports, wherever in it; a relative import is a dot."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else str(node.module).partition(".")[0]


@pytest.mark.parametrize("file", sorted(MIGRATIONS.rglob("*.py")), ids=lambda file: file.name)
def test_a_migration_needs_no_code_that_may_change_after_it(file: Path) -> None:
    assert set(imported(file)) - LIBRARIES == BESIDES.get(file.name, set()), "copy what it needs into it"


def test_no_migration_that_has_been_shipped_is_changed_and_each_new_one_is_noted() -> None:
    noted, there = set(FINGERPRINTS.read_text().splitlines()), {line_of(file) for file in SHIPPED}
    assert noted - there == set(), "shipped, and changed since: put it back, and write a new migration"
    assert there - noted == set(), f"new: add these lines to {FINGERPRINTS.name}, once they are as they will be shipped"


def test_migrations_follow_each_other_one_by_one() -> None:
    numbers = [file.name.partition("_")[0] for file in sorted(MIGRATIONS.glob("versions/*.py"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)], "renumber the later one"
    for file, before in zip(sorted(MIGRATIONS.glob("versions/*.py")), ["", *numbers], strict=False):
        assert f'revision = "{file.name[:4]}"' in file.read_text(), file.name
        assert (f'down_revision = "{before}"' if before else "down_revision = None") in file.read_text(), file.name
