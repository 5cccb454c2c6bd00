"""Suggestions for an unknown name: what it was probably meant to be."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns a suggestion to end a message with; lists the known names if none is similar."""
    names = list(known)
    if near := nearest(word, names):
        return f"did you mean {near!r}?"
    return f"known: {', '.join(names)}" if names else "none are known here"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known name most similar to *word*, if any."""
    return next(iter(near(word, known, 1)), None)


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Returns the known names similar to *word*, the most similar first."""
    names = {name.lower(): name for name in known}
    return [names[one] for one in difflib.get_close_matches(word.lower(), names, n=most)]
