"""Prorates changes that Stripe cannot prorate.

After one of our pauses Stripe has the wrong period, and it would credit money that was refunded. So we preview Stripe's
lines for a whole period and prorate them by our own rule (`domain.provider.proration`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import stripe
from stripe.params import InvoiceCreatePreviewParams

from domain.catalog.plans import Item
from domain.provider.payments import DisputeStatus
from domain.provider.proration import ALL, OwnPeriod, Terms, kept_of, left_of
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import StripeInvoices
from gateways.stripe.items import StripeItems
from gateways.stripe.one_off_invoices import Line, Order, purpose_of
from gateways.stripe.unapplied_changes import StripeUnappliedChanges

_AFTER_DAY = re.compile(r" after \d{1,2} \w{3} \d{4}$")


@dataclass(frozen=True)
class OwnProration:
    """How we prorate a change."""

    terms: Terms
    at: datetime
    end: datetime
    settles: str
    """The value stored as settled with the change."""

    def purpose(self, agreement: dict[str, Any], items: tuple[Item, ...]) -> str:
        """What the invoice of a change to *items* is for."""
        return purpose_of(agreement, items, int(self.end.timestamp()), self.settles)


class StripeOwnProration:
    """Decides whether a change needs our own proration, and works out its lines."""

    def __init__(
        self,
        client: stripe.StripeClient,
        items: StripeItems,
        invoices: StripeInvoices,
        unapplied: StripeUnappliedChanges,
    ) -> None:
        self._api = client.v1
        self._items = items
        self._invoices = invoices
        self._unapplied = unapplied

    async def needed(
        self, agreement: dict[str, Any], at: datetime, own: OwnPeriod | None, unapplied: dict[str, Any] | None
    ) -> OwnProration | None:
        """How we prorate a change; None if Stripe can prorate it.

        The payment of *unapplied*, the invoice of a change that was not applied, does not count.
        """
        start, end = mapping.period(agreement)
        if start is None or end is None:
            return None
        since = own.paid_since if own is not None else start
        paid, reversed_amount = await self._paid_and_reversed(agreement, since, unapplied["id"] if unapplied else "")
        kept = kept_of(paid, reversed_amount, _settled(agreement, since))
        if own is None and kept == ALL:
            return None
        start, end = (own.start, own.end) if own is not None else (start, end)
        settles = f"{int(since.timestamp())}/{reversed_amount}"
        return OwnProration(Terms(left_of(start, end, at), kept), at, end, settles)

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
            invoice = await self._invoices.of_payment(each.get("payment_intent"))
            is_unapplied = invoice.get("id") == unapplied or mapping.note(invoice, metadata.GIVEN_BACK)
            if invoice and mapping.agreement_of_invoice(invoice) == agreement["id"] and not is_unapplied:
                paid += each["amount"]
                reversed_amount += await self._reversed_amount(each)
        return paid, reversed_amount

    async def _reversed_amount(self, charge: dict[str, Any]) -> int:
        """How much of a charge was refunded or lost in a dispute."""
        is_disputed = charge.get("disputed")
        lost = await self._unapplied.disputed_amount(charge["id"], (DisputeStatus.LOST,)) if is_disputed else 0
        return min(int(charge["amount_refunded"]) + lost, int(charge["amount"]))

    async def order(self, agreement: dict[str, Any], items: tuple[Item, ...], proration: OwnProration) -> Order:
        """The invoice for a change to *items*."""
        lines = await self.lines(agreement, items, proration)
        purpose = proration.purpose(agreement, items)
        return Order(purpose, proration.settles, tuple(line for line in lines if line.amount))

    async def lines(self, agreement: dict[str, Any], items: tuple[Item, ...], proration: OwnProration) -> list[Line]:
        """The change's cost: Stripe's lines for its whole period, each reduced to what is left of Tenure's period."""
        start, _ = mapping.period(agreement)
        assert start is not None  # noqa: S101 - or else nothing is prorated apart
        moment = int(start.timestamp())

        async def ask(_: str) -> stripe.Invoice:
            params: InvoiceCreatePreviewParams = {
                "subscription": agreement["id"],
                "subscription_details": {
                    "items": [each.as_preview() for each in await self._items.changes(agreement, items)],
                    "proration_behavior": "always_invoice",
                    "proration_date": moment,
                },
            }
            return await self._api.invoices.create_preview_async(params)

        preview = await self._items.at_current_prices(ask, key="")
        return list(_cut(preview.to_dict(), proration))


def _cut(preview: dict[str, Any], proration: OwnProration) -> Iterator[Line]:
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


def _settled(agreement: dict[str, Any], since: datetime) -> int:
    """The amount already reversed when we last prorated the same period."""
    noted_since, _, reversed_amount = mapping.note(agreement, metadata.SETTLED).partition("/")
    return int(reversed_amount) if noted_since == str(int(since.timestamp())) else 0
