"""What the provider was asked for and gave no answer to: it may have been done all the same."""

from dataclasses import dataclass
from datetime import datetime

from domain.plans import Selection


@dataclass(frozen=True)
class UnheardTry:
    """A try of taking money."""

    key: str
    to: Selection
    """What it was to pay for."""
    since: datetime
