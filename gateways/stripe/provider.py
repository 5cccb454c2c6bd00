"""Stripe behind the payments port. Its own retries are off: Temporal retries, under the key of the business try."""

import stripe

from domain.provider.payments import AgreementStatus, ProviderState
from gateways.stripe import mapping as shapes
from gateways.stripe.base import LATEST
from gateways.stripe.cards import StripeCards
from gateways.stripe.charges import StripeMoney
from gateways.stripe.errors import translated
from gateways.stripe.event_history import StripeHistory
from gateways.stripe.handover import StripeHandover
from gateways.stripe.owners import StripeBelongings
from gateways.stripe.plan_changes import StripeChanges
from gateways.stripe.subscriptions import StripeAgreements
from gateways.stripe.usage import StripeUse


class StripePayments(
    StripeCards,
    StripeMoney,
    StripeChanges,
    StripeBelongings,
    StripeAgreements,
    StripeHandover,
    StripeHistory,
    StripeUse,
):
    """All ports of the provider but its events, on Stripe (docs/stripe.md tells how to set it up)."""

    async def standing(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> ProviderState:
        if not agreement_ref:
            card, is_deleted = await self._holder(customer_ref) if customer_ref else (None, False)
            return ProviderState(card, None, customer_is_deleted=is_deleted)
        with translated():
            subscription = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
            bill_ref = invoice_ref or subscription.get(LATEST)
            bill = await self._bill(bill_ref) if bill_ref else None
        status, latest = shapes.agreement_status(subscription), shapes.charge_of(subscription, bill)
        # Of what has ended no card is asked for: its customer may be deleted.
        has_card = customer_ref and status is AgreementStatus.LIVE
        has_ended = status is AgreementStatus.ENDED
        return ProviderState(
            await self._card_of(customer_ref) if has_card else None,
            status,
            latest,
            is_held=bool(subscription.get("pause_collection")),
            ends=bool(subscription.get("cancel_at_period_end") or subscription.get("cancel_at")),
            paused_for=shapes.paused_for(subscription),
            # The agreement's own: the customer may have been made known again already.
            customer_is_deleted=has_ended and await self.is_deleted(str(subscription["customer"])),
        )

    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        with translated():
            if open_invoice:
                await self._void(open_invoice, f"{key}/void")
            bills_use = not open_invoice and await self._owes_for_use(agreement_ref, key)
            key = f"{key}/use" if bills_use else key
            try:
                await self._api.subscriptions.cancel_async(
                    agreement_ref, {"invoice_now": bills_use, "prorate": False}, {"idempotency_key": key}
                )
            except stripe.InvalidRequestError:
                found = await self._api.subscriptions.retrieve_async(agreement_ref)
                if found.status not in shapes.ENDED:
                    raise

    async def _owes_for_use(self, agreement_ref: str, key: str) -> bool:
        """Whether the last bill is still to come: of what was used by who has paid for everything else."""
        found = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
        if found.get("status") != "active" or not any(
            shapes.is_by_use(each["price"]) for each in found["items"]["data"]
        ):
            return False
        if found.get("pause_collection"):
            # Or else the last bill would be void too.
            await self._api.subscriptions.update_async(
                agreement_ref, {"pause_collection": ""}, {"idempotency_key": f"{key}/unhold"}
            )
        await self._carry_use(found)
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
