"""The payments port on Stripe. The SDK's retries are off: Temporal retries, under the key of the business attempt."""

import stripe

from domain.provider.payments import AgreementStatus, ProviderState
from gateways.stripe import mapping
from gateways.stripe.base import LATEST
from gateways.stripe.cards import StripeCards
from gateways.stripe.charges import StripeCharges
from gateways.stripe.errors import translated
from gateways.stripe.event_history import StripeEventHistory
from gateways.stripe.handover import StripeHandover
from gateways.stripe.owners import StripeOwners
from gateways.stripe.plan_changes import StripePlanChanges
from gateways.stripe.subscriptions import StripeAgreements
from gateways.stripe.usage import StripeUsage


class StripePayments(
    StripeCards,
    StripeCharges,
    StripePlanChanges,
    StripeOwners,
    StripeAgreements,
    StripeHandover,
    StripeEventHistory,
    StripeUsage,
):
    """All ports of the provider except its webhooks, on Stripe. For the setup see docs/stripe.md."""

    async def standing(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> ProviderState:
        if not agreement_ref:
            card, is_deleted = await self._card_and_deleted(customer_ref) if customer_ref else (None, False)
            return ProviderState(card, None, customer_is_deleted=is_deleted)
        with translated():
            subscription = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
            latest_ref = invoice_ref or subscription.get(LATEST)
            invoice = await self._invoice(latest_ref) if latest_ref else None
        status, latest = mapping.agreement_status(subscription), mapping.charge_of(subscription, invoice)
        # No card for an ended agreement: its customer may be deleted.
        has_card = customer_ref and status is AgreementStatus.LIVE
        has_ended = status is AgreementStatus.ENDED
        return ProviderState(
            await self._card_of(customer_ref) if has_card else None,
            status,
            latest,
            is_held=bool(subscription.get("pause_collection")),
            ends=bool(subscription.get("cancel_at_period_end") or subscription.get("cancel_at")),
            paused_for=mapping.paused_for(subscription),
            # The agreement's own customer: the subscription may already have a new one.
            customer_is_deleted=has_ended and await self.is_deleted(str(subscription["customer"])),
        )

    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        with translated():
            if open_invoice:
                await self._void(open_invoice, f"{key}/void")
            bills_usage = not open_invoice and await self._owes_for_usage(agreement_ref, key)
            key = f"{key}/use" if bills_usage else key
            try:
                await self._api.subscriptions.cancel_async(
                    agreement_ref, {"invoice_now": bills_usage, "prorate": False}, {"idempotency_key": key}
                )
            except stripe.InvalidRequestError:
                found = await self._api.subscriptions.retrieve_async(agreement_ref)
                if found.status not in mapping.ENDED:
                    raise

    async def _owes_for_usage(self, agreement_ref: str, key: str) -> bool:
        """True if a last invoice for usage is due: the agreement is paid up and has metered items."""
        found = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
        if found.get("status") != "active" or not any(
            mapping.is_by_use(each["price"]) for each in found["items"]["data"]
        ):
            return False
        if found.get("pause_collection"):
            # Otherwise the last invoice would be voided too.
            await self._api.subscriptions.update_async(
                agreement_ref, {"pause_collection": ""}, {"idempotency_key": f"{key}/unhold"}
            )
        await self._carry_usage(found)
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
