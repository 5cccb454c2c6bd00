"""Taking money at Stripe: a first period, an open bill, a new beginning."""

from typing import Any

import stripe
from stripe.params import SubscriptionCreateParams, SubscriptionUpdateParams

from domain.catalog.plans import Item
from domain.provider.attempt_keys import business_try
from domain.provider.payments import Charge, ChargeOutcome, Decline
from domain.provider.ports import NewAgreement
from gateways.stripe import mapping as shapes
from gateways.stripe.base import LATEST, SUBSCRIPTION
from gateways.stripe.carried_usage import METERED, StripeCarriedUse
from gateways.stripe.confirmations import StripeConfirmations
from gateways.stripe.errors import declined, translated, without_card

TRY = "tenure_try"
"""In metadata of a subscription: the key of the try that began it; of a bill: of the last try to collect it."""
TRIED_AFTER = "tenure_tried_after"
"""On a bill: the charge that was its latest before that try; another one since is the try's."""
LONGEST_NOTE = 500
PAYABLE = frozenset({"draft", "open"})


class StripeMoney(StripeCarriedUse, StripeConfirmations):
    """The business tries that take money."""

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        async def ask(under: str) -> stripe.Subscription:
            params: SubscriptionCreateParams = {
                "customer": order.customer_ref,
                "items": await self._items(order.items),
                "default_payment_method": order.card_ref,
                "metadata": {SUBSCRIPTION: order.subscription, TRY: business_try(key)},
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
                if (found.get("metadata") or {}).get(TRY) == business_try(key):
                    return await self._charge_of_begun(found, key=key)
        return None

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        with translated():
            bill = await self._bill(invoice_ref)
            if await self._has_been_tried(bill, key):
                return _as_told_at_once(await self._charge_of(bill))
            try:
                paid = await self._api.invoices.pay_async(invoice_ref, {"off_session": True}, {"idempotency_key": key})
            except stripe.CardError as error:
                return await self._with_action_link(declined(error), invoice_ref)
            except stripe.InvalidRequestError as error:
                # Paid, voided or written off meanwhile: how the bill stands decides.
                charge = await self._charge_of_bill(invoice_ref)
                if charge.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                    return charge
                return without_card(error)
            return await self._charge_of(await self._settled(paid.to_dict()))

    async def _settled(self, bill: dict[str, Any]) -> dict[str, Any]:
        """The bill as it was answered when it is paid; anything else is looked at again, for the reason."""
        return bill if bill.get("status") == "paid" else await self._bill(bill["id"])

    async def _has_been_tried(self, bill: dict[str, Any], key: str) -> bool:
        """Whether an earlier attempt under this key has reached a card; if none has, the bill remembers this one.

        The key itself does not tell: Stripe forgets it after a day, and keeps under it what was a fault of its own.
        """
        noted, latest, tried = bill.get("metadata") or {}, shapes.latest_charge(bill), business_try(key)
        if noted.get(TRY) == tried:
            return latest != (noted.get(TRIED_AFTER) or "")
        if bill.get("status") not in PAYABLE:
            return True
        await self._api.invoices.update_async(
            bill["id"], {"metadata": {TRY: tried, TRIED_AFTER: latest}}, {"idempotency_key": f"{key}/note/{latest}"}
        )
        return False

    async def _with_action_link(self, charge: Charge, invoice_ref: str) -> Charge:
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED or not invoice_ref:
            return charge
        bill = shapes.invoice((await self._api.invoices.retrieve_async(invoice_ref)).to_dict())
        return Charge(charge.outcome, bill, Decline("authentication_required", action_url=bill.url))

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
            if void_invoice and (owed := await self._bill(void_invoice)).get("status") == "paid":
                return await self._charge_of(owed)  # by the customer's own hand meanwhile
            agreement = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            had = agreement.to_dict()
            # Stripe forgets keys after a day; the agreement itself remembers the try that was paid.
            is_marked = (had.get("metadata") or {}).get("tenure_restart") == business_try(key)
            is_known = is_marked and bool(settled) and shapes.id_of(had.get(LATEST)) == settled
            if not is_marked or is_known:
                under_key = f"{key}/after/{settled}" if is_known else key
                if metered := self._metered(had):
                    metadata[METERED] = " ".join(dict.fromkeys(metered))[:LONGEST_NOTE]

                async def ask(under: str) -> stripe.Subscription:
                    if items:
                        params["items"] = [each.made() for each in await self._item_changes(had, items)]
                    return await self._api.subscriptions.update_async(agreement_ref, params, {"idempotency_key": under})

                try:
                    agreement = await self._at_current_prices(ask, key=under_key)
                except stripe.CardError as error:
                    # What can be confirmed is the bill that is owed: of the new period nothing is left.
                    return await self._with_action_link(declined(error), void_invoice)
                except stripe.InvalidRequestError as error:
                    return without_card(error)
            if void_invoice:
                await self._void(void_invoice, f"{key}/void")
            # Only now that it is paid, so that nothing waits for a bill that is paid by hand after all.
            await self._carry_use({**had, LATEST: agreement.to_dict()[LATEST]})
            return await self._charge_of_latest(agreement.to_dict())


def _as_told_at_once(charge: Charge) -> Charge:
    """What has come of a bill, in the very words in which the try itself would have been answered."""
    match charge.outcome:
        case ChargeOutcome.DECLINED:
            return Charge(charge.outcome, decline=charge.decline)
        case ChargeOutcome.ACTION_REQUIRED:
            return Charge(charge.outcome, charge.invoice, charge.decline)
    return charge
