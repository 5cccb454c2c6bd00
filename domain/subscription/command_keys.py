"""The names of commands: a caller's `Idempotency-Key` as everybody else sees it, which is never as it was sent."""

import hashlib
import re
from collections.abc import Iterable

_HASHED = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def hashed(key: str) -> str:
    """What names a command in workflows, the journal and at the provider: callers' own keys may tell of customers.

    A key that is hashed already stays as it is: so long ones always were, and so an old name and its new one compare.
    """
    return key if _HASHED.fullmatch(key) else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def is_among(key: str, keys: Iterable[str]) -> bool:
    """Whether a command is one of these, whichever of them came before keys were hashed."""
    known = set(keys)
    return key in known or hashed(key) in map(hashed, known)
