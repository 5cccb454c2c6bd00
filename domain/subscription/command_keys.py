"""Command keys: callers' `Idempotency-Key` values are hashed before anything else sees them."""

import hashlib
import re
from collections.abc import Iterable

_HASHED = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def hashed(key: str) -> str:
    """Returns the key of a command for workflows, the journal and the provider: callers' keys may identify customers.

    A hashed key is returned unchanged: long keys were always hashed, and old and new keys stay comparable.
    """
    return key if _HASHED.fullmatch(key) else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def is_among(key: str, keys: Iterable[str]) -> bool:
    """True if a command is one of these, some of which may be from before keys were hashed."""
    known = set(keys)
    return key in known or hashed(key) in map(hashed, known)
