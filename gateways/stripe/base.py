"""The base of every Stripe component: the client, prices by lookup key, invoices and their outcomes."""

from typing import Any

import stripe

from domain.catalog.plans import is_lookup_key
from domain.errors import GatewayRefused
from domain.provider.payments import Charge, ChargeOutcome
from gateways.stripe import mapping
from gateways.stripe.errors import translated

INTENTS = "payments.data.payment.payment_intent"
"""Expands why an invoice was not paid. This is Stripe's limit of four levels, so it works on the invoice itself
only."""
LATEST = "latest_invoice"
SUBSCRIPTION = "tenure_subscription"
"""Metadata on our objects at Stripe: the subscription they belong to."""


class StripeAccount:
    """A Stripe account, shared by the components of the gateway."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1
        self._prices: dict[str, str] = {}
        self._repriced: set[str] = set()
        """Keys under which we asked for a price that Stripe no longer had."""

    async def _price(self, lookup_key: str) -> str:
        """The id of an active price. Anything that is not a catalog's lookup key is taken as an id."""
        if not is_lookup_key(lookup_key):
            return lookup_key
        known = self._prices.get(lookup_key)
        if known is not None:
            return known
        with translated():
            found = await self._api.prices.list_async({"lookup_keys": [lookup_key], "active": True})
        if not found.data:
            raise GatewayRefused(
                f"Stripe has no active price {lookup_key!r}: run `tenure catalog push`", code="unknown_price"
            )
        price: str = found.data[0].id
        self._prices[lookup_key] = price
        return price

    async def _invoice(self, invoice_ref: str) -> dict[str, Any]:
        """The invoice, with the reason if it was not paid."""
        return (await self._api.invoices.retrieve_async(invoice_ref, {"expand": [INTENTS]})).to_dict()

    async def _void(self, invoice_ref: str, key: str) -> None:
        try:
            await self._api.invoices.void_invoice_async(invoice_ref, {}, {"idempotency_key": key})
        except stripe.InvalidRequestError:
            invoice = await self._api.invoices.retrieve_async(invoice_ref)
            if invoice.status == "open":
                raise

    async def _charge_of_invoice(self, invoice_ref: str) -> Charge:
        return await self._charge_of(await self._invoice(invoice_ref))

    async def _charge_of(self, invoice: dict[str, Any]) -> Charge:
        """The outcome of an invoice."""
        details = (invoice.get("parent") or {}).get("subscription_details") or {}
        agreement = await self._api.subscriptions.retrieve_async(str(details["subscription"]))
        charge = mapping.charge_of(agreement.to_dict(), invoice)
        return charge or Charge(ChargeOutcome.PENDING)

    async def _charge_of_latest(self, subscription: dict[str, Any]) -> Charge:
        """The outcome of the latest invoice, which must be expanded. Fetches it again only if it is unpaid."""
        invoice = subscription.get(LATEST)
        if isinstance(invoice, dict) and invoice.get("status") == "open":
            invoice = await self._invoice(invoice["id"])
        charge = mapping.charge_of(subscription, invoice)
        return charge or Charge(ChargeOutcome.PENDING, agreement_ref=subscription["id"])
