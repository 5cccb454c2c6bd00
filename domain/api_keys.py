"""The text of API keys: a prefix that tells test from live, 256 random bits, and a checksum.

Secret scanners know a key by its prefix and verify it by its checksum; so do we, before anything is looked up.
"""

import re
import secrets
import zlib
from enum import StrEnum
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH: Final = 43
"""Characters for 256 bits."""
_CHECKSUM_LENGTH: Final = 6
"""Characters for 32 bits."""
_HINT_LENGTH: Final = 4
_KEY = re.compile(
    rf"tn_(?P<mode>live|test)_[0-9A-Za-z]{{{_RANDOM_LENGTH}}}(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)
_WITHOUT_CHECKSUM = re.compile(r"tn_(?P<mode>live|test)_(?:[0-9A-Za-z_-]{43}|[0-9A-Za-z_-]{32})")
"""As earlier releases made them: 32 or 24 random bytes. They stay valid."""


class KeyMode(StrEnum):
    """Whether a key is for an installation that takes real money."""

    LIVE = "live"
    TEST = "test"


def new_key(mode: KeyMode) -> str:
    """Returns a new random key."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM_LENGTH))
    text = f"tn_{mode}_{random}"
    return text + checksum(text)


def mode_of_key(text: str) -> KeyMode | None:
    """Returns the mode of a well-formed key; None if nobody can have made it, as its form or checksum is wrong."""
    found = _KEY.fullmatch(text)
    if found is not None:
        is_whole = found["checksum"] == checksum(text[:-_CHECKSUM_LENGTH])
        return KeyMode(found["mode"]) if is_whole else None
    found = _WITHOUT_CHECKSUM.fullmatch(text)
    return KeyMode(found["mode"]) if found is not None else None


def checksum(text: str) -> str:
    """Returns the CRC-32 of a key's text before it, in base 62, padded with zeros to 6 characters."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def hint(text: str) -> str:
    """Returns what lists show of a key, enough to tell it from others and too little to guess it."""
    prefix_length = len("tn_live_")
    return f"{text[: prefix_length + _HINT_LENGTH]}…{text[-_HINT_LENGTH:]}"


def mode_of_hint(shown: str) -> KeyMode | None:
    """Returns the mode of a key by its hint; None if it is not of our keys."""
    return next((mode for mode in KeyMode if shown.startswith(f"tn_{mode}_")), None)
