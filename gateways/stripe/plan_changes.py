"""Changing what a Stripe subscription is about, and what that costs at once."""

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
from gateways.stripe import mapping as shapes
from gateways.stripe.base import LATEST
from gateways.stripe.confirmations import StripeConfirmations
from gateways.stripe.errors import declined, translated, without_card
from gateways.stripe.minimum_charges import SMALLEST_CHARGES
from gateways.stripe.one_off_invoices import BEGUN, CHANGE, CHANGE_BILL, is_of
from gateways.stripe.own_proration import StripeOwnProration

CHANGED_AFTER = "tenure_changed_after"
"""The newest bill before that change: the one that follows is the change's, if it made any."""


class StripeChanges(StripeOwnProration, StripeConfirmations):
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
                is_apart = bool(noted.get(CHANGE_BILL))
                return await (self._charge_apart(agreement) if is_apart else self._charge_of_change(agreement))
            if present and self._has_asked(agreement, key):
                return await self._as_left(agreement, held=held, key=key)
            begun = await self._begun_bill(agreement)
            apart = await self._apart(agreement, at, own, begun)
            if apart is not None or (begun is not None and begun["status"] != "draft" and is_of(begun, key)):
                return await self._change_apart(agreement, items, apart, begun, key=key, present=present)
            if not await self._give_way(begun, key):
                return Charge(ChargeOutcome.PENDING, agreement_ref=agreement_ref)

            async def ask(under: str) -> stripe.Subscription:
                params = await self._difference(agreement, items, at, key, present=present)
                return await self._api.subscriptions.update_async(agreement_ref, params, {"idempotency_key": under})

            async def change() -> Charge | dict[str, Any]:
                try:
                    return (await self._at_current_prices(ask, key=key)).to_dict()
                except stripe.CardError as error:
                    return declined(error)
                except stripe.InvalidRequestError as error:
                    return without_card(error)

            changed = await (self._present(agreement, change, held=held, key=key) if present else change())
            return changed if isinstance(changed, Charge) else await self._charge_of_change(changed)

    async def asked_change(self, agreement_ref: str, *, key: str) -> Charge:
        with translated():
            found = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            agreement = found.to_dict()
            noted = agreement.get("metadata") or {}
            if noted.get(CHANGE) == business_try(key):
                is_apart = bool(noted.get(CHANGE_BILL))
                return await (self._charge_apart(agreement) if is_apart else self._charge_of_change(agreement))
            if self._waits_as(agreement, key):
                return await self._waiting_change(agreement)
            return await self._stands_apart(agreement, key)

    async def _difference(
        self, agreement: dict[str, Any], items: Sequence[Item], at: datetime, key: str, *, present: bool
    ) -> SubscriptionUpdateParams:
        params: SubscriptionUpdateParams = {
            "items": [each.made() for each in await self._item_changes(agreement, items)],
            "proration_behavior": "always_invoice",
            "proration_date": _within_period(agreement, at),
            "metadata": {
                CHANGE: business_try(key),
                CHANGE_BILL: "",
                CHANGED_AFTER: shapes.id_of(agreement.get(LATEST)),
                **({BEGUN: ""} if (agreement.get("metadata") or {}).get(BEGUN) else {}),
            },
        }
        if present:
            return {**params, "payment_behavior": "pending_if_incomplete"}
        # A bill under a hold would be voided at once, and the difference lost.
        return {**params, "pause_collection": "", "payment_behavior": "error_if_incomplete", "off_session": True}

    async def upcoming(self, agreement_ref: str) -> UpcomingBill:
        with translated():
            bill = (await self._api.invoices.create_preview_async({"subscription": agreement_ref})).to_dict()
        return UpcomingBill(bill["amount_due"], bill["currency"])

    async def quote(
        self, agreement_ref: str, items: tuple[Item, ...], at: datetime, own: OwnPeriod | None = None
    ) -> Quote:
        with translated():
            agreement = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
            begun = await self._begun_bill(agreement)
            apart = await self._apart(agreement, at, own, begun)
            if apart is not None:
                return await self._quote_apart(agreement, items, apart, begun)

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
            return _quoted(preview, await self._left_on_balance(begun))

    async def first_quote(self, customer_ref: str, items: tuple[Item, ...]) -> Quote:
        async def ask(_: str) -> stripe.Invoice:
            params: InvoiceCreatePreviewParams = {
                "customer": customer_ref,
                "subscription_details": {"items": [each.previewed() for each in await self._new_items(items)]},
            }
            return await self._api.invoices.create_preview_async(params)

        with translated():
            return _quoted(await self._at_current_prices(ask, key=""))

    async def _charge_of_change(self, agreement: dict[str, Any]) -> Charge:
        """What came of the bill of the last change, however many were made since; paid when it needed none."""
        before = (agreement.get("metadata") or {}).get(CHANGED_AFTER) or ""
        listed = await self._api.invoices.list_async(
            {"subscription": agreement["id"], "limit": 1, **({"ending_before": before} if before else {})}
        )
        bill = listed.data[0].to_dict() if listed.data else {}
        if bill.get("billing_reason") != "subscription_update":
            start, end = shapes.period(agreement)
            return Charge(
                ChargeOutcome.PAID,
                agreement_ref=agreement["id"],
                period_start=start,
                period_end=end,
                anchor=shapes.anchor(agreement),
            )
        if bill.get("status") == "open":
            bill = await self._bill(bill["id"])
        return shapes.charge_of(agreement, bill) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])


def _quoted(preview: stripe.Invoice, left: int = 0) -> Quote:
    """What a preview tells; *left* comes to the customer's balance before it is billed."""
    bill = preview.to_dict()
    how = shapes.settled_as(bill)
    if left:
        how = settled(
            bill["total"], (bill.get("starting_balance") or 0) + left, SMALLEST_CHARGES.get(bill["currency"], 0)
        )
    lines = tuple(QuoteLine(line.get("description") or "", line["amount"]) for line in bill["lines"]["data"])
    # The total, not what is due: that is never below nothing, and a credit is to be told.
    return Quote(bill["total"], bill["currency"], lines, how)


def _within_period(agreement: dict[str, Any], at: datetime) -> int:
    """The moment to count from. Stripe takes only one within the current period, which may have begun just now."""
    start, end = shapes.period(agreement)
    moment = int(at.timestamp())
    if start is None or end is None:
        return moment
    return max(int(start.timestamp()), min(moment, int(end.timestamp()) - 1))
