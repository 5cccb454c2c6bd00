"""Compares two simulations: aligned by day, with differences marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from sandbox.simulation.lines import Line


class Mark(StrEnum):
    """How the two sides of a row relate."""

    SAME = " "
    ONLY_LEFT = "<"
    ONLY_RIGHT = ">"


@dataclass(frozen=True)
class Row:
    """Something that happened on the same day in both simulations, or in one of them."""

    day: int
    mark: Mark
    left: Line | None
    right: Line | None


def compare(left: Sequence[Line], right: Sequence[Line]) -> tuple[Row, ...]:
    """All lines of both, ordered by day; lines are equal if kind and text are."""
    days = sorted({line.day for line in (*left, *right)})
    return tuple(row for day in days for row in _rows_of(day, _on(left, day), _on(right, day)))


def differences(rows: Sequence[Row]) -> int:
    """The number of rows that differ."""
    return sum(row.mark is not Mark.SAME for row in rows)


def _on(lines: Sequence[Line], day: int) -> list[Line]:
    return [line for line in lines if line.day == day]


def _rows_of(day: int, left: list[Line], right: list[Line]) -> Iterator[Row]:
    one_side, other_side = ([(line.kind, line.text) for line in side] for side in (left, right))
    matcher = SequenceMatcher(None, one_side, other_side, autojunk=False)
    for tag, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        if tag == "equal":
            for one, other in zip(left[left_from:left_to], right[right_from:right_to], strict=True):
                yield Row(day, Mark.SAME, one, other)
        else:
            for one in left[left_from:left_to]:
                yield Row(day, Mark.ONLY_LEFT, one, None)
            for other in right[right_from:right_to]:
                yield Row(day, Mark.ONLY_RIGHT, None, other)
