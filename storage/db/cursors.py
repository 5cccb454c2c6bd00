"""Cursors of lists sorted newest first: the creation time and id of the row before the page."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

from domain.errors import Malformed

_MOMENT = "%Y-%m-%dT%H:%M:%S.%f%z"


def after(created_at: datetime, id_: str) -> str:
    """The cursor of the page after this row."""
    return base64.urlsafe_b64encode(json.dumps([created_at.strftime(_MOMENT), id_]).encode()).decode()


def read(cursor: str) -> tuple[datetime, UUID]:
    """The row before the page.

    Raises:
        Malformed: field `cursor`; it is not a valid cursor.
    """
    try:
        created_at, id_ = json.loads(base64.urlsafe_b64decode(cursor))
        # Without an offset the instant would be ambiguous; near the ends of the calendar it has no equivalent in UTC.
        return datetime.strptime(created_at, _MOMENT).astimezone(UTC), UUID(id_)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Malformed("this is not a cursor that a list has returned", field="cursor") from None
