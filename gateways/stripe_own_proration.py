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
from stripe.params import (
    InvoiceAddLinesParams,
    InvoiceCreateParams,
    InvoiceCreatePreviewParams,
    SubscriptionUpdateParams,
)

from domain.payments import Charge, ChargeOutcome, DisputeStatus, Quote, QuoteLine
from domain.plans import Item
from domain.proration import ALL, OwnPeriod, Terms, kept_of, left_of
from domain.settling import settled
from domain.tries import business_try
from gateways import stripe_shapes as shapes
from gateways.stripe_account import SUBSCRIPTION
from gateways.stripe_carried_use import METERED, StripeCarriedUse
from gateways.stripe_errors import declined, without_card
from gateways.stripe_reversals import STATUSES, StripeReversals
from gateways.stripe_smallest import SMALLEST_CHARGES

CHANGE = "tenure_change"
"""In the metadata of a subscription: the key of the last change that was made, for Stripe forgets keys after a day. In
that of an invoice: the change that it is for."""
CHANGE_BILL = "tenure_change_bill"
"""In the subscription's metadata: the invoice by which the last change was billed apart, or NO_BILL."""
NO_BILL = "none"
SETTLED = "tenure_change_settled"
"""In the subscription's metadata: since when (epoch seconds), and how much had gone back, as it was prorated apart."""
NEWEST_BILLS = 50
LONGEST_NOTE = 500
_AFTER_DAY = re.compile(r" after \d{1,2} \w{3} \d{4}$")


@dataclass(frozen=True)
class _Line:
    text: str
    amount: int
    start: int
    end: int


@dataclass(frozen=True)
class _Apart:
    """How a change is prorated apart from Stripe."""

    terms: Terms
    at: datetime
    end: datetime
    settles: str
    """What is noted as settled by it."""


class StripeOwnProration(StripeCarriedUse, StripeReversals):
    """Our own proration at Stripe."""

    async def _apart(self, agreement: dict[str, Any], at: datetime, own: OwnPeriod | None) -> _Apart | None:
        """How a change is prorated apart from Stripe; None: Stripe can prorate it."""
        start, end = shapes.period(agreement)
        if start is None or end is None:
            return None
        since = own.paid_since if own is not None else start
        paid, gone_back = await self._paid_and_gone_back(agreement, since)
        kept = kept_of(paid, gone_back, _settled(agreement, since))
        if own is None and kept == ALL:
            return None
        start, end = (own.start, own.end) if own is not None else (start, end)
        settles = f"{int(since.timestamp())}/{gone_back}"
        return _Apart(Terms(left_of(start, end, at), kept), at, end, settles)

    async def _paid_and_gone_back(self, agreement: dict[str, Any], since: datetime) -> tuple[int, int]:
        """What was paid for the agreement since then, and how much of it was refunded or lost in a dispute."""
        customer = shapes.id_of(agreement["customer"])
        listed = await self._api.charges.list_async(
            {"customer": customer, "created": {"gte": int(since.timestamp())}, "limit": 100}
        )
        charges = [each.to_dict() for each in listed.data if each.paid]
        paid = gone_back = 0
        if not any(each["amount_refunded"] or each.get("disputed") for each in charges):
            return paid, gone_back
        for each in charges:
            _, belongs_to = await self._bill_of(each.get("payment_intent"))
            if belongs_to == agreement["id"]:
                lost = await self._lost(each["id"]) if each.get("disputed") else 0
                paid, gone_back = paid + each["amount"], gone_back + min(each["amount_refunded"] + lost, each["amount"])
        return paid, gone_back

    async def _lost(self, charge_ref: str) -> int:
        """What the customer's bank has taken back of a charge for good."""
        listed = await self._api.disputes.list_async({"charge": charge_ref, "limit": 100})
        return sum(each.amount for each in listed.data if STATUSES.get(each.status) is DisputeStatus.LOST)

    async def _quote_apart(self, agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart) -> Quote:
        lines = await self._lines_apart(agreement, items, apart)
        told = tuple(QuoteLine(line.text, line.amount) for line in lines)
        total, currency = sum(line.amount for line in lines), agreement["currency"]
        owner = (await self._api.customers.retrieve_async(shapes.id_of(agreement["customer"]))).to_dict()
        how = settled(total, owner.get("balance") or 0, SMALLEST_CHARGES.get(currency, 0))
        return Quote(total, currency, told, how)

    async def _lines_apart(self, agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart) -> list[_Line]:
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
        self, agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart, key: str
    ) -> Charge:
        bill = await self._bill_apart(agreement, items, apart, key)
        if bill is not None:
            refused = await self._collect_apart(bill, key)
            if refused is not None:
                return refused
        noted = {
            CHANGE: business_try(key),
            CHANGE_BILL: bill["id"] if bill is not None else NO_BILL,
            SETTLED: apart.settles,
        }
        changed = await self._put_items(agreement, items, key, noted)
        return await self._charge_apart(changed)

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

    async def _bill_apart(
        self, agreement: dict[str, Any], items: tuple[Item, ...], apart: _Apart, key: str
    ) -> dict[str, Any] | None:
        """The change's own invoice with its lines, found again or made; None: nothing is to be billed."""
        customer = shapes.id_of(agreement["customer"])
        listed = await self._api.invoices.list_async({"customer": customer, "limit": NEWEST_BILLS})
        known = (each.to_dict() for each in listed.data)
        bill = next((each for each in known if (each.get("metadata") or {}).get(CHANGE) == business_try(key)), None)
        if bill is not None and (bill["status"] != "draft" or bill["lines"]["data"]):
            return bill
        lines = [line for line in await self._lines_apart(agreement, items, apart) if line.amount]
        if not lines:
            return None
        if bill is None:
            order = _new_bill(agreement, await self._card_of_agreement(agreement), key)
            made = await self._api.invoices.create_async(order, {"idempotency_key": f"{key}/bill"})
            bill = made.to_dict()
        filled = await self._api.invoices.add_lines_async(
            bill["id"], _filling(lines), {"idempotency_key": f"{key}/lines"}
        )
        return filled.to_dict()

    async def _card_of_agreement(self, agreement: dict[str, Any]) -> str:
        """The card that the agreement is charged to before the customer's own; empty: none, or it was taken away."""
        card = shapes.id_of(agreement.get("default_payment_method"))
        if not card:
            return ""
        found = (await self._api.payment_methods.retrieve_async(card)).to_dict()
        return card if shapes.id_of(found.get("customer")) == shapes.id_of(agreement["customer"]) else ""

    async def _collect_apart(self, bill: dict[str, Any], key: str) -> Charge | None:
        """Take the money for the change's own invoice; what came of it when it was not paid, the invoice void then."""
        ref = bill["id"]
        if bill["status"] == "draft":
            final = await self._api.invoices.finalize_invoice_async(
                ref, {"auto_advance": False}, {"idempotency_key": f"{key}/final"}
            )
            bill = final.to_dict()
        if bill["status"] == "open" and not bill.get("attempted"):
            try:
                await self._api.invoices.pay_async(ref, {"off_session": True}, {"idempotency_key": f"{key}/pay"})
            except stripe.CardError as error:
                return await self._without(ref, declined(error), key)
            except stripe.InvalidRequestError as error:
                if (bill := await self._bill(ref))["status"] != "paid":
                    return await self._without(ref, without_card(error), key)
        bill = await self._bill(ref)
        if bill["status"] == "paid":
            return None
        failed = shapes.failure_of(bill)
        return failed if failed.outcome is ChargeOutcome.PENDING else await self._without(ref, failed, key)

    async def _without(self, invoice_ref: str, refused: Charge, key: str) -> Charge:
        """Leave no invoice open for a change that was not made."""
        await self._void(invoice_ref, f"{key}/void")
        return refused

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


def _cut(preview: dict[str, Any], apart: _Apart) -> Iterator[_Line]:
    found = [each for each in preview["lines"]["data"] if _details(each)]
    prorated = any(_details(each).get("proration") for each in found)
    for line in found:
        period = line["period"]
        text = line.get("description") or ""
        if _details(line).get("proration"):
            text = _AFTER_DAY.sub("", text) + f" after {apart.at.astimezone(UTC):%d %b %Y}"
            yield _Line(text, apart.terms.of(line["amount"]), int(apart.at.timestamp()), int(apart.end.timestamp()))
        elif prorated or period["end"] <= preview["created"]:
            # Use until now, or a whole period of another interval; else it is what the next renewal bills.
            yield _Line(text, line["amount"], period["start"], period["end"])


def _details(line: dict[str, Any]) -> dict[str, Any]:
    """What a line of the subscription's own tells of itself; empty: it waits for the next bill, whichever that is."""
    return (line.get("parent") or {}).get("subscription_item_details") or {}


def _settled(agreement: dict[str, Any], since: datetime) -> int:
    """What had gone back when the same period was last prorated apart."""
    noted_since, _, gone_back = str((agreement.get("metadata") or {}).get(SETTLED) or "").partition("/")
    return int(gone_back) if noted_since == str(int(since.timestamp())) else 0


def _new_bill(agreement: dict[str, Any], card: str, key: str) -> InvoiceCreateParams:
    """Of the customer's, not of the subscription's: that may be on hold, and its newest bill stays what it is."""
    noted = (agreement.get("metadata") or {}).get(SUBSCRIPTION) or ""
    params: InvoiceCreateParams = {
        "customer": shapes.id_of(agreement["customer"]),
        "currency": agreement["currency"],
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "metadata": {SUBSCRIPTION: noted, shapes.AGREEMENT: agreement["id"], CHANGE: business_try(key)},
    }
    if card:
        params["default_payment_method"] = card
    if rates := [shapes.id_of(each) for each in agreement.get("default_tax_rates") or []]:
        params["default_tax_rates"] = rates
    if (agreement.get("automatic_tax") or {}).get("enabled"):
        params["automatic_tax"] = {"enabled": True}
    return params


def _filling(lines: list[_Line]) -> InvoiceAddLinesParams:
    return {
        "lines": [
            {
                "description": line.text,
                "amount": line.amount,
                "discountable": False,
                "period": {"start": line.start, "end": line.end},
            }
            for line in lines
        ]
    }
