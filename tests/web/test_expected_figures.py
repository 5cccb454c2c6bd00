"""The tables of the scripted year are those of the script as it is now."""

import csv
from pathlib import Path

import pytest

from tests.web import expected_figures, expected_numbers

TABLES = expected_figures.tables() | {expected_numbers.EXPECTED: expected_numbers.table()}


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_a_table_is_up_to_date(file: Path) -> None:
    with file.open(newline="") as kept:
        rows = list(csv.DictReader(kept))
    worked_out = [{name: str(value) for name, value in row.items()} for row in TABLES[file]]
    assert [{name: row[name] for name in now} for row, now in zip(rows, worked_out, strict=True)] == worked_out
