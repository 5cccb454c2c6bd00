"""Writes `llms.txt`, what readers that are programs begin with: `python -m tests.docs.llms_txt`.

It lists the pages by the sections of the site, each with its first sentence (llmstxt.org has the form).
"""

import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = ROOT / "llms.txt"
SITE = ROOT / "mkdocs.yml"
MADE = ("docs/decisions/index.md",)
"""Pages that are made for the site: their folder stands for them."""


def sections() -> dict[str, list[str]]:
    """The pages of the site by section, without its first page."""
    _first, *rest = YAML().load(SITE.read_text(encoding="utf-8"))["nav"]
    return {name: pages for section in rest for name, pages in section.items()}


def llms_txt() -> str:
    lines = ["# Tenure", "", f"> {_opening(ROOT / 'README.md')}", ""]
    lines += ["The full introduction, with a first run in five minutes: [README.md](README.md)", ""]
    for name, pages in sections().items():
        lines += [f"## {name}", "", *(_entry(page) for page in pages), ""]
    return "\n".join(lines)


def _entry(page: str) -> str:
    if page in MADE:
        return "- [Decisions](docs/decisions): Why it is built this way, a record for each decision."
    title = (ROOT / page).read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
    return f"- [{title}]({page}): {_opening(ROOT / page)}"


def _opening(page: Path) -> str:
    """A page's first sentence, as plain text."""
    paragraphs = page.read_text(encoding="utf-8").split("\n\n")
    first = next(each for each in paragraphs if re.match(r"[A-Za-z[*]|`(?!``)", each))
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(first.split()))
    sentence: str = re.split(r"(?<=[.:?])\s+(?=[A-Z`*\d-])", text)[0]
    return sentence.rstrip(".:") + "."


if __name__ == "__main__":
    FILE.write_text(llms_txt(), encoding="utf-8")
