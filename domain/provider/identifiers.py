"""Ids at the provider, and the idempotency keys of attempts there."""

import re

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_AGAIN = re.compile(r"(/again/\d+)+$")


def key_after_refusals(key: str, refusals: int) -> str:
    """The key of the same attempt after this many refusals.

    A provider replays a refusal under its key for a day, even if the cause has been fixed. Only a refused attempt gets
    another key: an unanswered one may have succeeded, and a decline is a final answer.
    """
    return f"{key}/again/{refusals + 1}" if refusals else key


def key_for_other_parameters(key: str) -> str:
    """The key of the same attempt with other parameters, as when a release changes them midway.

    A provider accepts a key for one request only and refuses a different one. Callers first look up what the earlier
    request did, as always.
    """
    return f"{key}/again/1"


def attempt_of(key: str) -> str:
    """The part of the key that identifies the attempt, without the retry number."""
    return _AGAIN.sub("", key)


def is_provider_id(reference: str) -> bool:
    """True if this can be a provider's id. It becomes part of a URL path, where `..` would be another call."""
    return _ID.fullmatch(reference) is not None
