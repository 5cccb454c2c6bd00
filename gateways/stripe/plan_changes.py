"""Changes to the items of a Stripe subscription, and what they cost at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import stripe
from stripe.params import InvoiceCreatePreviewParams, SubscriptionUpdateParams

from domain.catalog.plans import Item
from domain.provider.attempt_keys import business_try
from domain.provider.payments import Charge, ChargeOutcome, Quote, QuoteLine, UpcomingBill
from domain.provider.proration import OwnPeriod
from domain.provider.settlement import settled
from gateways.stripe import mapping
from gateways.stripe.base import LATEST
from gateways.stripe.confirmations import StripeConfirmations
from gateways.stripe.errors import declined, translated, without_card
from gateways.stripe.minimum_charges import SMALLEST_CHARGES
from gateways.stripe.one_off_invoices import BEGUN, CHANGE, CHANGE_INVOICE, is_for_key
from gateways.stripe.own_proration import StripeOwnProration

CHANGED_AFTER = "tenure_changed_after"
"""Metadata on the subscription: its latest invoice before the last change. The next one is the change's, if it made
one."""


class StripePlanChanges(StripeOwnProration, StripeConfirmations):
    """Changes of plan, quantity, interval and add-ons, billed at once."""

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
            found = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            agreement = found.to_dict()
            noted = agreement.get("metadata") or {}
            if noted.get(CHANGE) == business_try(key):
                is_apart = bool(noted.get(CHANGE_INVOICE))
                return await (self._one_off_charge(agreement) if is_apart else self._charge_of_change(agreement))
            if present and self._was_requested(agreement, key):
                return await self._resume_change(agreement, held=held, key=key)
            begun = await self._begun_invoice(agreement)
            proration = await self._own_proration(agreement, at, own, begun)
            if proration is not None or (begun is not None and begun["status"] != "draft" and is_for_key(begun, key)):
                return await self._change_with_own_proration(
                    agreement, items, proration, begun, key=key, present=present
                )
            if not await self._clear_unapplied(begun, key):
                return Charge(ChargeOutcome.PENDING, agreement_ref=agreement_ref)

            async def ask(under: str) -> stripe.Subscription:
                params = await self._change_params(agreement, items, at, key, present=present)
                return await self._api.subscriptions.update_async(agreement_ref, params, {"idempotency_key": under})

            async def change() -> Charge | dict[str, Any]:
                try:
                    return (await self._at_current_prices(ask, key=key)).to_dict()
                except stripe.CardError as error:
                    return declined(error)
                except stripe.InvalidRequestError as error:
                    return without_card(error)

            changed = await (self._change_in_session(agreement, change, held=held, key=key) if present else change())
            return changed if isinstance(changed, Charge) else await self._charge_of_change(changed)

    async def asked_change(self, agreement_ref: str, *, key: str) -> Charge:
        with translated():
            found = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            agreement = found.to_dict()
            noted = agreement.get("metadata") or {}
            if noted.get(CHANGE) == business_try(key):
                is_apart = bool(noted.get(CHANGE_INVOICE))
                return await (self._one_off_charge(agreement) if is_apart else self._charge_of_change(agreement))
            if self._is_pending(agreement, key):
                return await self._pending_outcome(agreement)
            return await self._one_off_outcome(agreement, key)

    async def _change_params(
        self, agreement: dict[str, Any], items: Sequence[Item], at: datetime, key: str, *, present: bool
    ) -> SubscriptionUpdateParams:
        params: SubscriptionUpdateParams = {
            "items": [each.made() for each in await self._item_changes(agreement, items)],
            "proration_behavior": "always_invoice",
            "proration_date": _within_period(agreement, at),
            "metadata": {
                CHANGE: business_try(key),
                CHANGE_INVOICE: "",
                CHANGED_AFTER: mapping.id_of(agreement.get(LATEST)),
                **({BEGUN: ""} if (agreement.get("metadata") or {}).get(BEGUN) else {}),
            },
        }
        if present:
            return {**params, "payment_behavior": "pending_if_incomplete"}
        # A hold would void the invoice at once, and the difference would be lost.
        return {**params, "pause_collection": "", "payment_behavior": "error_if_incomplete", "off_session": True}

    async def upcoming(self, agreement_ref: str) -> UpcomingBill:
        with translated():
            invoice = (await self._api.invoices.create_preview_async({"subscription": agreement_ref})).to_dict()
        return UpcomingBill(invoice["amount_due"], invoice["currency"])

    async def quote(
        self, agreement_ref: str, items: tuple[Item, ...], at: datetime, own: OwnPeriod | None = None
    ) -> Quote:
        with translated():
            agreement = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
            begun = await self._begun_invoice(agreement)
            proration = await self._own_proration(agreement, at, own, begun)
            if proration is not None:
                return await self._own_quote(agreement, items, proration, begun)

            async def ask(_: str) -> stripe.Invoice:
                params: InvoiceCreatePreviewParams = {
                    "subscription": agreement_ref,
                    "subscription_details": {
                        "items": [each.previewed() for each in await self._item_changes(agreement, items)],
                        "proration_behavior": "always_invoice",
                        "proration_date": _within_period(agreement, at),
                    },
                }
                return await self._api.invoices.create_preview_async(params)

            preview = await self._at_current_prices(ask, key="")
            return _quote_from(preview, await self._balance_change(begun))

    async def first_quote(self, customer_ref: str, items: tuple[Item, ...]) -> Quote:
        async def ask(_: str) -> stripe.Invoice:
            params: InvoiceCreatePreviewParams = {
                "customer": customer_ref,
                "subscription_details": {"items": [each.previewed() for each in await self._new_items(items)]},
            }
            return await self._api.invoices.create_preview_async(params)

        with translated():
            return _quote_from(await self._at_current_prices(ask, key=""))

    async def _charge_of_change(self, agreement: dict[str, Any]) -> Charge:
        """The outcome of the last change's invoice, whatever was invoiced since. Paid if it made none."""
        before = (agreement.get("metadata") or {}).get(CHANGED_AFTER) or ""
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
            invoice = await self._invoice(invoice["id"])
        return mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])


def _quote_from(preview: stripe.Invoice, left: int = 0) -> Quote:
    """The quote in a preview. *left* is added to the customer's balance before the invoice is charged."""
    invoice = preview.to_dict()
    how = mapping.settled_as(invoice)
    if left:
        how = settled(
            invoice["total"],
            (invoice.get("starting_balance") or 0) + left,
            SMALLEST_CHARGES.get(invoice["currency"], 0),
        )
    lines = tuple(QuoteLine(line.get("description") or "", line["amount"]) for line in invoice["lines"]["data"])
    # The total, not the amount due, which is never negative: a credit must be visible.
    return Quote(invoice["total"], invoice["currency"], lines, how)


def _within_period(agreement: dict[str, Any], at: datetime) -> int:
    """The proration date. Stripe accepts only instants within the current period, which may have started just now."""
    start, end = mapping.period(agreement)
    moment = int(at.timestamp())
    if start is None or end is None:
        return moment
    return max(int(start.timestamp()), min(moment, int(end.timestamp()) - 1))
