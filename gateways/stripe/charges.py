"""Taking money at Stripe: first periods, open invoices, restarts."""

from typing import Any

import stripe
from stripe.params import SubscriptionCreateParams, SubscriptionUpdateParams

from domain.catalog.plans import Item
from domain.provider.attempt_keys import business_try
from domain.provider.payments import Charge, ChargeOutcome, Decline
from domain.provider.ports import NewAgreement
from gateways.stripe import mapping
from gateways.stripe.base import LATEST, SUBSCRIPTION
from gateways.stripe.carried_usage import METERED, StripeCarriedUsage
from gateways.stripe.confirmations import StripeConfirmations
from gateways.stripe.errors import declined, translated, without_card

ATTEMPT = "tenure_try"
"""Metadata on a subscription: the key of the attempt that started it; on an invoice: of the last attempt to collect
it."""
ATTEMPTED_AFTER = "tenure_tried_after"
"""Metadata on an invoice: its latest charge before that attempt. A later charge belongs to the attempt."""
MAX_METADATA_LENGTH = 500
PAYABLE = frozenset({"draft", "open"})


class StripeCharges(StripeCarriedUsage, StripeConfirmations):
    """The calls that take money."""

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        async def ask(under: str) -> stripe.Subscription:
            params: SubscriptionCreateParams = {
                "customer": order.customer_ref,
                "items": await self._items(order.items),
                "default_payment_method": order.card_ref,
                "metadata": {SUBSCRIPTION: order.subscription, ATTEMPT: business_try(key)},
                "expand": [LATEST],
            }
            if order.present:
                params["payment_behavior"] = "allow_incomplete"
            else:
                params["payment_behavior"], params["off_session"] = "error_if_incomplete", True
            return await self._api.subscriptions.create_async(params, {"idempotency_key": under})

        with translated():
            try:
                made = await self._at_current_prices(ask, key=key)
            except stripe.CardError as error:
                return declined(error)
            return await self._charge_of_begun(made.to_dict(), key=key)

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        with translated():
            listed = await self._api.subscriptions.list_async(
                {"customer": customer_ref, "status": "all", "limit": 100, "expand": [f"data.{LATEST}"]}
            )
            for subscription in listed.data:
                found = subscription.to_dict()
                if (found.get("metadata") or {}).get(ATTEMPT) == business_try(key):
                    return await self._charge_of_begun(found, key=key)
        return None

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        with translated():
            invoice = await self._invoice(invoice_ref)
            if await self._was_attempted(invoice, key):
                return _as_immediate_result(await self._charge_of(invoice))
            try:
                paid = await self._api.invoices.pay_async(invoice_ref, {"off_session": True}, {"idempotency_key": key})
            except stripe.CardError as error:
                return await self._with_action_link(declined(error), invoice_ref)
            except stripe.InvalidRequestError as error:
                # Paid, voided or written off in the meantime: the state of the invoice decides.
                charge = await self._charge_of_invoice(invoice_ref)
                if charge.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                    return charge
                return without_card(error)
            return await self._charge_of(await self._with_reason(paid.to_dict()))

    async def _with_reason(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """The invoice itself if it is paid; otherwise the invoice fetched again, with the reason."""
        return invoice if invoice.get("status") == "paid" else await self._invoice(invoice["id"])

    async def _was_attempted(self, invoice: dict[str, Any], key: str) -> bool:
        """True if an earlier attempt under this key reached a card. If none did, marks the invoice with this attempt.

        The key alone cannot tell: Stripe forgets it after a day, and replays its own errors under it.
        """
        noted, latest, tried = invoice.get("metadata") or {}, mapping.latest_charge(invoice), business_try(key)
        if noted.get(ATTEMPT) == tried:
            return latest != (noted.get(ATTEMPTED_AFTER) or "")
        if invoice.get("status") not in PAYABLE:
            return True
        await self._api.invoices.update_async(
            invoice["id"],
            {"metadata": {ATTEMPT: tried, ATTEMPTED_AFTER: latest}},
            {"idempotency_key": f"{key}/note/{latest}"},
        )
        return False

    async def _with_action_link(self, charge: Charge, invoice_ref: str) -> Charge:
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED or not invoice_ref:
            return charge
        invoice = mapping.invoice_of((await self._api.invoices.retrieve_async(invoice_ref)).to_dict())
        return Charge(charge.outcome, invoice, Decline("authentication_required", action_url=invoice.url))

    async def restart(
        self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str, settled: str = ""
    ) -> Charge:
        metadata = {"tenure_restart": business_try(key)}
        params: SubscriptionUpdateParams = {
            "pause_collection": "",
            "billing_cycle_anchor": {"type": "now"},
            "proration_behavior": "none",
            "payment_behavior": "error_if_incomplete",
            "off_session": True,
            "metadata": metadata,
            "expand": [LATEST],
        }
        with translated():
            if void_invoice and (owed := await self._invoice(void_invoice)).get("status") == "paid":
                return await self._charge_of(owed)  # by the customer, in the meantime
            agreement = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            had = agreement.to_dict()
            # Stripe forgets keys after a day; the agreement itself remembers the paid attempt.
            is_marked = (had.get("metadata") or {}).get("tenure_restart") == business_try(key)
            is_known = is_marked and bool(settled) and mapping.id_of(had.get(LATEST)) == settled
            if not is_marked or is_known:
                under_key = f"{key}/after/{settled}" if is_known else key
                if metered := self._metered_prices(had):
                    metadata[METERED] = " ".join(dict.fromkeys(metered))[:MAX_METADATA_LENGTH]

                async def ask(under: str) -> stripe.Subscription:
                    if items:
                        params["items"] = [each.made() for each in await self._item_changes(had, items)]
                    return await self._api.subscriptions.update_async(agreement_ref, params, {"idempotency_key": under})

                try:
                    agreement = await self._at_current_prices(ask, key=under_key)
                except stripe.CardError as error:
                    # The customer can only confirm the owed invoice: nothing is left of the new period.
                    return await self._with_action_link(declined(error), void_invoice)
                except stripe.InvalidRequestError as error:
                    return without_card(error)
            if void_invoice:
                await self._void(void_invoice, f"{key}/void")
            # Only after it is paid, so that nothing waits for an invoice that is paid manually after all.
            await self._carry_usage({**had, LATEST: agreement.to_dict()[LATEST]})
            return await self._charge_of_latest(agreement.to_dict())


def _as_immediate_result(charge: Charge) -> Charge:
    """The outcome of an invoice in the form in which the attempt itself would have returned it."""
    match charge.outcome:
        case ChargeOutcome.DECLINED:
            return Charge(charge.outcome, decline=charge.decline)
        case ChargeOutcome.ACTION_REQUIRED:
            return Charge(charge.outcome, charge.invoice, charge.decline)
    return charge
