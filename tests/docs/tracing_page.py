"""Writes the trace of a command into docs/tracing.md, from a real run: `python -m tests.docs.tracing_page`.

Each run takes its own time, so `make docs` leaves it as it is.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.harness.collector import Collector, Sent
from tests.harness.traced_life import CONVERT, traced_life

PAGE: Final = Path(__file__).parents[2] / "docs" / "tracing.md"
REMINDER: Final = "step send_reminder"
_PART: Final = re.compile(r"(<!-- (?P<name>\w+): [^>]*-->\n).*?(<!-- end of (?P=name) -->\n)", re.DOTALL)
_LINE: Final = re.compile(r"^ *\d+ +\d+  +(?P<name>\S.*)$", re.MULTILINE)


def names_shown(page: str) -> set[str]:
    """The names of the spans in the trace of the command."""
    [part] = [found[0] for found in _PART.finditer(page) if found["name"] == "command"]
    return {found["name"].strip() for found in _LINE.finditer(part)}


def written_anew(page: str, collector: Collector) -> str:
    """The page with the traces that the collector was sent."""
    shown = {"command": collector.root(CONVERT), "timer": collector.root(REMINDER)}

    def part(found: re.Match[str]) -> str:
        lines = "\n".join(_lines(collector, shown[found["name"]]))
        return f"{found[1]}\n```text\n{lines}\n```\n\n{found[3]}"

    return _PART.sub(part, page)


def _lines(collector: Collector, root: Sent) -> Iterator[str]:
    yield f"{'at ms':>6} {'took':>5}  span"
    for depth, one in collector.tree(root):
        at, took = (one.began - root.began) / 1e6, (one.ended - one.began) / 1e6
        yield f"{max(at, 0):>6.0f} {took:>5.0f}  {'  ' * depth}{one.name}"


async def _write() -> None:
    async with traced_life() as life:
        PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8"), life.collector), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
