"""Requests that the provider has not answered, and may nevertheless have carried out."""

from dataclasses import dataclass
from datetime import datetime

from domain.catalog.plans import Selection


@dataclass(frozen=True)
class UnansweredAttempt:
    """An unanswered charge attempt."""

    key: str
    to: Selection
    """What it was to pay."""
    since: datetime


@dataclass(frozen=True)
class UnansweredChange:
    """An unanswered plan change that is billed immediately."""

    key: str
    to: Selection
    at: datetime
    """From when it is prorated."""
    since: datetime
    command: str = ""
    """The key of the requesting command, so that a repeat gets the current state; empty: there is none."""
    present: bool = False
    """Whether the customer was present and could confirm the payment."""
