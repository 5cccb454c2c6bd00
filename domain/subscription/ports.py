"""What the activities need of the database and of the mail server, in our words; storage and gateways provide it."""

from collections.abc import Sequence
from typing import Protocol

from domain.customers import Contact
from domain.entitlements.downgrade_fit import LimitConflict
from domain.notifications.ports import Post, QueuedMail
from domain.subscription.journal import FitCheck, Step
from domain.subscription.state import Subscription


class Records(Protocol):
    """The database, one transaction a call."""

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        """Write the projection (unless a later one is there), journal, mails and bill of a step.

        Idempotent by the subscription's id and sequence; returns the step's mails that still wait to be sent.
        """
        ...

    async def misfits(self, subscription: Subscription, check: FitCheck) -> Sequence[LimitConflict]:
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


class Messenger(Post, Protocol):
    """A post that also sees to it that all hear of a customer who was changed."""

    async def tell_of_customer(self, customer: str) -> None: ...
