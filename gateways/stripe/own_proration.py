"""Changes that Stripe cannot prorate. We invoice them ourselves: paid first, and only then the items change.

After one of our pauses Stripe has the wrong period, and it would credit money that was refunded. So we preview Stripe's
lines for a whole period, prorate them by our own rule, and put them on a one-off invoice. Both the invoice and the
update carry the change's key, so a started change can be found again at any time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import stripe
from stripe.params import InvoiceCreatePreviewParams, SubscriptionUpdateParams

from domain.catalog.plans import Item
from domain.provider.attempt_keys import business_try
from domain.provider.payments import Charge, ChargeOutcome, DisputeStatus, Quote, QuoteLine
from domain.provider.proration import ALL, OwnPeriod, Terms, kept_of, left_of
from domain.provider.settlement import Settled, settled
from gateways.stripe import mapping
from gateways.stripe.carried_usage import METERED, StripeCarriedUsage
from gateways.stripe.minimum_charges import SMALLEST_CHARGES
from gateways.stripe.one_off_invoices import (
    BEGUN,
    CHANGE,
    CHANGE_INVOICE,
    GIVEN_BACK,
    MAX_METADATA_LENGTH,
    NO_INVOICE,
    SETTLED,
    Line,
    Order,
    StripeOneOffInvoices,
    is_for_key,
    is_unfilled,
    purpose_of,
    settles,
)

_AFTER_DAY = re.compile(r" after \d{1,2} \w{3} \d{4}$")


@dataclass(frozen=True)
class _OwnProration:
    """How we prorate a change."""

    terms: Terms
    at: datetime
    end: datetime
    settles: str
    """The value stored as settled with the change."""


class StripeOwnProration(StripeCarriedUsage, StripeOneOffInvoices):
    """Our own proration on Stripe."""

    async def _own_proration(
        self, agreement: dict[str, Any], at: datetime, own: OwnPeriod | None, begun: dict[str, Any] | None
    ) -> _OwnProration | None:
        """How we prorate a change; None if Stripe can prorate it.

        The payment of *begun*, an invoice for a change that was not applied, does not count.
        """
        start, end = mapping.period(agreement)
        if start is None or end is None:
            return None
        since = own.paid_since if own is not None else start
        unapplied = begun["id"] if begun is not None else ""
        paid, reversed_amount = await self._paid_and_reversed(agreement, since, unapplied)
        kept = kept_of(paid, reversed_amount, _settled(agreement, since))
        if own is None and kept == ALL:
            return None
        start, end = (own.start, own.end) if own is not None else (start, end)
        settles = f"{int(since.timestamp())}/{reversed_amount}"
        return _OwnProration(Terms(left_of(start, end, at), kept), at, end, settles)

    async def _paid_and_reversed(self, agreement: dict[str, Any], since: datetime, unapplied: str) -> tuple[int, int]:
        """What was paid for the agreement since then, and how much of it was refunded or lost in a dispute.

        Leaves out payments for changes that were not applied: they are credited in full.
        """
        customer = mapping.id_of(agreement["customer"])
        listed = await self._api.charges.list_async(
            {"customer": customer, "created": {"gte": int(since.timestamp())}, "limit": 100}
        )
        charges = [each.to_dict() for each in listed.data if each.paid]
        paid = reversed_amount = 0
        if not any(each["amount_refunded"] or each.get("disputed") for each in charges):
            return paid, reversed_amount
        for each in charges:
            invoice = await self._paid_invoice(each.get("payment_intent"))
            is_unapplied = invoice.get("id") == unapplied or (invoice.get("metadata") or {}).get(GIVEN_BACK)
            if invoice and mapping.agreement_of_invoice(invoice) == agreement["id"] and not is_unapplied:
                lost = await self._disputed(each["id"], (DisputeStatus.LOST,)) if each.get("disputed") else 0
                paid, reversed_amount = (
                    paid + each["amount"],
                    reversed_amount + min(each["amount_refunded"] + lost, each["amount"]),
                )
        return paid, reversed_amount

    async def _own_quote(
        self, agreement: dict[str, Any], items: tuple[Item, ...], proration: _OwnProration, begun: dict[str, Any] | None
    ) -> Quote:
        currency = agreement["currency"]
        if begun is not None and await self._is_paid_for(begun, _purpose(agreement, items, proration)):
            paid = tuple(QuoteLine(each.get("description") or "", each["amount"]) for each in begun["lines"]["data"])
            total: int = begun["total"]
            how = Settled(0, credit_applied=total) if total > 0 else settled(total, 0, 0)
            return Quote(total, currency, paid, how)
        lines = await self._own_lines(agreement, items, proration)
        quoted = tuple(QuoteLine(line.text, line.amount) for line in lines)
        total = sum(line.amount for line in lines)
        balance = await self._balance_of(agreement) + await self._balance_change(begun)
        return Quote(total, currency, quoted, settled(total, balance, SMALLEST_CHARGES.get(currency, 0)))

    async def _balance_of(self, agreement: dict[str, Any]) -> int:
        owner = (await self._api.customers.retrieve_async(mapping.id_of(agreement["customer"]))).to_dict()
        return owner.get("balance") or 0

    async def _own_lines(
        self, agreement: dict[str, Any], items: tuple[Item, ...], proration: _OwnProration
    ) -> list[Line]:
        """What the change costs: Stripe's lines for its whole period, each reduced to what is left of ours."""
        start, _ = mapping.period(agreement)
        assert start is not None  # noqa: S101 - or else nothing is prorated apart
        moment = int(start.timestamp())

        async def ask(_: str) -> stripe.Invoice:
            params: InvoiceCreatePreviewParams = {
                "subscription": agreement["id"],
                "subscription_details": {
                    "items": [each.previewed() for each in await self._item_changes(agreement, items)],
                    "proration_behavior": "always_invoice",
                    "proration_date": moment,
                },
            }
            return await self._api.invoices.create_preview_async(params)

        preview = await self._at_current_prices(ask, key="")
        return list(_cut(preview.to_dict(), proration))

    async def _change_with_own_proration(
        self,
        agreement: dict[str, Any],
        items: tuple[Item, ...],
        proration: _OwnProration | None,
        begun: dict[str, Any] | None,
        *,
        key: str,
        present: bool,
    ) -> Charge:
        invoice, under = await self._invoice_for_key(agreement, begun, key)
        other = None if is_for_key(begun, key) else begun
        order = None
        if is_unfilled(invoice):
            assert proration is not None, "a started change has lines, or is prorated now"  # noqa: S101
            order = await self._order(agreement, items, proration)
        if invoice is None and order is not None and await self._is_paid_for(other, order.purpose):
            invoice = other
        elif (invoice is None or invoice["status"] != "void") and not await self._clear_unapplied(other, key):
            return Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        elif order is not None:
            invoice = await self._make_invoice(agreement, invoice, order, key, under) if order.lines else None
        if invoice is not None:
            refused = await self._collect_one_off(agreement, invoice, under, present=present)
            if refused is not None:
                return refused
        noted = {
            CHANGE: business_try(key),
            CHANGE_INVOICE: invoice["id"] if invoice is not None else NO_INVOICE,
            BEGUN: "",
        }
        since = (settles(invoice) if invoice is not None else "") or (
            proration.settles if proration is not None else ""
        )
        changed = await self._put_items(agreement, items, under, {**noted, SETTLED: since})
        return await self._one_off_charge(changed)

    async def _order(self, agreement: dict[str, Any], items: tuple[Item, ...], proration: _OwnProration) -> Order:
        lines = await self._own_lines(agreement, items, proration)
        purpose = _purpose(agreement, items, proration)
        return Order(purpose, proration.settles, tuple(line for line in lines if line.amount))

    async def _one_off_charge(self, agreement: dict[str, Any]) -> Charge:
        """The charge for a change that we prorated, once its items are in place."""
        ref = (agreement.get("metadata") or {}).get(CHANGE_INVOICE) or NO_INVOICE
        start, end = mapping.period(agreement)
        return Charge(
            ChargeOutcome.PAID,
            mapping.invoice_of(await self._invoice(ref)) if ref != NO_INVOICE else None,
            agreement_ref=agreement["id"],
            period_start=start,
            period_end=end,
            anchor=mapping.anchor(agreement),
            is_apart=True,
        )

    async def _put_items(
        self, agreement: dict[str, Any], items: tuple[Item, ...], key: str, metadata: dict[str, str]
    ) -> dict[str, Any]:
        """Gives the agreement *items*, without an invoice from Stripe."""
        if await self._begins_period(agreement, items) and not agreement.get("pause_collection"):
            # Stripe's invoice for the new period, which is already paid, is void under a hold.
            await self._api.subscriptions.update_async(
                agreement["id"], {"pause_collection": {"behavior": "void"}}, {"idempotency_key": f"{key}/hold"}
            )
        if metered := self._metered_prices(agreement):
            metadata[METERED] = " ".join(dict.fromkeys(metered))[:MAX_METADATA_LENGTH]

        async def ask(under: str) -> stripe.Subscription:
            params: SubscriptionUpdateParams = {
                "items": [each.made() for each in await self._item_changes(agreement, items)],
                "proration_behavior": "none",
                "metadata": metadata,
            }
            return await self._api.subscriptions.update_async(agreement["id"], params, {"idempotency_key": under})

        changed = await self._at_current_prices(ask, key=f"{key}/items")
        return changed.to_dict()

    async def _begins_period(self, agreement: dict[str, Any], items: tuple[Item, ...]) -> bool:
        """True if the items have another interval, for which Stripe starts a new period."""
        had = (agreement["items"]["data"][0]["price"].get("recurring") or {}).get("interval")
        wanted = await self._api.prices.retrieve_async(await self._price(items[0].lookup_key))
        return had != (wanted.to_dict().get("recurring") or {}).get("interval")


def _cut(preview: dict[str, Any], proration: _OwnProration) -> Iterator[Line]:
    found = [each for each in preview["lines"]["data"] if _details(each)]
    prorated = any(_details(each).get("proration") for each in found)
    for line in found:
        period = line["period"]
        text = line.get("description") or ""
        if _details(line).get("proration"):
            text = _AFTER_DAY.sub("", text) + f" after {proration.at.astimezone(UTC):%d %b %Y}"
            yield Line(
                text, proration.terms.of(line["amount"]), int(proration.at.timestamp()), int(proration.end.timestamp())
            )
        elif prorated or period["end"] <= preview["created"]:
            # Usage until now, or a whole period of another interval. Anything else is billed by the next renewal.
            yield Line(text, line["amount"], period["start"], period["end"])


def _details(line: dict[str, Any]) -> dict[str, Any]:
    """The subscription item behind a line.

    Empty for a pending invoice item, which waits for the next invoice of any kind.
    """
    return (line.get("parent") or {}).get("subscription_item_details") or {}


def _purpose(agreement: dict[str, Any], items: tuple[Item, ...], proration: _OwnProration) -> str:
    return purpose_of(agreement, items, int(proration.end.timestamp()), proration.settles)


def _settled(agreement: dict[str, Any], since: datetime) -> int:
    """The amount already reversed when we last prorated the same period."""
    noted_since, _, reversed_amount = str((agreement.get("metadata") or {}).get(SETTLED) or "").partition("/")
    return int(reversed_amount) if noted_since == str(int(since.timestamp())) else 0
