"""Points in time and lengths of time on the command line."""

import re
from datetime import UTC, datetime, timedelta

from domain.errors import Malformed

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LENGTHS = {"s": "seconds", **UNITS, "w": "weeks"}
_LENGTH = re.compile(r"(\d{1,6})([smhdw])")
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
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # of a day that no calendar has, or that none has in UTC
    raise Malformed(
        f"{text!r} is not a point in time: write how long ago (30m, 2h or 3d) or when (2026-11-05T09:00:00Z)",
        field=field,
    )


def length(text: str, *, field: str, least: timedelta, most: timedelta) -> timedelta:
    """Parse a length of time such as `30m`, `24h` or `90d`; `0` needs no unit.

    Raises:
        Malformed: it is none, or not between *least* and *most*.
    """
    found = _LENGTH.fullmatch("0s" if text == "0" else text)
    if found is None:
        raise Malformed(f"{text!r} is not a length of time: write 30m, 24h or 90d", field=field)
    long = timedelta(**{_LENGTHS[found[2]]: int(found[1])})
    if not least <= long <= most:
        raise Malformed(f"{text} is not between {_shown(least)} and {_shown(most)}", field=field)
    return long


def _shown(long: timedelta) -> str:
    return f"{long.days}d" if long.days else f"{long.seconds}s"
