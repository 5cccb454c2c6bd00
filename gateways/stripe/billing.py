"""How Stripe bills an agreement: as it is now, on hold, or no longer."""

from typing import Any

import stripe

from domain.provider.payments import AgreementStatus, ProviderState
from gateways.stripe import mapping
from gateways.stripe.cancellation import cancel
from gateways.stripe.cards import StripeCards
from gateways.stripe.carried_usage import StripeCarriedUsage
from gateways.stripe.errors import translated
from gateways.stripe.invoices import LATEST, StripeInvoices


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
