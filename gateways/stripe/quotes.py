"""Previews at Stripe of what a change, a first period or a renewal would bill."""

from datetime import datetime
from typing import Any

import stripe
from stripe.params import InvoiceCreatePreviewParams

from domain.catalog.plans import Item
from domain.provider.payments import Quote, QuoteLine, UpcomingInvoice
from domain.provider.proration import OwnPeriod
from domain.provider.settlement import Settled, settled
from gateways.stripe import mapping
from gateways.stripe.errors import translated
from gateways.stripe.items import StripeItems
from gateways.stripe.minimum_charges import SMALLEST_CHARGES
from gateways.stripe.own_proration import OwnProration, StripeOwnProration
from gateways.stripe.unapplied_changes import StripeUnappliedChanges


class StripeQuotes:
    """The port `Quotes`."""

    def __init__(
        self,
        client: stripe.StripeClient,
        items: StripeItems,
        unapplied: StripeUnappliedChanges,
        own_proration: StripeOwnProration,
    ) -> None:
        self._api = client.v1
        self._items = items
        self._unapplied = unapplied
        self._own_proration = own_proration

    async def upcoming_invoice(self, agreement_ref: str) -> UpcomingInvoice:
        with translated():
            invoice = (await self._api.invoices.create_preview_async({"subscription": agreement_ref})).to_dict()
        return UpcomingInvoice(invoice["amount_due"], invoice["currency"])

    async def first_quote(self, customer_ref: str, items: tuple[Item, ...]) -> Quote:
        async def ask(_: str) -> stripe.Invoice:
            params: InvoiceCreatePreviewParams = {
                "customer": customer_ref,
                "subscription_details": {
                    "items": [each.as_preview() for each in await self._items.new_for_preview(items)]
                },
            }
            return await self._api.invoices.create_preview_async(params)

        with translated():
            return _quote_from(await self._items.at_current_prices(ask, key=""))

    async def quote(
        self, agreement_ref: str, items: tuple[Item, ...], at: datetime, own: OwnPeriod | None = None
    ) -> Quote:
        with translated():
            agreement = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
            unapplied = await self._unapplied.invoice_of(agreement)
            proration = await self._own_proration.needed(agreement, at, own, unapplied)
            if proration is not None:
                return await self._own_quote(agreement, items, proration, unapplied)

            async def ask(_: str) -> stripe.Invoice:
                params: InvoiceCreatePreviewParams = {
                    "subscription": agreement_ref,
                    "subscription_details": {
                        "items": [each.as_preview() for each in await self._items.changes(agreement, items)],
                        "proration_behavior": "always_invoice",
                        "proration_date": mapping.within_period(agreement, at),
                    },
                }
                return await self._api.invoices.create_preview_async(params)

            preview = await self._items.at_current_prices(ask, key="")
            return _quote_from(preview, await self._unapplied.balance_change(unapplied))

    async def _own_quote(
        self,
        agreement: dict[str, Any],
        items: tuple[Item, ...],
        proration: OwnProration,
        unapplied: dict[str, Any] | None,
    ) -> Quote:
        currency = agreement["currency"]
        purpose = proration.purpose(agreement, items)
        if unapplied is not None and await self._unapplied.is_paid_for(unapplied, purpose):
            total: int = unapplied["total"]
            how = Settled(0, credit_applied=total) if total > 0 else settled(total, 0, 0)
            return Quote(total, currency, _lines_of(unapplied), how)
        lines = await self._own_proration.lines(agreement, items, proration)
        quoted = tuple(QuoteLine(line.text, line.amount) for line in lines)
        total = sum(line.amount for line in lines)
        balance = await self._balance_of(agreement) + await self._unapplied.balance_change(unapplied)
        return Quote(total, currency, quoted, settled(total, balance, SMALLEST_CHARGES.get(currency, 0)))

    async def _balance_of(self, agreement: dict[str, Any]) -> int:
        owner = (await self._api.customers.retrieve_async(mapping.id_of(agreement["customer"]))).to_dict()
        return owner.get("balance") or 0


def _quote_from(preview: stripe.Invoice, left: int = 0) -> Quote:
    """The quote in a preview. *left* is added to the customer's balance before the invoice is charged."""
    invoice = preview.to_dict()
    how = mapping.settled_as(invoice)
    if left:
        how = settled(
            invoice["total"],
            (invoice.get("starting_balance") or 0) + left,
            SMALLEST_CHARGES.get(invoice["currency"], 0),
        )
    # The total, not the amount due, which is never negative: a credit must be visible.
    return Quote(invoice["total"], invoice["currency"], _lines_of(invoice), how)


def _lines_of(invoice: dict[str, Any]) -> tuple[QuoteLine, ...]:
    return tuple(QuoteLine(line.get("description") or "", line["amount"]) for line in invoice["lines"]["data"])
