"""Invoices at Stripe: read with the reason if unpaid, voided, and turned into charges."""

from typing import Any

import stripe

from domain.provider.payments import Charge, ChargeOutcome
from gateways.stripe import mapping

INTENTS = "payments.data.payment.payment_intent"
"""Expands why an invoice was not paid. This is Stripe's limit of four levels, so it works on the invoice itself
only."""
LATEST = "latest_invoice"


class StripeInvoices:
    """The invoices of an account, Stripe's and our own."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1

    async def get(self, ref: str) -> dict[str, Any]:
        """The invoice, with the reason if it was not paid."""
        return (await self._api.invoices.retrieve_async(ref, {"expand": [INTENTS]})).to_dict()

    async def void(self, ref: str, *, key: str) -> None:
        """Voids an invoice. One that is no longer open stays as it is."""
        try:
            await self._api.invoices.void_invoice_async(ref, {}, {"idempotency_key": key})
        except stripe.InvalidRequestError:
            invoice = await self._api.invoices.retrieve_async(ref)
            if invoice.status == "open":
                raise

    async def charge_of(self, invoice: dict[str, Any]) -> Charge:
        """The outcome of an agreement's invoice."""
        details = (invoice.get("parent") or {}).get("subscription_details") or {}
        agreement = await self._api.subscriptions.retrieve_async(str(details["subscription"]))
        charge = mapping.charge_of(agreement.to_dict(), invoice)
        return charge or Charge(ChargeOutcome.PENDING)

    async def latest_charge(self, agreement: dict[str, Any]) -> Charge:
        """The outcome of the latest invoice, which must be expanded. Fetches it again only if it is unpaid."""
        invoice = agreement.get(LATEST)
        if isinstance(invoice, dict) and invoice.get("status") == "open":
            invoice = await self.get(invoice["id"])
        charge = mapping.charge_of(agreement, invoice)
        return charge or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])

    async def of_payment(self, intent: Any) -> dict[str, Any]:
        """The invoice of a payment intent; empty if there is none. The charge itself does not name it."""
        if not intent:
            return {}
        listed = await self._api.invoice_payments.list_async(
            {"payment": {"type": "payment_intent", "payment_intent": str(intent)}, "limit": 1}
        )
        ref = next((str(payment.to_dict().get("invoice") or "") for payment in listed.data), "")
        if not ref:
            return {}
        invoice: dict[str, Any] = (await self._api.invoices.retrieve_async(ref)).to_dict()
        return invoice
