"""The ports of the payment provider, independent of any provider's vocabulary.

`Provider` is all of them; each user takes only those it needs. Methods raise GatewayRefused (permanent) and
GatewayUnavailable (temporary). A method with a `key`, which names the attempt, does nothing new when it is called again
under the same key, and returns the same result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.catalog.plans import Item
from domain.customers import Contact
from domain.provider.agreements import (
    ALL_AGREEMENTS,
    Agreement,
    AgreementFilter,
    AgreementPage,
    KnownCustomer,
    NewAgreement,
)
from domain.provider.event_ports import EventHistory, Owners
from domain.provider.overage_usage import BilledUsage
from domain.provider.payments import (
    Card,
    Charge,
    Invoice,
    ProviderState,
    Quote,
    Reversal,
    ReversalKind,
    UpcomingInvoice,
    Wallet,
)
from domain.provider.proration import OwnPeriod
from domain.provider.purchases import BillingDetails, Purchase, PurchaseList, PurchaseOrder, PurchasePage
from domain.provider.refunds import RefundOrder


class Wallets(Protocol):
    """Customers at the provider, the cards they are charged on, and the pages where they manage both."""

    async def open_wallet(
        self, contact: Contact, payment_method: str | None, *, key: str, keeps_default: bool = False
    ) -> Wallet:
        """Returns the customer at the provider, created if needed, with *payment_method* as the default card.

        With *keeps_default*, an existing customer's default card stays until `put_card` is called with the card of the
        returned wallet.

        Raises:
            GatewayRefused: the payment method is unknown or its bank declines it; nothing is changed.
        """
        ...

    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        """Make *payment_method* the default card, also of an agreement (may be empty).

        A payment method that is already the customer's is accepted.
        """
        ...

    async def adopt_checkout(
        self, session_ref: str, agreement_ref: str, newer_than: datetime | None, *, key: str
    ) -> Wallet | None:
        """Make the card from a checkout page the default card.

        Returns None if no card was provided there, or only before *newer_than*, when the card on file was set.
        """
        ...

    async def is_deleted(self, customer_ref: str) -> bool:
        """True if the provider reports that it permanently deleted the customer.

        Raises:
            GatewayRefused: it does not know the id; another account may.
        """
        ...

    async def open_portal(self, customer_ref: str, return_url: str, *, key: str) -> str:
        """Returns the URL of a page where the customer sees their invoices and manages their cards."""
        ...

    async def open_checkout(
        self, customer_ref: str, subscription: str, success_url: str, cancel_url: str, *, key: str
    ) -> str:
        """Returns the URL of a page where the customer puts a card on file."""
        ...


class CustomerContacts(Protocol):
    """Customers' contact data at the provider."""

    async def known_customer(self, customer_ref: str) -> KnownCustomer | None:
        """Returns a customer as the provider knows them; None: unknown, or deleted there."""
        ...

    async def change_customer(self, customer_ref: str, email: str, name: str | None, locale: str, *, key: str) -> None:
        """Set the customer's address, name (None: none) and language at the provider. Safe to repeat."""
        ...

    async def delete_customer(self, customer_ref: str) -> None:
        """Delete the customer with their cards and agreements at the provider, for good. Safe to repeat.

        Raises:
            GatewayRefused: the key may not.
        """
        ...

    async def billing_details(self, customer_ref: str) -> BillingDetails | None:
        """Returns to whom the customer's invoices are addressed; None: unknown, or deleted there."""
        ...


class CompletedPurchases(Protocol):
    """Pages on which somebody has bought a subscription."""

    async def completed_purchases(self, since: datetime, cursor: str | None) -> PurchaseList:
        """Returns a list of the pages that were opened since then and have been completed, newest first."""
        ...


class Purchases(CompletedPurchases, Protocol):
    """Pages of the provider on which somebody buys a subscription, or gives a card for a trial."""

    async def open_purchase(self, order: PurchaseOrder, *, key: str) -> PurchasePage:
        """Open a page. Until it is completed it creates no customer, no agreement and no charge.

        Raises:
            GatewayRefused: code `resource_missing`; the provider does not know the customer, or has deleted them.
        """
        ...

    async def purchase(self, page_ref: str) -> Purchase:
        """Returns what has become of a page. Changes nothing.

        Raises:
            GatewayRefused: it is not a page of `open_purchase`.
        """
        ...

    async def claim_customer(self, customer_ref: str, contact: Contact, *, key: str) -> None:
        """Mark the customer that a page has created as ours, with their language. Safe to repeat."""
        ...

    async def undo_purchase(self, page_ref: str, *, key: str) -> Reversal | None:
        """End what a completed page has bought, and give back what was paid for it, however late it is repeated.

        The card is removed, unless it is the customer's default. Returns the refund; None: nothing had been paid.
        """
        ...


class Charges(Protocol):
    """Takes money: for first periods, open invoices and restarts."""

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        """Charge the first period and bill every later one; if declined, no agreement is created.

        If the customer is present, it may be created and wait for their confirmation (`waits_until`), unpaid.
        """
        ...

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        """Returns the result of an earlier `begin` under this key, if it created an agreement."""
        ...

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        """Try to collect an open invoice with the card on file."""
        ...

    async def restart(
        self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str, settled: str = ""
    ) -> Charge:
        """Begin a new period now and charge it, voiding an invoice for past time (may be empty).

        With *items*, the agreement has these from then on; if declined, it stays unchanged. *settled* is the last
        invoice already known: while it is the latest, this attempt has not begun anything.
        """
        ...


class PlanChanges(Protocol):
    """Changes what an agreement bills."""

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
        """Change the agreement to *items* now and bill the difference immediately, prorated from *at*.

        Another interval begins a new period. A credit is kept for later invoices (the charge is paid, its invoice
        negative or zero). If declined, the agreement stays unchanged.

        A period that is not the provider's (*own*), or whose payment was partly reversed, is prorated by
        `domain.provider.proration` and billed separately, and a hold stays: no more is credited than was kept.

        If *present*, the customer can confirm the payment with their bank: if the bank requires it, the charge waits
        (`waits_until`), and the agreement stays unchanged until then. A change that is billed separately (`is_apart`)
        is applied by the same call under the same key, once its invoice is paid.
        *held* says that we put billing on hold; it stays on hold unless the change is made.
        """
        ...

    async def requested_change(self, agreement_ref: str, *, key: str) -> Charge:
        """The outcome of a `change` that was requested under this key; gone if there is none.

        Pending if its invoice is paid and the agreement is not changed yet: repeating the request applies the change.
        """
        ...


class Quotes(Protocol):
    """What would be billed. Changes nothing."""

    async def quote(
        self, agreement_ref: str, items: tuple[Item, ...], at: datetime, own: OwnPeriod | None = None
    ) -> Quote:
        """What `PlanChanges.change` with the same *items*, *at* and *own* would bill immediately."""
        ...

    async def first_quote(self, customer_ref: str, items: tuple[Item, ...]) -> Quote:
        """What `Charges.begin` with the same *items* would bill that customer immediately."""
        ...

    async def upcoming_invoice(self, agreement_ref: str) -> UpcomingInvoice:
        """What the agreement's next renewal would bill as of now."""
        ...


class Confirmations(Protocol):
    """Payments that wait for their customer to confirm them with the bank."""

    async def confirmation(self, agreement_ref: str, invoice_ref: str) -> Charge:
        """The state of a waiting payment; it is paid once the requested change is in effect at the provider.

        For a change that was billed separately, it is paid once `change` can apply it.
        """
        ...

    async def withdraw_confirmation(
        self, agreement_ref: str, invoice_ref: str, *, ends_agreement: bool, key: str
    ) -> Charge:
        """Void the invoice, so that nothing waits any longer. Returns gone, or paid if the customer was faster.

        With *ends_agreement*, also ends an agreement that was created for this payment alone.
        """
        ...


class Billing(Protocol):
    """Whether the provider goes on billing an agreement."""

    async def provider_state(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> ProviderState:
        """The current state of the card, the agreement (may be empty) and one invoice (empty: the latest)."""
        ...

    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        """End the agreement now and void its open invoice (may be empty). Safe when already ended."""
        ...

    async def end_at_period_end(self, agreement_ref: str, ends: bool, *, key: str) -> None:
        """Stop billing at the end of the period, or continue after all."""
        ...

    async def hold(self, agreement_ref: str, held: bool, *, key: str) -> None:
        """Put billing on hold while access is off, or resume it."""
        ...


class Agreements(Protocol):
    """All agreements at the provider, ours and others'."""

    async def page(
        self, cursor: str | None, *, limit: int = 100, among: AgreementFilter = ALL_AGREEMENTS
    ) -> AgreementPage:
        """Returns a page of the agreements that are not over, newest first.

        *cursor* is from the previous page, which was asked for *among* the same ones.
        """
        ...

    async def find(self, agreement_ref: str) -> Agreement | None:
        """Returns one agreement, even if it is over; None: the provider does not know the id."""
        ...

    async def invoices(self, agreement_ref: str, customer_ref: str, since: datetime) -> Sequence[Invoice]:
        """Returns the finalised invoices of an agreement since a moment, oldest first, those for changes included."""
        ...

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        """Mark the agreement at the provider as belonging to one of our subscriptions."""
        ...


class Handover(Protocol):
    """What an import needs from the provider besides the agreement."""

    async def card_of_agreement(self, agreement_ref: str) -> Card | None:
        """Returns the card charged for an agreement: its own, else the customer's default."""
        ...

    async def agreement_on_same_card(self, agreement_ref: str, card_ref: str) -> str:
        """Returns another agreement that would be charged to *card_ref* if it became the default card; empty: none.

        Ignores agreements that are ours, have their own card, or are already charged to it.
        """
        ...

    async def end_trial(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        """End an agreement now and record on it which of our subscriptions continues it. Safe when already ended."""
        ...


class Metering(Protocol):
    """Reports usage beyond plans' limits, which is billed at the end of its period."""

    async def report_usage(self, use: BilledUsage, *, key: str) -> None:
        """Report usage, to be billed at the customer's overage price.

        Within a day it is counted once by its `report_key`, even under another *key*.
        """
        ...


class Reversals(Protocol):
    """Refunds and disputes."""

    async def reversal(self, kind: ReversalKind, object_ref: str) -> Reversal:
        """The current state of a refund or dispute; *object_ref* is the object that the event names."""
        ...


class Refunds(Protocol):
    """Gives money back."""

    async def refund(self, order: RefundOrder) -> tuple[Reversal, ...]:
        """Give back what an order says (`domain.provider.refunds.parts_of`), once, however late it is repeated.

        Returns the state after it of each charge that something was given back of.

        Raises:
            Rejected: code `over_refund`, `payment_disputed` or `refund_limit`; nothing was given back.
            GatewayRefused: code `resource_missing`; there is no such invoice.
        """
        ...


@dataclass(frozen=True)
class Provider:
    """The payment provider: an adapter for each of its ports."""

    wallets: Wallets
    contacts: CustomerContacts
    purchases: Purchases
    charges: Charges
    changes: PlanChanges
    quotes: Quotes
    confirmations: Confirmations
    billing: Billing
    agreements: Agreements
    handover: Handover
    metering: Metering
    reversals: Reversals
    refunds: Refunds
    owners: Owners
    history: EventHistory


class CallMeter(Protocol):
    """Measures requests to the provider."""

    def answered(self, method: str, resource: str, status: int, seconds: float) -> None:
        """Note one; *resource* is the first part of its path, *status* 0 if there was no answer."""
        ...

    def waited(self, seconds: float) -> None:
        """Note for how long one has waited for its turn."""
        ...
