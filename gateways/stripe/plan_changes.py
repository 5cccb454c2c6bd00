"""Changes of plan, quantity, interval and add-ons at Stripe, billed at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import stripe
from stripe.params import SubscriptionUpdateParams

from domain.catalog.plans import Item
from domain.provider.identifiers import attempt_of
from domain.provider.payments import Charge, ChargeOutcome
from domain.provider.proration import OwnPeriod
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import LATEST, StripeInvoices
from gateways.stripe.errors import declined, translated, without_card
from gateways.stripe.items import StripeItems
from gateways.stripe.one_off_changes import StripeOneOffChanges
from gateways.stripe.one_off_invoices import is_for_key
from gateways.stripe.own_proration import StripeOwnProration
from gateways.stripe.pending_changes import StripePendingChanges, is_pending, was_requested
from gateways.stripe.unapplied_changes import StripeUnappliedChanges


class StripePlanChanges:
    """The port `PlanChanges`. Stripe prorates a change, or we do (`one_off_changes.py`)."""

    def __init__(
        self,
        client: stripe.StripeClient,
        items: StripeItems,
        invoices: StripeInvoices,
        pending: StripePendingChanges,
        unapplied: StripeUnappliedChanges,
        own_proration: StripeOwnProration,
        one_off_changes: StripeOneOffChanges,
    ) -> None:
        self._api = client.v1
        self._items = items
        self._invoices = invoices
        self._pending = pending
        self._unapplied = unapplied
        self._own_proration = own_proration
        self._one_off_changes = one_off_changes

    async def change(
        self,
        agreement_ref: str,
        items: tuple[Item, ...],
        at: datetime,
        own: OwnPeriod | None = None,
        *,
        key: str,
        present: bool = False,
        held: bool = False,
    ) -> Charge:
        with translated():
            agreement = await self._agreement(agreement_ref)
            if _is_made(agreement, key):
                return await self._charge_of_made(agreement)
            if present and was_requested(agreement, key):
                return await self._pending.resume(agreement, held=held, key=key)
            unapplied = await self._unapplied.invoice_of(agreement)
            proration = await self._own_proration.needed(agreement, at, own, unapplied)
            is_begun = unapplied is not None and unapplied["status"] != "draft" and is_for_key(unapplied, key)
            if proration is not None or is_begun:
                return await self._one_off_changes.change(
                    agreement, items, proration, unapplied, key=key, present=present
                )
            if not await self._unapplied.clear(unapplied, key=key):
                return Charge(ChargeOutcome.PENDING, agreement_ref=agreement_ref)

            async def change() -> Charge | dict[str, Any]:
                return await self._changed_by_stripe(agreement, items, at, key=key, present=present)

            changed = await (self._pending.request(agreement, change, held=held, key=key) if present else change())
            return changed if isinstance(changed, Charge) else await self._charge_by_stripe(changed)

    async def requested_change(self, agreement_ref: str, *, key: str) -> Charge:
        with translated():
            agreement = await self._agreement(agreement_ref)
            if _is_made(agreement, key):
                return await self._charge_of_made(agreement)
            if is_pending(agreement, key):
                return await self._pending.outcome(agreement)
            return await self._one_off_changes.outcome(agreement, key=key)

    async def _agreement(self, ref: str) -> dict[str, Any]:
        return (await self._api.subscriptions.retrieve_async(ref, {"expand": [LATEST]})).to_dict()

    async def _charge_of_made(self, agreement: dict[str, Any]) -> Charge:
        if mapping.note(agreement, metadata.CHANGE_INVOICE):
            return await self._one_off_changes.charge_of(agreement)
        return await self._charge_by_stripe(agreement)

    async def _changed_by_stripe(
        self, agreement: dict[str, Any], items: Sequence[Item], at: datetime, *, key: str, present: bool
    ) -> Charge | dict[str, Any]:
        """Returns the agreement after a change that Stripe prorates and bills, or the refused charge."""

        async def ask(under: str) -> stripe.Subscription:
            params = await self._params(agreement, items, at, key, present=present)
            return await self._api.subscriptions.update_async(agreement["id"], params, {"idempotency_key": under})

        try:
            return (await self._items.at_current_prices(ask, key=key)).to_dict()
        except stripe.CardError as error:
            return declined(error)
        except stripe.InvalidRequestError as error:
            return without_card(error)

    async def _params(
        self, agreement: dict[str, Any], items: Sequence[Item], at: datetime, key: str, *, present: bool
    ) -> SubscriptionUpdateParams:
        params: SubscriptionUpdateParams = {
            "items": [each.as_update() for each in await self._items.changes(agreement, items)],
            "proration_behavior": "always_invoice",
            "proration_date": mapping.within_period(agreement, at),
            "metadata": {
                metadata.CHANGE: attempt_of(key),
                metadata.CHANGE_INVOICE: "",
                metadata.CHANGED_AFTER: mapping.id_of(agreement.get(LATEST)),
                **({metadata.BEGUN: ""} if mapping.note(agreement, metadata.BEGUN) else {}),
            },
        }
        if present:
            return {**params, "payment_behavior": "pending_if_incomplete"}
        # A hold would void the invoice at once, and the difference would be lost.
        return {**params, "pause_collection": "", "payment_behavior": "error_if_incomplete", "off_session": True}

    async def _charge_by_stripe(self, agreement: dict[str, Any]) -> Charge:
        """The outcome of the last change's invoice, whatever was invoiced since. Paid if it made none."""
        before = mapping.note(agreement, metadata.CHANGED_AFTER)
        listed = await self._api.invoices.list_async(
            {"subscription": agreement["id"], "limit": 1, **({"ending_before": before} if before else {})}
        )
        invoice = listed.data[0].to_dict() if listed.data else {}
        if invoice.get("billing_reason") != "subscription_update":
            start, end = mapping.period(agreement)
            return Charge(
                ChargeOutcome.PAID,
                agreement_ref=agreement["id"],
                period_start=start,
                period_end=end,
                anchor=mapping.anchor(agreement),
            )
        if invoice.get("status") == "open":
            invoice = await self._invoices.get(invoice["id"])
        return mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])


def _is_made(agreement: dict[str, Any], key: str) -> bool:
    """True if the change with this key is the last that was applied."""
    return mapping.note(agreement, metadata.CHANGE) == attempt_of(key)
