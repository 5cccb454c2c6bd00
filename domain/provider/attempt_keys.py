"""Keys of business tries that are asked again, after the provider has refused them, under another."""

import re

_AGAIN = re.compile(r"(/again/\d+)+$")


def asked_again(key: str, refusals: int) -> str:
    """The key of the same try after so many refusals.

    A provider keeps a refusal under its key for a day, also when what it was about is mended at once. Only what was
    refused has another key then: a try without an answer may have been made, and a decline is the answer.
    """
    return f"{key}/again/{refusals + 1}" if refusals else key


def asked_otherwise(key: str) -> str:
    """The key of the same try, asked in other words than before: by another release, in the middle of it.

    A provider takes a key for one request only, and says so when the next one differs. What the first one has done is
    looked for before, as always.
    """
    return f"{key}/again/1"


def business_try(key: str) -> str:
    """By which a try is noted and found again, whatever the number in its key."""
    return _AGAIN.sub("", key)
