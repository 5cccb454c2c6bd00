"""What the activities need of the database and of the mail server, in our words; storage and gateways provide it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.fitting import Misfit
from domain.journal import FitCheck, Step
from domain.mails import Occasion
from domain.subscription import Subscription


@dataclass(frozen=True)
class Contact:
    """Who a customer is. Never put this into a workflow's history."""

    customer: str
    external_id: str
    email: str
    name: str | None
    timezone: str
    locale: str
    customer_ref: str
    """Their id at the payment provider; empty until there is one."""


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


class Records(Protocol):
    """The database, one transaction a call."""

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        """Write the projection (unless a later one is there), journal, mails and bill of a step.

        Idempotent by the subscription's id and sequence; returns the step's mails that still wait to be sent.
        """
        ...

    async def misfits(self, subscription: Subscription, check: FitCheck) -> Sequence[Misfit]:
        """What of the customer's current use does not fit a change; nothing where a catalog is not known."""
        ...

    async def contact(self, customer: str, signing_up: str = "") -> Contact:
        """Who the customer is; with *signing_up*, who they are once that sign-up was accepted.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def take_turn(self, customer: str, signing_up: str) -> Contact:
        """Who the customer is today, for a sign-up that puts a card on file before it is decided on.

        Of several for one customer, one at a time has the turn, until its first step is written or it was refused.

        Raises:
            Rejected: code `already_subscribed`; or `sign_up_expired`, what it was to say of the customer was
                forgotten after a day.
            GatewayUnavailable: another one has the turn.
        """
        ...

    async def remember_wallet(self, customer: str, customer_ref: str, signing_up: str = "") -> str:
        """Keep the customer's id at the provider and return it: the one that was kept first, should there be another.

        That of a customer who has none before *signing_up* becomes theirs along with the first step.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def is_changing(self, customer: str) -> bool:
        """Whether there is a change of the customer of which somebody is still to be told."""
        ...

    async def replace_wallet(self, customer: str, deleted_ref: str, customer_ref: str) -> str:
        """Keep *customer_ref* instead of *deleted_ref*, which stays known for messages that come late.

        Returns the one that is kept: another, should somebody else have replaced it before.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def forget_sign_up(self, customer: str, subscription: str) -> None:
        """Remove what a refused sign-up said of its customer, and the customer should nothing else be of them."""
        ...


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


class Messenger(Post, Protocol):
    """A post that also sees to it that all hear of a customer who was changed."""

    async def tell_of_customer(self, customer: str) -> None: ...
