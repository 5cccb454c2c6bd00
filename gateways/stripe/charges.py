"""Taking money at Stripe: first periods, open invoices, restarts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import stripe
from stripe.params import SubscriptionCreateParams, SubscriptionUpdateParams

from domain.catalog.plans import Item
from domain.provider.agreements import NewAgreement
from domain.provider.identifiers import attempt_of
from domain.provider.payments import Charge, ChargeOutcome, Decline
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import LATEST, StripeInvoices, cancel
from gateways.stripe.carried_usage import StripeCarriedUsage, metered_prices_note
from gateways.stripe.errors import declined, translated, without_card
from gateways.stripe.items import StripeItems

PAYABLE = frozenset({"draft", "open"})
FIRST_PAYMENT_WINDOW = timedelta(hours=23)
"""How long Stripe keeps a subscription whose first invoice is unpaid."""


class StripeCharges:
    """The port `Charges`."""

    def __init__(
        self,
        client: stripe.StripeClient,
        items: StripeItems,
        invoices: StripeInvoices,
        carried_usage: StripeCarriedUsage,
    ) -> None:
        self._client = client
        self._api = client.v1
        self._items = items
        self._invoices = invoices
        self._carried_usage = carried_usage

    # First periods

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        async def ask(under: str) -> stripe.Subscription:
            params: SubscriptionCreateParams = {
                "customer": order.customer_ref,
                "items": await self._items.new(order.items),
                "default_payment_method": order.card_ref,
                "metadata": {metadata.SUBSCRIPTION: order.subscription, metadata.ATTEMPT: attempt_of(key)},
                "expand": [LATEST],
            }
            if order.present:
                params["payment_behavior"] = "allow_incomplete"
            else:
                params["payment_behavior"], params["off_session"] = "error_if_incomplete", True
            return await self._api.subscriptions.create_async(params, {"idempotency_key": under})

        with translated():
            try:
                made = await self._items.at_current_prices(ask, key=key)
            except stripe.CardError as error:
                return declined(error)
            return await self._first_charge(made.to_dict(), key=key)

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        with translated():
            listed = await self._api.subscriptions.list_async(
                {"customer": customer_ref, "status": "all", "limit": 100, "expand": [f"data.{LATEST}"]}
            )
            for subscription in listed.data:
                found = subscription.to_dict()
                if mapping.note(found, metadata.ATTEMPT) == attempt_of(key):
                    return await self._first_charge(found, key=key)
        return None

    async def _first_charge(self, agreement: dict[str, Any], *, key: str) -> Charge:
        """The outcome of the first invoice: paid, awaiting confirmation, or declined.

        A declined invoice is voided, and the agreement ended.
        """
        charge = await self._invoices.latest_charge(agreement)
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED and agreement.get("status") == "incomplete":
            return replace(charge, waits_until=mapping.moment(agreement["created"]) + FIRST_PAYMENT_WINDOW)
        invoice = mapping.id_of(agreement.get(LATEST))
        is_undone = charge.outcome is ChargeOutcome.GONE and agreement.get("status") in mapping.ENDED
        if charge.outcome is not ChargeOutcome.DECLINED and not is_undone:
            return charge
        why = mapping.decline_of_voided(await self._invoices.get(invoice))
        await self._invoices.void(invoice, key=f"{key}/void")
        if agreement.get("status") not in mapping.ENDED:
            await cancel(self._client, agreement["id"], {}, key=f"{key}/end")
        return why

    # Open invoices

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        with translated():
            invoice = await self._invoices.get(invoice_ref)
            if await self._was_attempted(invoice, key):
                return _as_immediate_result(await self._invoices.charge_of(invoice))
            try:
                paid = await self._api.invoices.pay_async(invoice_ref, {"off_session": True}, {"idempotency_key": key})
            except stripe.CardError as error:
                return await self._with_action_link(declined(error), invoice_ref)
            except stripe.InvalidRequestError as error:
                # Paid, voided or written off in the meantime: the state of the invoice decides.
                charge = await self._invoices.charge_of(await self._invoices.get(invoice_ref))
                if charge.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                    return charge
                return without_card(error)
            return await self._invoices.charge_of(await self._with_reason(paid.to_dict()))

    async def _with_reason(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """The invoice itself if it is paid; otherwise the invoice fetched again, with the reason."""
        return invoice if invoice.get("status") == "paid" else await self._invoices.get(invoice["id"])

    async def _was_attempted(self, invoice: dict[str, Any], key: str) -> bool:
        """True if an earlier attempt under this key reached a card. If none did, marks the invoice with this attempt.

        The key alone cannot tell: Stripe forgets it after a day, and replays its own errors under it.
        """
        latest, attempt = mapping.latest_charge(invoice), attempt_of(key)
        if mapping.note(invoice, metadata.ATTEMPT) == attempt:
            return latest != mapping.note(invoice, metadata.ATTEMPTED_AFTER)
        if invoice.get("status") not in PAYABLE:
            return True
        await self._api.invoices.update_async(
            invoice["id"],
            {"metadata": {metadata.ATTEMPT: attempt, metadata.ATTEMPTED_AFTER: latest}},
            {"idempotency_key": f"{key}/note/{latest}"},
        )
        return False

    async def _with_action_link(self, charge: Charge, invoice_ref: str) -> Charge:
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED or not invoice_ref:
            return charge
        invoice = mapping.invoice_of((await self._api.invoices.retrieve_async(invoice_ref)).to_dict())
        return Charge(charge.outcome, invoice, Decline("authentication_required", action_url=invoice.url))

    # Restarts

    async def restart(
        self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str, settled: str = ""
    ) -> Charge:
        with translated():
            if void_invoice and (owed := await self._invoices.get(void_invoice)).get("status") == "paid":
                return await self._invoices.charge_of(owed)  # by the customer, in the meantime
            found = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            before = after = found.to_dict()
            # Stripe forgets keys after a day; the agreement itself remembers the paid attempt.
            is_marked = mapping.note(before, metadata.RESTART) == attempt_of(key)
            is_of_before = is_marked and bool(settled) and mapping.id_of(before.get(LATEST)) == settled
            if not is_marked or is_of_before:
                under = f"{key}/after/{settled}" if is_of_before else key
                try:
                    after = await self._restarted(before, items, attempt=attempt_of(key), key=under)
                except stripe.CardError as error:
                    # The customer can only confirm the owed invoice: nothing is left of the new period.
                    return await self._with_action_link(declined(error), void_invoice)
                except stripe.InvalidRequestError as error:
                    return without_card(error)
            if void_invoice:
                await self._invoices.void(void_invoice, key=f"{key}/void")
            # Only after it is paid, so that nothing waits for an invoice that is paid manually after all.
            await self._carried_usage.carry({**before, LATEST: after[LATEST]})
            return await self._invoices.latest_charge(after)

    async def _restarted(
        self, agreement: dict[str, Any], items: tuple[Item, ...], *, attempt: str, key: str
    ) -> dict[str, Any]:
        """Begins a new period now and charges it; nothing changes if that fails."""
        params: SubscriptionUpdateParams = {
            "pause_collection": "",
            "billing_cycle_anchor": {"type": "now"},
            "proration_behavior": "none",
            "payment_behavior": "error_if_incomplete",
            "off_session": True,
            "metadata": {metadata.RESTART: attempt, **metered_prices_note(agreement)},
            "expand": [LATEST],
        }

        async def ask(under: str) -> stripe.Subscription:
            if items:
                params["items"] = [each.as_update() for each in await self._items.changes(agreement, items)]
            return await self._api.subscriptions.update_async(agreement["id"], params, {"idempotency_key": under})

        return (await self._items.at_current_prices(ask, key=key)).to_dict()


def _as_immediate_result(charge: Charge) -> Charge:
    """The outcome of an invoice in the form in which the attempt itself would have returned it."""
    match charge.outcome:
        case ChargeOutcome.DECLINED:
            return Charge(charge.outcome, decline=charge.decline)
        case ChargeOutcome.ACTION_REQUIRED:
            return Charge(charge.outcome, charge.invoice, charge.decline)
    return charge
