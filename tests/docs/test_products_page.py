"""The page of the four products names every test of theirs, and none that there is not."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/products.md").read_text()
SECTIONS = [section for section in PAGE.split("\n## ") if "Tests: " in section]


@pytest.mark.parametrize("section", [pytest.param(one, id=one.splitlines()[0]) for one in SECTIONS])
def test_each_product_is_shown_by_its_own_tests_and_all_of_them_are_named(section: str) -> None:
    file = re.search(r"Tests: `(.+)`", section)
    assert file is not None
    there = set(re.findall(r"^async def (test_\w+)\(", (ROOT / file[1]).read_text(), re.MULTILINE))

    assert there
    assert set(re.findall(r"`(test_\w+)`", section)) == there


def test_the_page_has_the_four_products() -> None:
    assert [section[:2] for section in SECTIONS] == ["A.", "B.", "C.", "D."]


def test_other_files_that_are_named_are_there() -> None:
    named = re.findall(r"`(tests/\S+\.py)`", PAGE)

    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []
