"""Ids of objects at the provider."""

import re

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def is_provider_id(reference: str) -> bool:
    """True if this can be a provider's id. It becomes part of a URL path, where `..` would be another call."""
    return _ID.fullmatch(reference) is not None
