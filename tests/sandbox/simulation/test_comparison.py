"""Two lives side by side."""

from sandbox.simulation import printing
from sandbox.simulation.comparison import Mark, compare, differences
from sandbox.simulation.lines import Kind
from tests.sandbox.simulation.builders import a_line

LEFT = (a_line(0, "begins"), a_line(7, "reminder"), a_line(14, "pays"), a_line(14, "thanks"))
RIGHT = (a_line(0, "begins"), a_line(14, "thanks"), a_line(16, "pays"))


def test_lines_are_aligned_by_day_and_those_of_one_side_are_marked() -> None:
    rows = compare(LEFT, RIGHT)

    told = [(row.day, row.mark, (row.left or row.right or LEFT[0]).text) for row in rows]
    assert told == [
        (0, Mark.SAME, "begins"),
        (7, Mark.ONLY_LEFT, "reminder"),
        (14, Mark.ONLY_LEFT, "pays"),
        (14, Mark.SAME, "thanks"),
        (16, Mark.ONLY_RIGHT, "pays"),
    ]
    assert differences(rows) == 3


def test_the_same_text_of_another_kind_differs() -> None:
    assert differences(compare([a_line(1, "paid", Kind.NOTE)], [a_line(1, "paid", Kind.MAIL)])) == 2


def test_nothing_differs_between_a_life_and_itself() -> None:
    rows = compare(LEFT, LEFT)

    assert differences(rows) == 0
    assert printing.verdict(rows) == "Nothing differs."


def test_columns_are_wrapped_to_the_width_with_the_mark_on_every_line() -> None:
    long = a_line(3, "a mail with a subject that is far too long for its column")

    head, first, second, *_ = printing.side_by_side(compare([long], []), ("one", "other"), None, 90)

    assert head.split() == ["one", "other"]
    assert first.startswith("< 2026-02-03  day    3  note    a mail")
    assert second.startswith("<    ")
    assert max(map(len, (first, second))) <= 90
