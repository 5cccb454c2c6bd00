"""What we ask of the provider that moves the money, in our words."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.catalog.plans import Item
from domain.customers import Contact
from domain.provider.agreements import Agreement, AgreementPage, KnownCustomer
from domain.provider.hints import EventKind
from domain.provider.overage_use import BilledUse
from domain.provider.payments import Card, Charge, ProviderState, Quote, Reversal, ReversalKind, UpcomingBill, Wallet
from domain.provider.proration import OwnPeriod

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def is_provider_id(reference: str) -> bool:
    """Whether this can be an id of a provider's. It becomes part of a path there, where `..` would be another call."""
    return _ID.fullmatch(reference) is not None


@dataclass(frozen=True)
class NewAgreement:
    """What the provider is to bill from now on, every period."""

    subscription: str
    customer_ref: str
    card_ref: str
    items: tuple[Item, ...]
    present: bool = False
    """Whether the customer is there and could confirm the payment to their bank."""


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

    async def quote(
        self, agreement_ref: str, items: tuple[Item, ...], at: datetime, own: OwnPeriod | None = None
    ) -> Quote:
        """What `change` with the same *items*, *at* and *own* would bill at once."""
        ...

    async def first_quote(self, customer_ref: str, items: tuple[Item, ...]) -> Quote:
        """What `begin` with the same *items* would bill that customer at once."""
        ...

    async def upcoming(self, agreement_ref: str) -> UpcomingBill:
        """What the agreement's next renewal would bill, as things stand now."""
        ...

    async def belonging(self, news: EventKind, object_ref: str) -> Belonging:
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

    async def open_wallet(
        self, contact: Contact, payment_method: str | None, *, key: str, keeps_default: bool = False
    ) -> Wallet:
        """The customer at the provider, made if there is none, with *payment_method* as the card charged.

        With *keeps_default* a customer who is there already is charged on the card that they have, until `put_card`
        with the one that the wallet tells.

        Raises:
            GatewayRefused: the payment method is unknown or its bank declines it; nothing is changed then.
        """
        ...

    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        """Make *payment_method* the card charged, for an agreement (may be empty) too.

        One that the customer has there already is taken as well.
        """
        ...

    async def is_deleted(self, customer_ref: str) -> bool:
        """Whether the provider says that it had the customer and deleted them, for good.

        Raises:
            GatewayRefused: it knows nobody of that id; another account may.
        """
        ...

    async def open_portal(self, customer_ref: str, return_url: str, *, key: str) -> str:
        """The address of a page on which the customer sees their bills and looks after their cards."""
        ...

    async def open_checkout(
        self, customer_ref: str, subscription: str, success_url: str, cancel_url: str, *, key: str
    ) -> str:
        """The address of a page on which the customer puts a card on file."""
        ...


class Confirmations(Protocol):
    """Payments that wait until their customer has confirmed them to the bank.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def confirmation(self, agreement_ref: str, invoice_ref: str) -> Charge:
        """What has come of a bill that waited; the charge is paid once what was asked for is so at the provider.

        For a change that was billed apart, once `change` can make it.
        """
        ...

    async def withdraw_confirmation(
        self, agreement_ref: str, invoice_ref: str, *, ends_agreement: bool, key: str
    ) -> Charge:
        """Void the bill, so that nothing waits any more: gone, or paid when the customer was faster.

        With *ends_agreement* an agreement goes with it that had come about for this payment alone.
        """
        ...


class KnowsCustomers(Protocol):
    """Who customers are at the provider.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def known_customer(self, customer_ref: str) -> KnownCustomer | None:
        """Who a customer is at the provider; None: nobody, or somebody who was deleted there."""
        ...

    async def change_customer(self, customer_ref: str, email: str, name: str | None, locale: str, *, key: str) -> None:
        """Have the customer be known there by this address, name (None: none) and language. Safe to repeat."""
        ...


class Payments(Quotes, Wallets, KnowsCustomers, Confirmations, Protocol):
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
        """Charge the first period and bill every later one; when declined, no agreement comes about.

        Of a customer who is present it may come about and wait for them (`waits_until`); nothing is paid then.
        """
        ...

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        """The agreement that an earlier `begin` under this key brought about, if it did."""
        ...

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        """Try to take the money for an open bill with the card on file."""
        ...

    async def restart(
        self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str, settled: str = ""
    ) -> Charge:
        """Begin a new period now and charge it, forgetting a bill for time that is over (may be empty).

        With *items*, the agreement is about these from then on; when declined, it stays as it is. The bill *settled*
        is known already: if the newest is that one, this try has begun nothing yet.
        """
        ...

    async def change(
        self,
        agreement_ref: str,
        items: tuple[Item, ...],
        at: datetime,
        own: OwnPeriod | None = None,
        *,
        key: str,
        present: bool = False,
        held: bool = False,
    ) -> Charge:
        """Make the agreement one about *items* now and bill the difference at once, counted from *at*.

        Another interval begins a new period. A credit is kept for later bills (the charge is paid, its bill negative
        or nothing). When declined, the agreement stays as it is.

        Of a period that is not the provider's (*own*), and of one of whose payments some has gone back, it is prorated
        by `domain.provider.proration` and billed apart, a hold staying as it is: no more is credited than was kept.

        When *present*, the customer can confirm the payment to their bank: if that is asked for, the charge waits
        (`waits_until`), and the agreement is as it was till then. What is billed apart (`is_apart`) is made by the same
        call under the same key, once its bill is paid.
        *held* tells that we had billing held; it stays so unless the change is made.
        """
        ...

    async def asked_change(self, agreement_ref: str, *, key: str) -> Charge:
        """What has come of a `change` that was asked for under this key; gone when nothing has.

        Pending when its bill is paid and the agreement is still as it was: asked for again, the change is made.
        """
        ...

    async def standing(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> ProviderState:
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


class Metering(Protocol):
    """Where use beyond plans' limits is told, to be billed at the end of its period.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def report_use(self, use: BilledUse, *, key: str) -> None:
        """Have it billed by the price that the customer's agreement has for it.

        Within a day it is counted once by its `report_key`, also under another *key*.
        """
        ...


class Agreements(KnowsCustomers, Protocol):
    """All agreements at the provider, ours and others'.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def agreements(self, cursor: str | None, *, limit: int = 100) -> AgreementPage:
        """A page of the agreements that are not over, newest first; *cursor* is that of the page before."""
        ...

    async def agreement(self, agreement_ref: str) -> Agreement | None:
        """One agreement, also when it is over; None: the provider knows none of that id."""
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

    async def charged_alike(self, agreement_ref: str, card_ref: str) -> str:
        """Another agreement that would be charged to *card_ref*, were it made the customer's; empty: there is none.

        Those that are ours, have a card of their own, or are charged to it already do not count.
        """
        ...

    async def end_trial(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        """End an agreement at once and note with it on which subscription of ours it goes on. Safe when ended."""
        ...
