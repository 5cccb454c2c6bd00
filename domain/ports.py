"""What the activities need from the outside, in our words; gateways and storage provide it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.agreements import Agreement, AgreementPage, KnownCustomer
from domain.journal import Step
from domain.mails import Occasion
from domain.news import News
from domain.payments import Card, Charge, Quote, Reversal, ReversalKind, Standing, Wallet
from domain.plans import Item


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
class NewAgreement:
    """What the provider is to bill from now on, every period."""

    subscription: str
    customer_ref: str
    card_ref: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Belonging:
    """Whose a thing at the provider is."""

    customer_ref: str = ""
    """Empty when it is nobody's."""
    agreement_ref: str = ""
    """Empty when it is part of none."""


class Quotes(Protocol):
    """What the API asks the provider while somebody waits for the answer. Nothing is changed by it.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def quote(self, agreement_ref: str, items: tuple[Item, ...], at: datetime) -> Quote:
        """What `change` with the same *items* and *at* would bill at once."""
        ...

    async def belonging(self, news: News, object_ref: str) -> Belonging:
        """Whose it is what a message was about; *news* tells what kind of thing that is. Empty: not known there."""
        ...

    async def reversal(self, kind: ReversalKind, object_ref: str) -> Reversal:
        """How money that went back stands now; *object_ref* is what the provider's message was about."""
        ...


class Wallets(Protocol):
    """Customers at the provider, the cards they are charged on, and the page on which they look after both.

    Every method takes a `key` naming the business try: called again with the same key it does nothing new and answers
    as before. Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def open_wallet(self, contact: Contact, payment_method: str | None, *, key: str) -> Wallet:
        """The customer at the provider, made if there is none, with *payment_method* as the card charged.

        Raises:
            GatewayRefused: the payment method is unknown or its bank declines it; nothing is changed then.
        """
        ...

    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        """Make *payment_method* the card charged, for an agreement (may be empty) too.

        One that the customer has there already is taken as well.
        """
        ...

    async def open_portal(self, customer_ref: str, return_url: str, *, key: str) -> str:
        """The address of a page on which the customer sees their bills and looks after their cards."""
        ...


class Payments(Quotes, Wallets, Protocol):
    """The provider that moves the money.

    Every method that changes something takes a `key` naming the business try: called again with the same key it
    does nothing new and answers as before. Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def adopt_checkout(
        self, session_ref: str, agreement_ref: str, newer_than: datetime | None, *, key: str
    ) -> Wallet | None:
        """Make the card given on a checkout page the card charged.

        None when no card was given there, or before *newer_than*, since when the card on file counts.
        """
        ...

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        """Charge the first period and bill every later one; when declined, no agreement comes about."""
        ...

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        """The agreement that an earlier `begin` under this key brought about, if it did."""
        ...

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        """Try to take the money for an open bill with the card on file."""
        ...

    async def restart(self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str) -> Charge:
        """Begin a new period now and charge it, forgetting a bill for time that is over (may be empty).

        With *items*, the agreement is about these from then on; when declined, it stays as it is.
        """
        ...

    async def change(self, agreement_ref: str, items: tuple[Item, ...], at: datetime, *, key: str) -> Charge:
        """Make the agreement one about *items* now and bill the difference at once, counted from *at*.

        Another interval begins a new period. A credit is kept for later bills (the charge is paid, its bill negative
        or nothing). When declined, the agreement stays as it is.
        """
        ...

    async def standing(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> Standing:
        """What the provider knows now of the card, the agreement (may be empty) and one bill (empty: the newest)."""
        ...

    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        """End the agreement now and void its open bill (may be empty). Safe when already ended."""
        ...

    async def end_at_period_end(self, agreement_ref: str, ends: bool, *, key: str) -> None:
        """Bill no further period, or bill on after all."""
        ...

    async def hold(self, agreement_ref: str, held: bool, *, key: str) -> None:
        """Stop billing while access is off, or bill again."""
        ...

    async def open_checkout(
        self, customer_ref: str, subscription: str, success_url: str, cancel_url: str, *, key: str
    ) -> str:
        """The address of a page on which the customer puts a card on file."""
        ...


class Agreements(Protocol):
    """All agreements at the provider, ours and others'.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def agreements(self, cursor: str | None, *, limit: int = 100) -> AgreementPage:
        """A page of the agreements that are not over, newest first; *cursor* is that of the page before."""
        ...

    async def agreement(self, agreement_ref: str) -> Agreement | None:
        """One agreement, also when it is over; None: the provider knows none of that id."""
        ...

    async def known_customer(self, customer_ref: str) -> KnownCustomer | None:
        """Who a customer is at the provider; None: nobody, or somebody who was deleted there."""
        ...

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        """Note at the provider that the agreement is that of a subscription of ours."""
        ...


class Handover(Protocol):
    """What a take-over needs of the provider besides the agreement.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def card_of_agreement(self, agreement_ref: str) -> Card | None:
        """What the provider charges for an agreement: its own card, else the customer's."""
        ...

    async def make_default(self, customer_ref: str, card_ref: str, *, key: str) -> None:
        """Have a card that the customer has given be the one that is charged for whatever has none of its own."""
        ...


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


class Records(Protocol):
    """The database, one transaction a call."""

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        """Write the projection (unless a later one is there), journal, mails and bill of a step.

        Idempotent by the subscription's id and sequence; returns the step's mails that still wait to be sent.
        """
        ...

    async def contact(self, customer: str) -> Contact:
        """Who the customer is.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def remember_wallet(self, customer: str, customer_ref: str) -> str:
        """Keep the customer's id at the provider and return it: the one that was kept first, should there be another.

        Raises:
            Rejected: code `unknown_customer`.
        """
        ...

    async def forget_sign_up(self, customer: str, subscription: str) -> None:
        """Remove a customer for whom no subscription came about, unless another sign-up of theirs is under way."""
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


class ProviderEvents(Protocol):
    """Reads what the provider sends about payments."""

    def read(self, body: bytes, signature: str) -> "ProviderEvent":
        """The event in a signed message.

        Raises:
            Rejected: code `bad_signature`, `stale_signature`, `bad_event`, `wrong_account` or `wrong_mode`; the message
                is not to be believed, or not for us.
        """
        ...


@dataclass(frozen=True)
class ProviderEvent:
    """A message of the provider: a hint at where to look, not a fact to act on."""

    id: str
    type: str
    """As the provider calls it."""
    object_id: str
    customer_ref: str
    """Empty when it names none: then the provider is asked whose it is."""
    news: News | None
    """What it may mean for a subscription; None: nothing."""
    charge_ref: str = ""
    """The charge that a dispute is of."""
    agreement_ref: str = ""
    """The agreement it is about, when it names one."""
