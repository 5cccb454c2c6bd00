"""What the provider was asked for and gave no answer to: it may have been done all the same."""

from dataclasses import dataclass
from datetime import datetime

from domain.catalog.plans import Selection


@dataclass(frozen=True)
class UnheardTry:
    """A try of taking money."""

    key: str
    to: Selection
    """What it was to pay for."""
    since: datetime


@dataclass(frozen=True)
class UnheardChange:
    """A change of plan that is billed at once."""

    key: str
    to: Selection
    at: datetime
    """From when it is counted."""
    since: datetime
    command: str = ""
    """The key of the command that asked, so that a repeat of it is answered as things stand; empty: none did."""
    present: bool = False
    """Whether the customer was there and could confirm the payment."""
