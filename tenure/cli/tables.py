"""Tables in the output of commands."""

from collections.abc import Collection, Sequence


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]], *, to_the_right: Collection[str] = ()) -> list[str]:
    """Return a line for the heads and one per row; the columns *to_the_right* are right-aligned, for numbers.

    A left-aligned last column is not padded: it may be long, and nothing follows it.
    """
    lines, last = (heads, *rows), len(heads) - 1
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]

    def cell(line: Sequence[str], column: int) -> str:
        if heads[column] in to_the_right:
            return line[column].rjust(widths[column])
        return line[column] if column == last else line[column].ljust(widths[column])

    return ["  ".join(cell(line, column) for column in range(len(heads))) for line in lines]
