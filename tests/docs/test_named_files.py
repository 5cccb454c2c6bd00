"""What the documents point to is there: files of the repository, and headings."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.links import anchors, links

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [*PAGES, ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
ROOMS = [*sorted(path.parent.name for path in ROOT.glob("[a-z]*/__init__.py")), "docs", "migrations", "templates"]
NAMED = re.compile(rf"`((?:{'|'.join(ROOMS)})/[\w./*-]*)`")
SHORT = re.compile(r"`(\w+\.py)`")


@cache
def _modules() -> set[str]:
    return {path.name for room in ROOMS for path in (ROOT / room).rglob("*.py")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = {path for path in NAMED.findall(page.read_text(encoding="utf-8")) if "NNNN" not in path}

    assert [path for path in sorted(named) if not list(ROOT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_is_named_in_short_is_in_a_room(page: Path) -> None:
    assert set(SHORT.findall(page.read_text(encoding="utf-8"))) <= _modules()


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in links(page):
        path, _, section = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists()
        if is_there and section:
            is_there = section in anchors(target)
        if not is_there:
            lost.append(link)

    assert lost == []


def test_every_decision_has_a_number_of_its_own_which_its_title_repeats() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in records]

    # Numbers are given out before decisions are made, and some are not made.
    assert len(set(numbers)) == len(records)
    assert [path.read_text(encoding="utf-8").splitlines()[0].split(".")[0] for path in records] == [
        f"# {number}" for number in numbers
    ]
