"""How pressing something is, for mails and pages alike."""

from enum import StrEnum


class Tone(StrEnum):
    """Said in a word and by an icon; the colour comes on top."""

    DONE = "done"
    CALM = "calm"
    WARNING = "warning"
    URGENT = "urgent"


def of_trial(days_left: int) -> Tone:
    """Returns the tone of a trial that ends in so many days."""
    return Tone.URGENT if days_left <= 1 else Tone.WARNING if days_left <= 3 else Tone.CALM
