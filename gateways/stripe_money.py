"""Taking money at Stripe: a first period, an open bill, a new beginning."""

from typing import Any

import stripe

from domain.payments import Charge, ChargeOutcome, Decline
from domain.plans import Item
from domain.ports import NewAgreement
from gateways import stripe_shapes as shapes
from gateways.stripe_account import LATEST
from gateways.stripe_errors import declined, translated, without_card
from gateways.stripe_items import StripeItems


class StripeMoney(StripeItems):
    """The business tries that take money."""

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        items = [{"price": await self._price(item.lookup_key), "quantity": item.quantity} for item in order.items]
        params: dict[str, Any] = {
            "customer": order.customer_ref,
            "items": items,
            "default_payment_method": order.card_ref,
            "off_session": True,
            "payment_behavior": "error_if_incomplete",
            "metadata": {"tenure_subscription": order.subscription, "tenure_try": key},
            "expand": [LATEST],
        }
        with translated():
            try:
                made = await self._api.subscriptions.create_async(params, {"idempotency_key": key})  # type: ignore[arg-type]
            except stripe.CardError as error:
                return declined(error)
            return await self._charge_of_latest(made.to_dict())

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        with translated():
            listed = await self._api.subscriptions.list_async(
                {"customer": customer_ref, "status": "all", "limit": 100, "expand": [f"data.{LATEST}"]}
            )
            for subscription in listed.data:
                found = subscription.to_dict()
                if (found.get("metadata") or {}).get("tenure_try") == key:
                    return await self._charge_of_latest(found)
        return None

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        with translated():
            try:
                await self._api.invoices.pay_async(invoice_ref, {"off_session": True}, {"idempotency_key": key})
            except stripe.CardError as error:
                return await self._with_action_link(declined(error), invoice_ref)
            except stripe.InvalidRequestError as error:
                # Paid, voided or written off meanwhile: how the bill stands decides.
                charge = await self._charge_of_bill(invoice_ref)
                if charge.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                    return charge
                return without_card(error)
            return await self._charge_of_bill(invoice_ref)

    async def _with_action_link(self, charge: Charge, invoice_ref: str) -> Charge:
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED:
            return charge
        bill = shapes.invoice((await self._api.invoices.retrieve_async(invoice_ref)).to_dict())
        return Charge(charge.outcome, bill, Decline("authentication_required", action_url=bill.url))

    async def restart(self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str) -> Charge:
        params: dict[str, Any] = {
            "pause_collection": "",
            "billing_cycle_anchor": "now",
            "proration_behavior": "none",
            "payment_behavior": "error_if_incomplete",
            "off_session": True,
            "metadata": {"tenure_restart": key},
            "expand": [LATEST],
        }
        with translated():
            if void_invoice and (owed := await self._charge_of_bill(void_invoice)).outcome is ChargeOutcome.PAID:
                return owed  # by the customer's own hand meanwhile
            agreement = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            # Stripe forgets keys after a day; the agreement itself remembers the try that was paid.
            if (agreement.to_dict().get("metadata") or {}).get("tenure_restart") != key:
                if items:
                    params["items"] = await self._item_changes(agreement.to_dict(), items)
                try:
                    agreement = await self._api.subscriptions.update_async(
                        agreement_ref,
                        params,  # type: ignore[arg-type]
                        {"idempotency_key": key},
                    )
                except stripe.CardError as error:
                    return declined(error)
                except stripe.InvalidRequestError as error:
                    return without_card(error)
            if void_invoice:
                await self._void(void_invoice, f"{key}/void")
            return await self._charge_of_latest(agreement.to_dict())
