"""How Stripe bills: its invoices, and an agreement as it is now, on hold, or no longer."""

from typing import Any

import stripe
from stripe.params import SubscriptionCancelParams

from domain.provider.payments import AgreementStatus, Charge, ChargeOutcome, ProviderState
from gateways.stripe import mapping
from gateways.stripe.cards import StripeCards
from gateways.stripe.carried_usage import StripeCarriedUsage
from gateways.stripe.errors import translated

INTENTS = "payments.data.payment.payment_intent"
"""Expands why an invoice was not paid. This is Stripe's limit of four levels, so it works on the invoice itself
only."""
LATEST = "latest_invoice"


async def cancel(
    client: stripe.StripeClient, agreement_ref: str, params: SubscriptionCancelParams, *, key: str
) -> None:
    """Cancels a subscription now. One that is already over stays as it is."""
    try:
        await client.v1.subscriptions.cancel_async(agreement_ref, params, {"idempotency_key": key})
    except stripe.InvalidRequestError:
        found = await client.v1.subscriptions.retrieve_async(agreement_ref)
        if found.status not in mapping.ENDED:
            raise


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


class StripeBilling:
    """The port `Billing`."""

    def __init__(
        self,
        client: stripe.StripeClient,
        cards: StripeCards,
        invoices: StripeInvoices,
        carried_usage: StripeCarriedUsage,
    ) -> None:
        self._client = client
        self._api = client.v1
        self._cards = cards
        self._invoices = invoices
        self._carried_usage = carried_usage

    async def provider_state(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> ProviderState:
        if not agreement_ref:
            card, is_deleted = await self._cards.card_and_deleted(customer_ref) if customer_ref else (None, False)
            return ProviderState(card, None, customer_is_deleted=is_deleted)
        with translated():
            subscription = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
            latest_ref = invoice_ref or subscription.get(LATEST)
            invoice = await self._invoices.get(latest_ref) if latest_ref else None
        status, latest = mapping.agreement_status(subscription), mapping.charge_of(subscription, invoice)
        # No card for an ended agreement: its customer may be deleted.
        has_card = customer_ref and status is AgreementStatus.LIVE
        has_ended = status is AgreementStatus.ENDED
        return ProviderState(
            await self._cards.card_of(customer_ref) if has_card else None,
            status,
            latest,
            is_held=bool(subscription.get("pause_collection")),
            ends=bool(subscription.get("cancel_at_period_end") or subscription.get("cancel_at")),
            paused_for=mapping.paused_for(subscription),
            # The agreement's own customer: the subscription may already have a new one.
            customer_is_deleted=has_ended and await self._cards.is_deleted(str(subscription["customer"])),
        )

    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        with translated():
            if open_invoice:
                await self._invoices.void(open_invoice, key=f"{key}/void")
            bills_usage = not open_invoice and await self._owes_for_usage(agreement_ref, key)
            await cancel(
                self._client,
                agreement_ref,
                {"invoice_now": bills_usage, "prorate": False},
                key=f"{key}/use" if bills_usage else key,
            )

    async def _owes_for_usage(self, agreement_ref: str, key: str) -> bool:
        """True if a last invoice for usage is due: the agreement is paid up and has metered items."""
        found = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
        if found.get("status") != "active" or not _is_metered(found):
            return False
        if found.get("pause_collection"):
            # Otherwise the last invoice would be voided too.
            await self._api.subscriptions.update_async(
                agreement_ref, {"pause_collection": ""}, {"idempotency_key": f"{key}/unhold"}
            )
        await self._carried_usage.carry(found)
        return True

    async def end_at_period_end(self, agreement_ref: str, ends: bool, *, key: str) -> None:
        with translated():
            await self._api.subscriptions.update_async(
                agreement_ref, {"cancel_at_period_end": ends}, {"idempotency_key": key}
            )

    async def hold(self, agreement_ref: str, held: bool, *, key: str) -> None:
        with translated():
            await self._api.subscriptions.update_async(
                agreement_ref,
                {"pause_collection": {"behavior": "void"} if held else ""},
                {"idempotency_key": key},
            )


def _is_metered(agreement: dict[str, Any]) -> bool:
    return any(mapping.is_by_use(each["price"]) for each in agreement["items"]["data"])
