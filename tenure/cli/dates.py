"""Points in time on the command line."""

import re
from datetime import UTC, datetime, timedelta

from domain.errors import Malformed

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"(\d{1,6})([mhd])")


def moment(text: str, *, field: str, now: datetime | None = None) -> datetime:
    """Parse a point in time: RFC 3339 with an offset, or how long ago, such as `30m`, `2h` or `3d`.

    Raises:
        Malformed: it is neither.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return (now or datetime.now(UTC)) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise Malformed(
            f"{text!r} is not a point in time: write how long ago (30m, 2h or 3d) or when (2026-11-05T09:00:00Z)",
            field=field,
        )
    return found.astimezone(UTC)
