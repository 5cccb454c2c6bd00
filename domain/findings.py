"""Results of checking settings, connections and accounts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of one check; `words` say what is fine or what to fix."""

    subject: str
    is_fine: bool
    words: str
