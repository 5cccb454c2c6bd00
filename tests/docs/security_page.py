"""What docs/security.md names: tables of threats, and tests."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
HEAD = ("threat", "answer", "test")
NAMED = re.compile(r"`(tests/[^`]+)`")


def rows(page: str) -> list[tuple[str, ...]]:
    """The cells of each threat of the page, in order."""
    found, is_threats = [], False
    for line in page.splitlines():
        if not line.startswith("|"):
            is_threats = False
            continue
        cells = tuple(cell.strip() for cell in line.strip("|").split(" | "))
        if tuple(cell.lower() for cell in cells) == HEAD:
            is_threats = True
        elif is_threats and not set(line) <= set("|-"):
            found.append(cells)
    return found


def missing(named: str) -> str:
    """What is wrong with `tests/...` or `tests/...::test_...`; empty: it is there."""
    path, _, test = named.partition("::")
    place = ROOT / path
    if not place.exists():
        return f"{named}: there is no such file"
    if place.is_dir():
        return f"{named}: a folder has no test of that name" if test else ""
    if not place.name.startswith("test_"):
        return f"{named}: this file has no tests"
    return f"{named}: there is no such test" if test and test not in tests_of(place) else ""


@cache
def tests_of(file: Path) -> frozenset[str]:
    """The names of its tests."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, functions))
