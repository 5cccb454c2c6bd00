"""Payments that wait at Stripe until the customer confirms them with their bank."""

from dataclasses import replace
from typing import Any

import stripe

from domain.provider.payments import Charge, ChargeOutcome
from gateways.stripe import mapping
from gateways.stripe.billing import StripeInvoices, cancel
from gateways.stripe.errors import translated


class StripeConfirmations:
    """The port `Confirmations`."""

    def __init__(self, client: stripe.StripeClient, invoices: StripeInvoices) -> None:
        self._client = client
        self._api = client.v1
        self._invoices = invoices

    async def confirmation(self, agreement_ref: str, invoice_ref: str) -> Charge:
        with translated():
            return await self.charge_of(agreement_ref, await self._invoices.get(invoice_ref))

    async def withdraw_confirmation(
        self, agreement_ref: str, invoice_ref: str, *, ends_agreement: bool, key: str
    ) -> Charge:
        with translated():
            # The invoice first: once voided, it can no longer be paid.
            await self._invoices.void(invoice_ref, key=f"{key}/void")
            charge = await self.charge_of(agreement_ref, await self._invoices.get(invoice_ref))
            if ends_agreement and charge.outcome is ChargeOutcome.GONE:
                await cancel(self._client, agreement_ref, {}, key=f"{key}/end")
            return charge

    async def charge_of(self, agreement_ref: str, invoice: dict[str, Any]) -> Charge:
        """The outcome of a waiting invoice. Fetches the agreement afterwards, so that it reflects the invoice."""
        agreement = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
        charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING)
        if charge.outcome is ChargeOutcome.PAID and agreement.get("pending_update"):
            return replace(charge, outcome=ChargeOutcome.PENDING)  # the change is about to be applied
        return charge
