"""What the forms of the console have in common: a key, and a reason."""

import secrets
from collections.abc import Mapping
from typing import Final

REASON: Final = "reason"
LONGEST_REASON: Final = 1000


def new_key() -> str:
    """Return the key of a new form."""
    return secrets.token_urlsafe(24)


def reason_in(fields: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the reason that the operator gave, and what is wrong with it by field."""
    reason = fields.get(REASON, "").strip()
    if not reason:
        return "", {REASON: "Say why: it is kept in the audit."}
    if len(reason) > LONGEST_REASON:
        return reason, {REASON: f"Use at most {LONGEST_REASON} characters."}
    if not reason.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        return "", {REASON: "Leave out characters that cannot be shown."}
    return reason, {}


def storable(text: str) -> str:
    """Return what PostgreSQL can be asked for of a text: one with other characters is nobody's."""
    return text.replace("\0", "").encode(errors="ignore").decode().strip()
