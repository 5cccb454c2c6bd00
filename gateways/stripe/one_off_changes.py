"""Changes with our own proration: invoiced by us and paid first, and only then the items change.

Both the invoice and the update of the subscription carry the change's key, so a started change can be found again at
any time.
"""

from typing import Any

import stripe
from stripe.params import SubscriptionUpdateParams

from domain.catalog.plans import Item
from domain.provider.identifiers import attempt_of
from domain.provider.payments import Charge, ChargeOutcome
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import StripeInvoices
from gateways.stripe.carried_usage import metered_prices_note
from gateways.stripe.items import StripeItems
from gateways.stripe.one_off_invoices import StripeOneOffInvoices, is_for_key, is_unfilled, settles
from gateways.stripe.own_proration import OwnProration, StripeOwnProration
from gateways.stripe.unapplied_changes import StripeUnappliedChanges


class StripeOneOffChanges:
    """Changes that are billed by a one-off invoice."""

    def __init__(
        self,
        client: stripe.StripeClient,
        items: StripeItems,
        invoices: StripeInvoices,
        one_off_invoices: StripeOneOffInvoices,
        unapplied: StripeUnappliedChanges,
        own_proration: StripeOwnProration,
    ) -> None:
        self._api = client.v1
        self._items = items
        self._invoices = invoices
        self._one_off_invoices = one_off_invoices
        self._unapplied = unapplied
        self._own_proration = own_proration

    async def change(
        self,
        agreement: dict[str, Any],
        items: tuple[Item, ...],
        proration: OwnProration | None,
        unapplied: dict[str, Any] | None,
        *,
        key: str,
        present: bool,
    ) -> Charge:
        """Bills a change and, once it is paid, gives the agreement its items."""
        invoice, under = await self._one_off_invoices.find(agreement, unapplied, key=key)
        other = None if is_for_key(unapplied, key) else unapplied
        order = None
        if is_unfilled(invoice):
            assert proration is not None, "a started change has lines, or is prorated now"  # noqa: S101
            order = await self._own_proration.order(agreement, items, proration)
        if invoice is None and order is not None and await self._unapplied.is_paid_for(other, order.purpose):
            invoice = other
        elif (invoice is None or invoice["status"] != "void") and not await self._unapplied.clear(other, key=key):
            return Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        elif order is not None:
            make = self._one_off_invoices.make
            invoice = await make(agreement, invoice, order, change_key=key, key=under) if order.lines else None
        if invoice is not None:
            refused = await self._one_off_invoices.collect(agreement, invoice, present=present, key=under)
            if refused is not None:
                return refused
        settled = (settles(invoice) if invoice is not None else "") or (proration.settles if proration else "")
        notes = {
            metadata.CHANGE: attempt_of(key),
            metadata.CHANGE_INVOICE: invoice["id"] if invoice is not None else metadata.NO_INVOICE,
            metadata.BEGUN: "",
            metadata.SETTLED: settled,
        }
        return await self.charge_of(await self._put_items(agreement, items, under, notes))

    async def outcome(self, agreement: dict[str, Any], *, key: str) -> Charge:
        """The outcome so far of a change that is not applied; GONE if it was not requested under this key."""
        unapplied = await self._unapplied.invoice_of(agreement)
        return await self._one_off_invoices.outcome(agreement, unapplied, key=key)

    async def charge_of(self, agreement: dict[str, Any]) -> Charge:
        """The charge for the last change, once its items are in place."""
        ref = mapping.note(agreement, metadata.CHANGE_INVOICE) or metadata.NO_INVOICE
        start, end = mapping.period(agreement)
        return Charge(
            ChargeOutcome.PAID,
            mapping.invoice_of(await self._invoices.get(ref)) if ref != metadata.NO_INVOICE else None,
            agreement_ref=agreement["id"],
            period_start=start,
            period_end=end,
            anchor=mapping.anchor(agreement),
            is_apart=True,
        )

    async def _put_items(
        self, agreement: dict[str, Any], items: tuple[Item, ...], key: str, notes: dict[str, str]
    ) -> dict[str, Any]:
        """Gives the agreement *items*, without an invoice from Stripe."""
        if await self._begins_period(agreement, items) and not agreement.get("pause_collection"):
            # Stripe's invoice for the new period, which is already paid, is void under a hold.
            await self._api.subscriptions.update_async(
                agreement["id"], {"pause_collection": {"behavior": "void"}}, {"idempotency_key": f"{key}/hold"}
            )

        async def ask(under: str) -> stripe.Subscription:
            params: SubscriptionUpdateParams = {
                "items": [each.as_update() for each in await self._items.changes(agreement, items)],
                "proration_behavior": "none",
                "metadata": {**notes, **metered_prices_note(agreement)},
            }
            return await self._api.subscriptions.update_async(agreement["id"], params, {"idempotency_key": under})

        changed = await self._items.at_current_prices(ask, key=f"{key}/items")
        return changed.to_dict()

    async def _begins_period(self, agreement: dict[str, Any], items: tuple[Item, ...]) -> bool:
        """True if the items have another interval, for which Stripe starts a new period."""
        had = (agreement["items"]["data"][0]["price"].get("recurring") or {}).get("interval")
        wanted = await self._api.prices.retrieve_async(await self._items.price(items[0].lookup_key))
        return had != (wanted.to_dict().get("recurring") or {}).get("interval")
