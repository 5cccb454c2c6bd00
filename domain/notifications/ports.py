"""What is needed of the database and the mail server for mails to be sent, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.customers import Contact
from domain.notifications.mail_types import Occasion


@dataclass(frozen=True)
class QueuedMail:
    """A mail that has been written down and waits to be sent."""

    id: str
    subscription: str
    occasion: Occasion


@dataclass(frozen=True)
class MailToSend:
    """A written-down mail with all that is needed to send it."""

    id: str
    subscription: str
    occasion: Occasion
    at: datetime
    facts: dict[str, str]
    contact: Contact
    link_generation: int = 0
    """Of the payment links that are good for its subscription."""


class Mails(Protocol):
    """The mails that were written down."""

    async def to_send(self, mail_id: str) -> MailToSend | None:
        """The mail if it still waits to be sent, None if it was sent or withdrawn."""
        ...

    async def mark_sent(self, mail_id: str, message_id: str) -> None: ...

    async def mark_refused(self, mail_id: str, why: str) -> None: ...


class Mailer(Protocol):
    """What turns a written-down mail into one delivered to the mail server."""

    async def send(self, mail: MailToSend) -> str:
        """Send it and return its Message-ID, the same for the same mail every time."""
        ...


class Post(Protocol):
    """What sees to it that queued mails are sent, each once."""

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None: ...
