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

    async def claim(self, mail_id: str, claimant: str) -> MailToSend | None:
        """Returns the mail if it still waits to be sent, None if it was sent or withdrawn.

        For a while, only *claimant* gets it: two deliveries of one mail do not send it both.

        Raises:
            GatewayBusy: code `being_sent`; another has claimed it.
        """
        ...

    async def release(self, mail_id: str, claimant: str) -> None:
        """Lets another claim the mail at once: the claimant's attempt has ended, and it was not sent."""
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


class AgainDispatcher(Protocol):
    """Starts the sending of a mail once more."""

    async def dispatch_again(self, mail: QueuedMail) -> None:
        """Send a mail whose sending has come to its end; one under way goes on.

        Raises:
            GatewayUnavailable: Temporal does not respond.
        """
        ...
