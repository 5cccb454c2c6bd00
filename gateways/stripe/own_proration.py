"""Changes that Stripe cannot prorate, billed by an invoice of their own: paid first, and only then the items change.

Stripe knows the wrong period after a pause of ours, and would credit money that was refunded. So we take the lines
that it would bill for a whole period, work out by our own rule what falls to the rest of it, and bill that apart. Both
halves carry the change's key: one that was begun is found again, however late.
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
from gateways.stripe import mapping as shapes
from gateways.stripe.carried_usage import METERED, StripeCarriedUse
from gateways.stripe.minimum_charges import SMALLEST_CHARGES
from gateways.stripe.one_off_invoices import (
    BEGUN,
    CHANGE,
    CHANGE_BILL,
    GIVEN_BACK,
    LONGEST_NOTE,
    NO_BILL,
    SETTLED,
    Line,
    Order,
    StripeBillsApart,
    is_of,
    is_unfilled,
    purpose_of,
    settles,
)

_AFTER_DAY = re.compile(r" after \d{1,2} \w{3} \d{4}$")


@dataclass(frozen=True)
class _Apart:
    """How a change is prorated apart from Stripe."""

    terms: Terms
    at: datetime
    end: datetime
    settles: str
    """What is noted as settled by it."""


class StripeOwnProration(StripeCarriedUse, StripeBillsApart):
    """Our own proration at Stripe."""

    async def _apart(
        self, agreement: dict[str, Any], at: datetime, own: OwnPeriod | None, begun: dict[str, Any] | None
    ) -> _Apart | None:
        """How a change is prorated apart from Stripe; None: Stripe can prorate it.

        What was paid by the bill that was *begun* has brought nothing yet.
        """
        start, end = shapes.period(agreement)
        if start is None or end is None:
            return None
        since = own.paid_since if own is not None else start
        in_vain = begun["id"] if begun is not None else ""
        paid, gone_back = await self._paid_and_gone_back(agreement, since, in_vain)
        kept = kept_of(paid, gone_back, _settled(agreement, since))
        if own is None and kept == ALL:
            return None
        start, end = (own.start, own.end) if own is not None else (start, end)
        settles = f"{int(since.timestamp())}/{gone_back}"
        return _Apart(Terms(left_of(start, end, at), kept), at, end, settles)

    async def _paid_and_gone_back(self, agreement: dict[str, Any], since: datetime, in_vain: str) -> tuple[int, int]:
        """What was paid for the agreement since then, and how much of it was refunded or lost in a dispute.

        Left out is what was paid for changes that were not made: it is given back in full.
        """
        customer = shapes.id_of(agreement["customer"])
        listed = await self._api.charges.list_async(
            {"customer": customer, "created": {"gte": int(since.timestamp())}, "limit": 100}
        )
        charges = [each.to_dict() for each in listed.data if each.paid]
        paid = gone_back = 0
        if not any(each["amount_refunded"] or each.get("disputed") for each in charges):
            return paid, gone_back
        for each in charges:
            bill = await self._paid_bill(each.get("payment_intent"))
            is_in_vain = bill.get("id") == in_vain or (bill.get("metadata") or {}).get(GIVEN_BACK)
            if bill and shapes.agreement_of_bill(bill) == agreement["id"] and not is_in_vain:
                lost = await self._disputed(each["id"], (DisputeStatus.LOST,)) if each.get("disputed") else 0
                paid, gone_back = paid + each["amount"], gone_back + min(each["amount_refunded"] + lost, each["amount"])
        return paid, gone_back

    async def _quote_apart(
        self, agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart, begun: dict[str, Any] | None
    ) -> Quote:
        currency = agreement["currency"]
        if begun is not None and await self._is_good_for(begun, _purpose(agreement, items, apart)):
            paid = tuple(QuoteLine(each.get("description") or "", each["amount"]) for each in begun["lines"]["data"])
            total: int = begun["total"]
            how = Settled(0, credit_applied=total) if total > 0 else settled(total, 0, 0)
            return Quote(total, currency, paid, how)
        lines = await self._lines_apart(agreement, items, apart)
        told = tuple(QuoteLine(line.text, line.amount) for line in lines)
        total = sum(line.amount for line in lines)
        balance = await self._balance_of(agreement) + await self._left_on_balance(begun)
        return Quote(total, currency, told, settled(total, balance, SMALLEST_CHARGES.get(currency, 0)))

    async def _balance_of(self, agreement: dict[str, Any]) -> int:
        owner = (await self._api.customers.retrieve_async(shapes.id_of(agreement["customer"]))).to_dict()
        return owner.get("balance") or 0

    async def _lines_apart(self, agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart) -> list[Line]:
        """What the change bills: Stripe's lines for the whole of its period, each cut to what is left of ours."""
        start, _ = shapes.period(agreement)
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
        return list(_cut(preview.to_dict(), apart))

    async def _change_apart(
        self,
        agreement: dict[str, Any],
        items: tuple[Item, ...],
        apart: _Apart | None,
        begun: dict[str, Any] | None,
        *,
        key: str,
        present: bool,
    ) -> Charge:
        bill, under = await self._bill_of_key(agreement, begun, key)
        other = None if is_of(begun, key) else begun
        order = None
        if is_unfilled(bill):
            assert apart is not None, "what was begun before has lines, or is made now"  # noqa: S101
            order = await self._order(agreement, items, apart)
        if bill is None and order is not None and await self._is_good_for(other, order.purpose):
            bill = other
        elif (bill is None or bill["status"] != "void") and not await self._give_way(other, key):
            return Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        elif order is not None:
            bill = await self._make_bill(agreement, bill, order, key, under) if order.lines else None
        if bill is not None:
            refused = await self._collect_apart(agreement, bill, under, present=present)
            if refused is not None:
                return refused
        noted = {CHANGE: business_try(key), CHANGE_BILL: bill["id"] if bill is not None else NO_BILL, BEGUN: ""}
        since = (settles(bill) if bill is not None else "") or (apart.settles if apart is not None else "")
        changed = await self._put_items(agreement, items, under, {**noted, SETTLED: since})
        return await self._charge_apart(changed)

    async def _order(self, agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart) -> Order:
        lines = await self._lines_apart(agreement, items, apart)
        purpose = _purpose(agreement, items, apart)
        return Order(purpose, apart.settles, tuple(line for line in lines if line.amount))

    async def _charge_apart(self, agreement: dict[str, Any]) -> Charge:
        """What a change that was billed apart has come to, once its items are in place."""
        ref = (agreement.get("metadata") or {}).get(CHANGE_BILL) or NO_BILL
        start, end = shapes.period(agreement)
        return Charge(
            ChargeOutcome.PAID,
            shapes.invoice(await self._bill(ref)) if ref != NO_BILL else None,
            agreement_ref=agreement["id"],
            period_start=start,
            period_end=end,
            anchor=shapes.anchor(agreement),
            is_apart=True,
        )

    async def _put_items(
        self, agreement: dict[str, Any], items: tuple[Item, ...], key: str, metadata: dict[str, str]
    ) -> dict[str, Any]:
        """Make the agreement one about *items*; Stripe bills nothing for it."""
        if await self._begins_period(agreement, items) and not agreement.get("pause_collection"):
            # The invoice that Stripe makes for the new period, which is paid for already, is void then.
            await self._api.subscriptions.update_async(
                agreement["id"], {"pause_collection": {"behavior": "void"}}, {"idempotency_key": f"{key}/hold"}
            )
        if metered := self._metered(agreement):
            metadata[METERED] = " ".join(dict.fromkeys(metered))[:LONGEST_NOTE]

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
        """Whether the items are of another interval, by which Stripe begins a period."""
        had = (agreement["items"]["data"][0]["price"].get("recurring") or {}).get("interval")
        wanted = await self._api.prices.retrieve_async(await self._price(items[0].lookup_key))
        return had != (wanted.to_dict().get("recurring") or {}).get("interval")


def _cut(preview: dict[str, Any], apart: _Apart) -> Iterator[Line]:
    found = [each for each in preview["lines"]["data"] if _details(each)]
    prorated = any(_details(each).get("proration") for each in found)
    for line in found:
        period = line["period"]
        text = line.get("description") or ""
        if _details(line).get("proration"):
            text = _AFTER_DAY.sub("", text) + f" after {apart.at.astimezone(UTC):%d %b %Y}"
            yield Line(text, apart.terms.of(line["amount"]), int(apart.at.timestamp()), int(apart.end.timestamp()))
        elif prorated or period["end"] <= preview["created"]:
            # Use until now, or a whole period of another interval; else it is what the next renewal bills.
            yield Line(text, line["amount"], period["start"], period["end"])


def _details(line: dict[str, Any]) -> dict[str, Any]:
    """What a line of the subscription's own tells of itself; empty: it waits for the next bill, whichever that is."""
    return (line.get("parent") or {}).get("subscription_item_details") or {}


def _purpose(agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart) -> str:
    return purpose_of(agreement, items, int(apart.end.timestamp()), apart.settles)


def _settled(agreement: dict[str, Any], since: datetime) -> int:
    """What had gone back when the same period was last prorated apart."""
    noted_since, _, gone_back = str((agreement.get("metadata") or {}).get(SETTLED) or "").partition("/")
    return int(gone_back) if noted_since == str(int(since.timestamp())) else 0
