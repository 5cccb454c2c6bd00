"""Mails to customers that did not go out, as operators see them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.notifications.mail_types import Occasion


class MailState(StrEnum):
    """What has become of a mail."""

    QUEUED = "queued"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    """It was not needed any more."""
    REFUSED = "refused"
    """It was given up: the mail server refused it, or did not take it for three days."""


@dataclass(frozen=True)
class MailRow:
    """A mail, without what it says."""

    id: str
    subscription: str
    occasion: Occasion
    state: MailState
    why_not: str
    created_at: datetime
    sent_at: datetime | None
    is_erased: bool
    """The customer's data was erased."""
    is_emptied: bool = False
    """What it says is not kept any more: by its age, or as it was erased."""
    has_dead_link: bool = False
    """It is about a one-time link that works no more."""


@dataclass(frozen=True)
class MailSummary:
    """How many mails of a tenant did not go out; at most `COUNTED` are looked at, the newest."""

    waiting: int
    oldest_waiting: datetime | None
    refused: int
    """Given up, of those written within a week."""


COUNTED = 10_000


class UndeliveredMails(Protocol):
    """The mails of a tenant."""

    async def mail(self, tenant: str, mail_id: str) -> MailRow | None:
        """One mail; None: the tenant has none with this id."""
        ...

    async def queue_again(self, tenant: str, mail_id: str) -> None:
        """Have a mail that was given up wait to be sent again; no other changes."""
        ...
