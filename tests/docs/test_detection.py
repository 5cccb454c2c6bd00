"""The operators' table of how soon a difference is found says what is so."""

import re
from pathlib import Path

from domain.reconciliation.detection import HOURLY, FoundHourly
from domain.reconciliation.differences import DifferenceKind

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| (24 h)? ?\|$", re.MULTILINE)


def test_every_kind_is_listed_with_how_soon_it_is_found() -> None:
    text = OPERATIONS.read_text()
    section = text.split("#### How soon a difference is found", 1)[1].split("\n#", 1)[0]

    told = {kind: (hourly, pass_) for kind, hourly, pass_ in ROW.findall(section)}

    assert told == {
        kind.value: (HOURLY[kind].value, "" if HOURLY[kind] is FoundHourly.ALWAYS else "24 h")
        for kind in DifferenceKind
    }
