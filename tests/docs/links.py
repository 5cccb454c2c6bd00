"""The links of the documents, and the anchors that they may lead to."""

import re
from pathlib import Path

LINKED = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
IMAGE = re.compile(r'<img src="([^"]+)"')


def links(page: Path) -> list[str]:
    """Every link of a page but those in its examples, as they are written."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    return [*LINKED.findall(text), *IMAGE.findall(text)]


def local_links(page: Path) -> list[str]:
    """The files and folders that a page leads to, as seen from it."""
    found = [link.partition("#")[0] for link in links(page) if "://" not in link and not link.startswith("mailto:")]
    return [path for path in found if path]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as repositories give them."""
    names: set[str] = set()
    for heading in HEADING.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        names.add(name if name not in names else f"{name}-1")
    return names
