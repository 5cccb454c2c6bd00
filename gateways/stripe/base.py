"""What every part of the Stripe gateway works with: the client, prices by lookup key, bills and what came of them."""

from typing import Any

import stripe

from domain.catalog.plans import is_lookup_key
from domain.errors import GatewayRefused
from domain.provider.payments import Charge, ChargeOutcome
from gateways.stripe import mapping as shapes
from gateways.stripe.errors import translated

INTENTS = "payments.data.payment.payment_intent"
"""Why a bill was not paid. As deep as Stripe expands, four levels, so of the bill itself only."""
LATEST = "latest_invoice"
SUBSCRIPTION = "tenure_subscription"
"""In the metadata of what is ours at Stripe: the subscription that it is for."""


class StripeAccount:
    """An account at Stripe, as the parts of the gateway share it."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1
        self._prices: dict[str, str] = {}
        self._repriced: set[str] = set()
        """Keys under which a price was asked for that Stripe no longer had."""

    async def _price(self, lookup_key: str) -> str:
        """The id of a price that is for sale; what is no name of a catalog's is such an id already."""
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

    async def _bill(self, invoice_ref: str) -> dict[str, Any]:
        """A bill with the reason why it was not paid."""
        return (await self._api.invoices.retrieve_async(invoice_ref, {"expand": [INTENTS]})).to_dict()

    async def _void(self, invoice_ref: str, key: str) -> None:
        try:
            await self._api.invoices.void_invoice_async(invoice_ref, {}, {"idempotency_key": key})
        except stripe.InvalidRequestError:
            bill = await self._api.invoices.retrieve_async(invoice_ref)
            if bill.status == "open":
                raise

    async def _charge_of_bill(self, invoice_ref: str) -> Charge:
        return await self._charge_of(await self._bill(invoice_ref))

    async def _charge_of(self, bill: dict[str, Any]) -> Charge:
        """What has come of a bill."""
        details = (bill.get("parent") or {}).get("subscription_details") or {}
        agreement = await self._api.subscriptions.retrieve_async(str(details["subscription"]))
        charge = shapes.charge_of(agreement.to_dict(), bill)
        return charge or Charge(ChargeOutcome.PENDING)

    async def _charge_of_latest(self, subscription: dict[str, Any]) -> Charge:
        """What has come of the newest bill, which is expanded; only an unpaid one is looked at again."""
        bill = subscription.get(LATEST)
        if isinstance(bill, dict) and bill.get("status") == "open":
            bill = await self._bill(bill["id"])
        charge = shapes.charge_of(subscription, bill)
        return charge or Charge(ChargeOutcome.PENDING, agreement_ref=subscription["id"])
