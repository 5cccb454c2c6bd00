"""Refunds that we ask for. An attempt that was made is found by the order's key in the refund's metadata."""

from typing import Final

import stripe
from stripe.params import RefundCreateParams

from domain.provider import refunds
from domain.provider.payments import Reversal, ReversalKind
from domain.provider.refunds import PaidCharge, RefundOrder, RefundPart
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import StripeInvoices
from gateways.stripe.errors import translated
from gateways.stripe.reversals import StripeReversals

PAGE: Final = 100
TAKEN_BACK: Final = frozenset({"failed", "canceled"})
"""Statuses of refunds that have given nothing back after all."""


class StripeRefunds:
    """The port `Refunds`."""

    def __init__(self, client: stripe.StripeClient, invoices: StripeInvoices, reversals: StripeReversals) -> None:
        self._api = client.v1
        self._invoices = invoices
        self._reversals = reversals

    async def refund(self, order: RefundOrder) -> tuple[Reversal, ...]:
        with translated():
            invoice = await self._invoices.get(order.invoice_ref)
            charges = [await self._charge(ref, order) for ref in mapping.paying_charges(invoice)]
            parts = refunds.parts_of(order, charges)
            for part in parts:
                await self._give_back(part, order)
        concerned = {part.charge_ref for part in parts} | {each.ref for each in charges if each.by_this_order}
        found = [each.ref for each in charges if each.ref in concerned]
        return tuple([await self._reversals.reversal(ReversalKind.REFUND, ref) for ref in found])

    async def _charge(self, ref: str, order: RefundOrder) -> PaidCharge:
        charge = (await self._api.charges.retrieve_async(ref)).to_dict()
        listed = await self._api.refunds.list_async({"charge": ref, "limit": PAGE})
        made = [each.to_dict() for each in listed.data if each.status not in TAKEN_BACK]
        by_this = sum(each["amount"] for each in made if mapping.note(each, metadata.REFUND) == order.key)
        return PaidCharge(ref, charge["amount_captured"], charge["amount_refunded"], charge["currency"], by_this)

    async def _give_back(self, part: RefundPart, order: RefundOrder) -> None:
        params: RefundCreateParams = {
            "charge": part.charge_ref,
            "amount": part.amount,
            "metadata": {
                metadata.SUBSCRIPTION: order.subscription,
                metadata.REFUND: order.key,
                metadata.REFUNDED_BY: order.actor,
            },
        }
        key = f"{order.subscription}/refund/{order.key}/{part.charge_ref}/{part.amount}"
        try:
            await self._api.refunds.create_async(params, {"idempotency_key": key})
        except stripe.InvalidRequestError as error:
            if error.code == "charge_disputed":
                raise refunds.disputed(order.invoice_ref) from None
            # Somebody else was faster, in the Dashboard or by another command.
            if error.code == "charge_already_refunded" or error.param == "amount":
                raise refunds.over_refund(order.invoice_ref) from None
            raise
