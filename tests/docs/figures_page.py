"""Writes the definitions of all figures into docs/metrics.md: `python -m tests.docs.figures_page`."""

import re
from collections.abc import Iterator
from pathlib import Path

from domain.revenue.definitions import SECTIONS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_PART = re.compile(r"(<!-- definitions: [^>]*-->\n).*(<!-- end of definitions -->\n)", re.DOTALL)


def written_anew(page: str) -> str:
    """The page with the definitions as they are now.

    Raises:
        ValueError: their markers are not there.
    """
    found = _PART.search(page)
    if found is None:
        raise ValueError(f"the markers of the definitions must stand in {PAGE.name}")
    tables = "\n".join(_tables())
    return f"{page[: found.end(1)]}\n{tables}\n{page[found.start(2) :]}"


def _tables() -> Iterator[str]:
    for title, figures in SECTIONS.items():
        yield from (f"### {title}", "", "| figure | definition |", "|---|---|")
        yield from (f"| `{name}` | {text} |" for name, text in figures.items())
        yield ""


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
