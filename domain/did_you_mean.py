"""What a word that nobody knows was probably meant to be."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion to end a message with; what is known when nothing comes near."""
    names = list(known)
    if near := nearest(word, names):
        return f"did you mean {near!r}?"
    return f"known: {', '.join(names)}" if names else "none are known here"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that *word* was probably meant to be."""
    return next(iter(near(word, known, 1)), None)


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that *word* may have been meant to be, the likeliest first."""
    names = {name.lower(): name for name in known}
    return [names[one] for one in difflib.get_close_matches(word.lower(), names, n=most)]
