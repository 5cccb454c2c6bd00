"""Answers as CSV."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from fastapi import Request, Response

CONTENT_TYPE = "text/csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet takes for a formula. Some read the full-width signs as the others."""

Cell = str | int | float | None


def wants_csv(request: Request, wanted: str | None) -> bool:
    """True if the query parameter *wanted* says so, or without one the `Accept` header."""
    if wanted is not None:
        return wanted == "csv"
    accepted = request.headers.get("Accept", "").split(",")
    return any(each.partition(";")[0].strip().lower() == CONTENT_TYPE for each in accepted)


def csv_answer(name: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """The rows as a file to download. No text in it is run by a spreadsheet as a formula."""
    file = StringIO()
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows([safe(cell) for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"}
    return Response(file.getvalue(), media_type=f"{CONTENT_TYPE}; charset=utf-8", headers=headers)


def safe(cell: Cell) -> Cell:
    """The cell; a text that begins like a formula gets an apostrophe in front. Numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
