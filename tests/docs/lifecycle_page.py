"""Writes the parts of docs/lifecycle.md that follow from the code: `python -m tests.docs.lifecycle_page`."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from domain.subscription.lifecycle import TRANSITIONS, Event, Status
from tests.docs.command_table import COMMANDS, SITUATIONS, answer

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"
BEGINNINGS = ("[*] --> trialing: sign-up", "[*] --> active: sign-up without a trial, first payment")
"""Not in the table: what comes before the first step has no status."""


def table() -> str:
    """Every pair of status and event: the status after it, or a dash where it cannot happen."""
    lines = [_row("event", (f"`{status}`" for status in Status)), "|---" * (1 + len(Status)) + "|"]
    for event in Event:
        moves = (TRANSITIONS.get((status, event)) for status in Status)
        lines.append(_row(f"`{event}`", (f"`{after}`" if after else "–" for after in moves)))
    return "\n".join(lines)


def diagram() -> str:
    """All that changes a status, as Mermaid draws it; events that lead the same way share an arrow."""
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in _arrows()), "```"])


def commands() -> str:
    """Every command in every situation: ok, or the code with which it is refused."""
    lines = [_row("", SITUATIONS), "|---" * (1 + len(SITUATIONS)) + "|"]
    for command in COMMANDS:
        answers = (answer(command, situation) for situation in SITUATIONS)
        lines.append(_row(command, ("ok" if code is None else f"`{code}`" for code in answers)))
    return "\n".join(lines)


def _row(head: str, cells: Iterable[str]) -> str:
    return f"| {' | '.join([head, *cells])} |"


def _arrows() -> Iterator[str]:
    yield from BEGINNINGS
    order = list(Status)
    changes = [(before, after, event) for (before, event), after in TRANSITIONS.items() if before is not after]
    changes.sort(key=lambda change: (order.index(change[0]), order.index(change[1])))
    for (before, after), events in groupby(changes, key=lambda change: change[:2]):
        yield f"{before} --> {after}: {', '.join(event.replace('_', ' ') for _, _, event in events)}"


PARTS = {"diagram": diagram, "transitions": table, "commands": commands}


def written_anew(page: str) -> str:
    """The page with its generated parts as they follow from the code now.

    Raises:
        ValueError: a part's markers are not there, or there twice.
    """
    for name, write in PARTS.items():
        part = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end of {name} -->\n)", re.DOTALL)
        found = list(part.finditer(page))
        if len(found) != 1:
            raise ValueError(f"the markers of {name!r} must stand in {PAGE.name} once, not {len(found)} times")
        page = f"{page[: found[0].end(1)]}\n{write()}\n\n{page[found[0].start(2) :]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
