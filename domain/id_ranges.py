"""Ranges of ids: rows whose ids are random are divided by them into parts of about one size."""

_NUMBERS = 2**32
"""Of the first eight hexadecimal digits."""


def id_range(part: int, parts: int) -> tuple[str, str]:
    """Return the first and the last id of one of this many parts, counted from 0."""
    first, after = (-(-number * _NUMBERS // parts) for number in (part, part + 1))
    return f"{first:08x}-0000-0000-0000-000000000000", f"{after - 1:08x}-ffff-ffff-ffff-ffffffffffff"


ALL_IDS = id_range(0, 1)
