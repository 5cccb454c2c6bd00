"""What a look over settings, connections and accounts tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `words` say what is well or what to mend."""

    subject: str
    is_fine: bool
    words: str
