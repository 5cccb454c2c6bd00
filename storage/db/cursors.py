"""Where the next page of a list begins that is newest first: behind a row, by when it was made and its id."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

from domain.errors import Malformed

_MOMENT = "%Y-%m-%dT%H:%M:%S.%f%z"


def after(created_at: datetime, id_: str) -> str:
    """The cursor of the page behind this row."""
    return base64.urlsafe_b64encode(json.dumps([created_at.strftime(_MOMENT), id_]).encode()).decode()


def read(cursor: str) -> tuple[datetime, UUID]:
    """The row behind which a page begins.

    Raises:
        Malformed: field `cursor`; it is none of ours.
    """
    try:
        created_at, id_ = json.loads(base64.urlsafe_b64decode(cursor))
        # Without its offset a moment could be any; near the ends of the calendar there is none in UTC.
        return datetime.strptime(created_at, _MOMENT).astimezone(UTC), UUID(id_)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Malformed("this cursor is none that a list has answered with", field="cursor") from None
