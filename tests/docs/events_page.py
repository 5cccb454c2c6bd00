"""Writes the types of events into docs/events.md: `python -m tests.docs.events_page`."""

import re
from pathlib import Path
from typing import Final

from domain.events.meanings import MEANINGS

PAGE: Final = Path(__file__).parents[2] / "docs" / "events.md"
BEGIN: Final = "<!-- Written by `make docs` from the code; a test compares the two. -->"
END: Final = "<!-- Up to here. -->"


def table() -> str:
    rows = [f"| `{type_.value}` | {meaning} |" for type_, meaning in MEANINGS.items()]
    return "\n".join(["| type | what it tells |", "|---|---|", *rows])


def page() -> str:
    """The page as it is to be."""
    written = PAGE.read_text(encoding="utf-8")
    return re.sub(
        f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", lambda _: f"\n\n{table()}\n\n", written, flags=re.DOTALL
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
