"""One-off invoices for changes that we prorate ourselves: created, collected, and found again."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import stripe
from stripe.params import InvoiceAddLinesParams, InvoiceCreateParams

from domain.catalog.plans import Item
from domain.provider.identifiers import attempt_of
from domain.provider.payments import Charge, ChargeOutcome
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import StripeInvoices
from gateways.stripe.errors import NEEDS_CUSTOMER, declined, without_card

CONFIRMATION_WINDOW = timedelta(hours=23)
"""How long such an invoice waits for the customer: as long as Stripe keeps an incomplete subscription."""
INVOICES_PER_PAGE = 50


@dataclass(frozen=True)
class Line:
    """One line of such an invoice."""

    text: str
    amount: int
    start: int
    end: int


@dataclass(frozen=True)
class Order:
    """The content of an invoice."""

    purpose: str
    settles: str
    lines: tuple[Line, ...]


class StripeOneOffInvoices:
    """One-off invoices to a customer, each for one change of an agreement."""

    def __init__(self, client: stripe.StripeClient, invoices: StripeInvoices) -> None:
        self._api = client.v1
        self._invoices = invoices

    async def find(
        self, agreement: dict[str, Any], unapplied: dict[str, Any] | None, *, key: str
    ) -> tuple[dict[str, Any] | None, str]:
        """The invoice created under this key, and the key for another one for the same change."""
        if is_for_key(unapplied, key):
            return unapplied, key
        customer = mapping.id_of(agreement["customer"])
        listed = await self._api.invoices.list_async({"customer": customer, "limit": INVOICES_PER_PAGE})
        made = [each.to_dict() for each in listed.data if is_for_key(each.to_dict(), key)]
        credited = next((each["id"] for each in made if mapping.note(each, metadata.GIVEN_BACK)), "")
        found = next((each for each in made if not mapping.note(each, metadata.GIVEN_BACK)), None)
        return found, f"{key}/{credited}" if credited else key

    async def outcome(self, agreement: dict[str, Any], unapplied: dict[str, Any] | None, *, key: str) -> Charge:
        """The outcome of the invoice of a change that is not applied; GONE if there is no invoice."""
        invoice, _ = await self.find(agreement, unapplied, key=key)
        if invoice is None:
            return Charge(ChargeOutcome.GONE)
        invoice = await self._invoices.get(invoice["id"])
        charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED:
            return _waiting(agreement, invoice)
        if charge.outcome is ChargeOutcome.PAID:
            return replace(charge, outcome=ChargeOutcome.PENDING)
        # Stripe does not collect an invoice for which no card was charged.
        is_left = charge.outcome is ChargeOutcome.PENDING and not invoice.get("attempted")
        return replace(charge, outcome=ChargeOutcome.DECLINED) if is_left else charge

    async def make(
        self, agreement: dict[str, Any], draft: dict[str, Any] | None, order: Order, *, change_key: str, key: str
    ) -> dict[str, Any]:
        """Returns an invoice with its lines. The agreement refers to it before it can be paid."""
        if draft is None:
            params = _new_invoice(agreement, await self._card_of_agreement(agreement), order, change_key)
            draft = (await self._api.invoices.create_async(params, {"idempotency_key": f"{key}/bill"})).to_dict()
        if mapping.note(agreement, metadata.BEGUN) != draft["id"]:
            await self._api.subscriptions.update_async(
                agreement["id"], {"metadata": {metadata.BEGUN: draft["id"]}}, {"idempotency_key": f"{key}/begun"}
            )
        filled = await self._api.invoices.add_lines_async(
            draft["id"], _filling(order.lines), {"idempotency_key": f"{key}/lines"}
        )
        return filled.to_dict()

    async def _card_of_agreement(self, agreement: dict[str, Any]) -> str:
        """The agreement's own card; empty if there is none or it was detached.

        It is charged before the customer's.
        """
        card = mapping.id_of(agreement.get("default_payment_method"))
        if not card:
            return ""
        found = (await self._api.payment_methods.retrieve_async(card)).to_dict()
        return card if mapping.id_of(found.get("customer")) == mapping.id_of(agreement["customer"]) else ""

    async def collect(
        self, agreement: dict[str, Any], invoice: dict[str, Any], *, present: bool, key: str
    ) -> Charge | None:
        """Collects the invoice.

        Returns:
            None if it is paid. Otherwise the reason: it is void, or waits for a customer who is *present*.

        """
        ref = invoice["id"]
        if invoice["status"] == "draft":
            final = await self._api.invoices.finalize_invoice_async(
                ref, {"auto_advance": False}, {"idempotency_key": f"{key}/final"}
            )
            invoice = final.to_dict()
        if invoice["status"] == "open" and not invoice.get("attempted"):
            refused = await self._pay(ref, present=present, key=key)
            if refused is not None:
                await self._invoices.void(ref, key=f"{key}/void")
                return refused
        invoice = await self._invoices.get(ref)
        if invoice["status"] == "paid":
            return None
        failed = mapping.failure_of(invoice)
        if failed.outcome is ChargeOutcome.PENDING:
            return failed
        if present and failed.outcome is ChargeOutcome.ACTION_REQUIRED and invoice["status"] == "open":
            return _waiting(agreement, invoice)
        await self._invoices.void(ref, key=f"{key}/void")
        return failed

    async def _pay(self, ref: str, *, present: bool, key: str) -> Charge | None:
        """Charges the card. Returns a final refusal; None if the state of the invoice decides."""
        try:
            await self._api.invoices.pay_async(
                ref, {} if present else {"off_session": True}, {"idempotency_key": f"{key}/pay"}
            )
        except stripe.CardError as error:
            refused = declined(error)
            return None if present and refused.outcome is ChargeOutcome.ACTION_REQUIRED else refused
        except stripe.InvalidRequestError as error:
            if error.code in NEEDS_CUSTOMER or (await self._invoices.get(ref))["status"] == "paid":
                return None
            return without_card(error)
        return None


def is_for_key(invoice: dict[str, Any] | None, key: str) -> bool:
    """True if the invoice belongs to the change with this key."""
    return invoice is not None and mapping.note(invoice, metadata.CHANGE) == attempt_of(key)


def is_unfilled(invoice: dict[str, Any] | None) -> bool:
    """True if the invoice cannot be charged yet: there is none, or it is a draft without lines."""
    return invoice is None or (invoice["status"] == "draft" and not invoice["lines"]["data"])


def settles(invoice: dict[str, Any]) -> str:
    """The value that the invoice's change stores as settled; empty on invoices of earlier releases."""
    return mapping.note(invoice, metadata.SETTLED)


def purpose_of(agreement: Mapping[str, Any], wanted: Iterable[Item], until: int, settled: str) -> str:
    """What an invoice is for: from what to what, for which time, after which refunds."""
    had = [(each["price"].get("lookup_key") or each["price"]["id"], each) for each in agreement["items"]["data"]]
    before = sorted(f"{name}*{each.get('quantity') or 0}" for name, each in had)
    after = sorted(f"{item.lookup_key}*{item.quantity}" for item in wanted)
    purpose = f"{' '.join(before)} > {' '.join(after)} until {until} {settled}"
    return purpose if len(purpose) <= metadata.MAX_LENGTH else hashlib.sha256(purpose.encode()).hexdigest()


def _waiting(agreement: dict[str, Any], invoice: dict[str, Any]) -> Charge:
    charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.ACTION_REQUIRED)
    final = (invoice.get("status_transitions") or {}).get("finalized_at") or invoice["created"]
    return replace(charge, waits_until=mapping.moment(final) + CONFIRMATION_WINDOW, is_apart=True)


def _new_invoice(agreement: dict[str, Any], card: str, order: Order, change_key: str) -> InvoiceCreateParams:
    """The customer's invoice, not the subscription's, which may be on hold and whose latest invoice must not change."""
    params: InvoiceCreateParams = {
        "customer": mapping.id_of(agreement["customer"]),
        "currency": agreement["currency"],
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "metadata": {
            metadata.SUBSCRIPTION: mapping.note(agreement, metadata.SUBSCRIPTION),
            metadata.AGREEMENT: agreement["id"],
            metadata.CHANGE: attempt_of(change_key),
            metadata.FOR: order.purpose,
            metadata.SETTLED: order.settles,
        },
    }
    if card:
        params["default_payment_method"] = card
    if rates := [mapping.id_of(each) for each in agreement.get("default_tax_rates") or []]:
        params["default_tax_rates"] = rates
    if (agreement.get("automatic_tax") or {}).get("enabled"):
        params["automatic_tax"] = {"enabled": True}
    return params


def _filling(lines: Iterable[Line]) -> InvoiceAddLinesParams:
    return {
        "lines": [
            {
                "description": line.text,
                "amount": line.amount,
                "discountable": False,
                "period": {"start": line.start, "end": line.end},
            }
            for line in lines
        ]
    }
