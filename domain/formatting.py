"""How values are formatted in mails and logs."""

import unicodedata
from datetime import UTC, datetime

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def moment(at: datetime) -> str:
    """Formats an instant as RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_line(text: str, limit: int | None = None) -> str:
    """Returns *text* on one line, without characters that could break a header or reverse the text."""
    line = " ".join(_printable(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable():
        # Nearly every text is: a mail has more than a hundred, and to look at each character takes its time.
        return text
    return "".join(" " if is_unprintable(character) else character for character in text)


def is_unprintable(character: str) -> bool:
    """True if the character breaks a line, reverses the text or is not a character at all."""
    return unicodedata.category(character) in _UNPRINTABLE or character in _DIRECTION_MARKS
