"""The ports of the database and the mail server for sending each mail once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.customers import Contact
from domain.notifications.mail_types import Occasion


@dataclass(frozen=True)
class QueuedMail:
    """A stored mail that waits to be sent."""

    id: str
    subscription: str
    """Empty: it is to an operator."""
    occasion: Occasion


@dataclass(frozen=True)
class MailToSend:
    """A stored mail with everything needed to send it."""

    id: str
    subscription: str
    occasion: Occasion
    at: datetime
    facts: dict[str, str]
    contact: Contact
    link_generation: int = 0
    """The valid generation of the subscription's payment links."""


class Mails(Protocol):
    """The stored mails."""

    async def to_send(self, mail_id: str) -> MailToSend | None:
        """Returns the mail if it still waits to be sent, None if it was sent or withdrawn."""
        ...

    async def mark_sent(self, mail_id: str, message_id: str) -> None: ...

    async def mark_refused(self, mail_id: str, why: str) -> None: ...


class Mailer(Protocol):
    """Renders a stored mail and delivers it to the mail server."""

    async def send(self, mail: MailToSend) -> str:
        """Send it and return its Message-ID, which is always the same for a mail."""
        ...


class MailDispatcher(Protocol):
    """Dispatches queued mails so that each is sent once."""

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None: ...
