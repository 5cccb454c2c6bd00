"""Purchases on the provider's own page, and the billing details entered there."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.catalog.plans import Item


@dataclass(frozen=True)
class PurchaseOrder:
    """What somebody is about to buy on a page of the provider."""

    subscription: str
    """The id of the subscription that the purchase will begin."""
    email: str
    locale: str
    customer_ref: str
    """Empty: the provider creates a customer when the page is completed."""
    items: tuple[Item, ...]
    """Charged at once and every period; empty: nothing is charged, and the card is kept for later."""
    attempt_key: str
    """The key under which `Charges.begun` finds what the page has bought."""
    success_url: str
    """The provider replaces `{CHECKOUT_SESSION_ID}` by the page's id."""
    cancel_url: str


@dataclass(frozen=True)
class PurchasePage:
    """A page that waits for its customer."""

    ref: str
    url: str
    expires_at: datetime


class PurchaseStatus(StrEnum):
    """Where a purchase is at the provider."""

    OPEN = "open"
    PENDING = "pending"
    """The customer is done, and the bank has not decided about the payment yet."""
    COMPLETE = "complete"
    """The card is on file; what was ordered is paid."""
    EXPIRED = "expired"


@dataclass(frozen=True)
class Purchase:
    """A purchase as the provider has it now."""

    ref: str
    status: PurchaseStatus
    subscription: str
    """The id that the order named."""
    customer_ref: str = ""
    card_ref: str = ""
    agreement_ref: str = ""
    """Empty: nothing was charged."""
    name: str = ""
    """Who pays, as entered on the page."""


@dataclass(frozen=True)
class PurchaseList:
    """Completed purchases, newest first, and the cursor of the next page; None: this is the last page."""

    purchases: tuple[Purchase, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class TaxId:
    """A customer's number at a tax authority, such as a VAT id."""

    kind: str
    """The provider's name for it, `eu_vat`."""
    value: str


@dataclass(frozen=True)
class BillingDetails:
    """To whom invoices are addressed. Never put this into a workflow's history."""

    name: str = ""
    line1: str = ""
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    """ISO 3166-1, two letters."""
    tax_ids: tuple[TaxId, ...] = ()
