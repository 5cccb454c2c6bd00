"""The subscriptions of a run as CSV, and where a page of them ends."""

import base64
from typing import Final

from fastapi import Response

from api.http.csv import csv_answer
from api.http.dependencies import Repositories
from domain.bulk.runs import MOST_ROWS, BulkRow, BulkRun, RowOutcome
from domain.formatting import moment
from storage.db.cursors import not_a_cursor

_HEADS: Final = ("subscription", "status", "outcome", "code", "at")


async def as_csv(repositories: Repositories, run: BulkRun, outcome: RowOutcome | None = None) -> Response:
    """Return all of them, in the order in which they are worked off."""
    rows = await repositories.bulk_runs.rows(run, after=0, limit=MOST_ROWS, outcome=outcome)
    return csv_answer(f"bulk-{run.id}", _HEADS, (_cells(row) for row in rows))


def cursor_after(row: BulkRow) -> str:
    """Return the cursor of the page after this row."""
    return base64.urlsafe_b64encode(str(row.position).encode()).decode()


def position_of(cursor: str | None) -> int:
    """Return the position behind which a page begins.

    Raises:
        Malformed: field `cursor`; it is not a valid cursor.
    """
    if cursor is None:
        return 0
    try:
        position = int(base64.urlsafe_b64decode(cursor))
    except ValueError:
        raise not_a_cursor() from None
    if not 0 <= position < 2**31:
        raise not_a_cursor()
    return position


def _cells(row: BulkRow) -> list[str | None]:
    at = moment(row.at) if row.at is not None else None
    return [row.subscription, row.status, row.outcome.value if row.outcome else None, row.code or None, at]
