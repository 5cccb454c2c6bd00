"""The site has every page, and builds without a link that leads nowhere; `llms.txt` lists what there is."""

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import run

import pytest

from tests.docs.llms_txt import FILE, llms_txt, sections
from tests.docs.site_source import ROOT, sources, write

FROM_ELSEWHERE = re.compile(
    r'<(?:script|img|iframe|source)\b[^>]*\bsrc="http[^"]*|<link\b[^>]*"stylesheet"[^>]*"http[^"]*'
)


def test_llms_txt_says_what_the_pages_say() -> None:
    assert FILE.read_text(encoding="utf-8") == llms_txt(), "run `make docs`"


def test_every_page_has_a_place_on_the_site() -> None:
    placed = {page for pages in sections().values() for page in pages}

    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= placed
    assert len(placed) == sum(map(len, sections().values())), "a page has two places"


def test_what_pages_lead_to_is_on_the_site_where_it_is_in_the_repository() -> None:
    names = sources()

    assert {Path("docs/images/console-numbers.jpg"), Path("catalogs/social.yaml"), Path("docs/timeline.svg")} <= set(
        names
    )
    decisions = names[Path("docs/decisions/index.md")]
    assert decisions is not None
    assert (
        "- [1. One long-lived workflow owns the process of each subscription](0001-a-workflow-owns-the-process.md)"
        in decisions.splitlines()
    )


@pytest.mark.skipif(
    find_spec("mkdocs") is None or not os.environ.get("TESTS_ALL"), reason="`make site` installs what it takes"
)
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace(".site/", f"{tmp_path}/")
    (tmp_path / "mkdocs.yml").write_text(config, encoding="utf-8")
    write(tmp_path / "source")

    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-f", str(tmp_path / "mkdocs.yml")]
    built = run(words, capture_output=True, text=True, check=False)  # noqa: S603

    assert built.returncode == 0, built.stdout + built.stderr
    pages = [each.read_text(encoding="utf-8") for each in (tmp_path / "html").rglob("*.html")]
    assert len(pages) > len(sections())
    assert [found for page in pages for found in FROM_ELSEWHERE.findall(page)] == []
