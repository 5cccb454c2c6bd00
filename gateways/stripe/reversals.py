"""Refunds and disputes, and whose payment they reverse."""

from collections.abc import Mapping

import stripe

from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from gateways.stripe import metadata
from gateways.stripe.billing import StripeInvoices
from gateways.stripe.errors import translated
from gateways.stripe.mapping import agreement_of_invoice, note

STATUSES: Mapping[str, DisputeStatus] = {
    "warning_needs_response": DisputeStatus.INQUIRY,
    "warning_under_review": DisputeStatus.INQUIRY,
    "needs_response": DisputeStatus.OPEN,
    "under_review": DisputeStatus.OPEN,
    "won": DisputeStatus.WON,
    "warning_closed": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    # Settled with the bank before it became a dispute: by returning the money.
    "prevented": DisputeStatus.LOST,
}


class StripeReversals:
    """The port `Reversals`."""

    def __init__(self, client: stripe.StripeClient, invoices: StripeInvoices) -> None:
        self._api = client.v1
        self._invoices = invoices

    async def reversal(self, kind: ReversalKind, object_ref: str) -> Reversal:
        with translated():
            if kind is ReversalKind.REFUND:
                return await self._refunds(object_ref)
            return await self._dispute(object_ref)

    async def _refunds(self, charge_ref: str) -> Reversal:
        charge = (await self._api.charges.retrieve_async(charge_ref, {"expand": ["refunds"]})).to_dict()
        refunds = (charge.get("refunds") or {}).get("data") or [{}]
        invoice = await self._invoices.of_payment(charge.get("payment_intent"))
        card = (charge.get("payment_method_details") or {}).get("card") or {}
        return Reversal(
            kind=ReversalKind.REFUND,
            ref=charge["id"],
            invoice_ref=invoice.get("id") or "",
            agreement_ref=agreement_of_invoice(invoice),
            amount_paid=invoice["amount_paid"] if invoice else charge.get("amount"),
            invoice_number=invoice.get("number") or "",
            card_brand=card.get("brand") or "",
            card_last4=card.get("last4") or "",
            amount=charge.get("amount_refunded") or 0,
            currency=charge.get("currency") or "",
            is_full=bool(charge.get("refunded")),
            reason=refunds[0].get("reason") or "",
            command=note(refunds[0], metadata.REFUND),
            actor=note(refunds[0], metadata.REFUNDED_BY),
        )

    async def _dispute(self, dispute_ref: str) -> Reversal:
        dispute = (await self._api.disputes.retrieve_async(dispute_ref, {"expand": ["charge"]})).to_dict()
        charge = dispute["charge"]
        invoice = await self._invoices.of_payment(dispute.get("payment_intent") or charge.get("payment_intent"))
        return Reversal(
            kind=ReversalKind.DISPUTE,
            ref=dispute["id"],
            invoice_ref=invoice.get("id") or "",
            agreement_ref=agreement_of_invoice(invoice),
            amount=dispute.get("amount") or 0,
            currency=dispute.get("currency") or "",
            is_full=dispute.get("amount", 0) >= charge["amount"],
            status=STATUSES.get(dispute.get("status") or "", DisputeStatus.OPEN),
            reason=dispute.get("reason") or "",
        )
