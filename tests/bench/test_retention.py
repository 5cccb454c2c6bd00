"""What the bench of retention says of a table: that it levels off, or that it still grows."""

import pytest

from bench.retention import Day, level

TABLE = "mails"


@pytest.mark.parametrize(
    ("rows", "contents", "told"),
    [
        ([1, 2, 3, 3, 3], [0] * 5, "mails: levels off at 3 rows on day 3"),
        ([1, 2, 3, 4, 5], [9, 18, 27, 27, 27], "mails: levels off at 27 bytes of contents on day 3"),
        ([1, 2, 3, 4, 5], [9, 18, 27, 36, 45], "mails: still grows on day 5, within its retention"),
        ([0] * 5, [0] * 5, "mails: still grows on day 5, within its retention"),
    ],
    ids=["rows go", "contents go", "nothing goes yet", "there is nothing"],
)
def test_a_table_levels_off_where_it_has_the_most(rows: list[int], contents: list[int], told: str) -> None:
    days = [
        Day(number, {TABLE: count}, {TABLE: size}, {})
        for number, (count, size) in enumerate(zip(rows, contents, strict=True), start=1)
    ]

    assert level(days, TABLE) == told
