"""Ids of endpoints and secrets: made of the command that makes them, so that a repeat finds what it made."""

from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

_IDS: Final = uuid5(NAMESPACE_URL, "tenure/webhook-endpoints")


def new_id(tenant: str, purpose: str, command: str) -> UUID:
    """Return the id of what a command makes, by its key."""
    return uuid5(_IDS, f"{tenant}/{purpose}/{command}")
