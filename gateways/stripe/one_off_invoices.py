"""The bills of changes that are billed apart from Stripe's proration: made, collected, and found again.

The agreement's metadata names the bill of a change that was begun, until the change is made. Should that never be,
what was paid by it is used for the same change, or given back before anything else is billed.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import stripe
from stripe.params import InvoiceAddLinesParams, InvoiceCreateParams

from domain.catalog.plans import Item
from domain.provider.attempt_keys import business_try
from domain.provider.payments import Charge, ChargeOutcome, DisputeStatus
from gateways.stripe import mapping as shapes
from gateways.stripe.base import SUBSCRIPTION
from gateways.stripe.errors import MISSING, NEEDS_CUSTOMER, declined, without_card
from gateways.stripe.reversals import STATUSES, StripeReversals

CHANGE = shapes.CHANGE
CHANGE_BILL = "tenure_change_bill"
"""In the subscription's metadata: the invoice by which the last change was billed apart, or NO_BILL."""
NO_BILL = "none"
BEGUN = "tenure_change_begun"
"""In the subscription's metadata: the invoice of a change that is billed apart, before it asks for money and until its
change is made."""
FOR = "tenure_change_for"
"""In the metadata of such an invoice: what it is for. Those of earlier releases do not tell, and are used for nothing
but the change under their own key."""
SETTLED = "tenure_change_settled"
"""In the subscription's metadata: since when (epoch seconds), and how much had gone back, as it was prorated apart. In
that of the invoice: what is to be noted so."""
GIVEN_BACK = "tenure_given_back"
"""In the metadata of an entry in the customer's balance: the invoice by which that was paid for a change that was not
made. In that of the invoice: that it was given back."""
CONFIRMED_WITHIN = timedelta(hours=23)
"""So long such an invoice waits for the customer: as long as Stripe keeps an incomplete subscription."""
NEWEST_BILLS = 50
LONGEST_NOTE = 500
TAKEN_BACK = frozenset({DisputeStatus.OPEN, DisputeStatus.LOST})
"""How a dispute stands while the money is not ours."""


@dataclass(frozen=True)
class Line:
    """One line of such a bill."""

    text: str
    amount: int
    start: int
    end: int


@dataclass(frozen=True)
class Order:
    """What a bill is made of."""

    purpose: str
    settles: str
    lines: tuple[Line, ...]


class StripeBillsApart(StripeReversals):
    """Invoices of the customer's, each for one change of an agreement."""

    async def _begun_bill(self, agreement: dict[str, Any]) -> dict[str, Any] | None:
        """The bill of a change that was begun and not made, unless what was paid by it has been given back."""
        noted = agreement.get("metadata") or {}
        ref = noted.get(BEGUN) or ""
        if not ref or ref == noted.get(CHANGE_BILL):
            return None
        try:
            bill = await self._bill(ref)
        except stripe.InvalidRequestError as error:
            if error.code != MISSING:
                raise
            return None  # a draft, which the account may delete
        return None if _note(bill, GIVEN_BACK) else bill

    async def _bill_of_key(
        self, agreement: dict[str, Any], begun: dict[str, Any] | None, key: str
    ) -> tuple[dict[str, Any] | None, str]:
        """The bill that was made under this key, and the key under which another is made for the same change."""
        if is_of(begun, key):
            return begun, key
        customer = shapes.id_of(agreement["customer"])
        listed = await self._api.invoices.list_async({"customer": customer, "limit": NEWEST_BILLS})
        made = [each.to_dict() for each in listed.data if is_of(each.to_dict(), key)]
        gone = next((each["id"] for each in made if _note(each, GIVEN_BACK)), "")
        return next((each for each in made if not _note(each, GIVEN_BACK)), None), f"{key}/{gone}" if gone else key

    async def _stands_apart(self, agreement: dict[str, Any], key: str) -> Charge:
        """What has come of a change that is not made by the bill that was made under its key; gone: there is none."""
        bill, _ = await self._bill_of_key(agreement, await self._begun_bill(agreement), key)
        if bill is None:
            return Charge(ChargeOutcome.GONE)
        bill = await self._bill(bill["id"])
        charge = shapes.charge_of(agreement, bill) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED:
            return _waiting(agreement, bill)
        if charge.outcome is ChargeOutcome.PAID:
            return replace(charge, outcome=ChargeOutcome.PENDING)
        # One that no card was asked for is not collected by Stripe either.
        is_left = charge.outcome is ChargeOutcome.PENDING and not bill.get("attempted")
        return replace(charge, outcome=ChargeOutcome.DECLINED) if is_left else charge

    async def _make_bill(
        self, agreement: dict[str, Any], draft: dict[str, Any] | None, order: Order, key: str, under: str
    ) -> dict[str, Any]:
        """A bill with its lines on it, named by the agreement from before it can be paid."""
        if draft is None:
            params = _new_bill(agreement, await self._card_of_agreement(agreement), order, key)
            draft = (await self._api.invoices.create_async(params, {"idempotency_key": f"{under}/bill"})).to_dict()
        if (agreement.get("metadata") or {}).get(BEGUN) != draft["id"]:
            await self._api.subscriptions.update_async(
                agreement["id"], {"metadata": {BEGUN: draft["id"]}}, {"idempotency_key": f"{under}/begun"}
            )
        filled = await self._api.invoices.add_lines_async(
            draft["id"], _filling(order.lines), {"idempotency_key": f"{under}/lines"}
        )
        return filled.to_dict()

    async def _card_of_agreement(self, agreement: dict[str, Any]) -> str:
        """The card that the agreement is charged to before the customer's own; empty: none, or it was taken away."""
        card = shapes.id_of(agreement.get("default_payment_method"))
        if not card:
            return ""
        found = (await self._api.payment_methods.retrieve_async(card)).to_dict()
        return card if shapes.id_of(found.get("customer")) == shapes.id_of(agreement["customer"]) else ""

    # Its money

    async def _collect_apart(
        self, agreement: dict[str, Any], bill: dict[str, Any], key: str, *, present: bool
    ) -> Charge | None:
        """Take the money for it. None: it is paid; else why not: the bill is void, or waits for who is *present*."""
        ref = bill["id"]
        if bill["status"] == "draft":
            final = await self._api.invoices.finalize_invoice_async(
                ref, {"auto_advance": False}, {"idempotency_key": f"{key}/final"}
            )
            bill = final.to_dict()
        if bill["status"] == "open" and not bill.get("attempted"):
            refused = await self._pay_apart(ref, key, present=present)
            if refused is not None:
                await self._void(ref, f"{key}/void")
                return refused
        bill = await self._bill(ref)
        if bill["status"] == "paid":
            return None
        failed = shapes.failure_of(bill)
        if failed.outcome is ChargeOutcome.PENDING:
            return failed
        if present and failed.outcome is ChargeOutcome.ACTION_REQUIRED and bill["status"] == "open":
            return _waiting(agreement, bill)
        await self._void(ref, f"{key}/void")
        return failed

    async def _pay_apart(self, ref: str, key: str, *, present: bool) -> Charge | None:
        """Ask the bank; a refusal that is for good. None: how the bill stands decides."""
        try:
            await self._api.invoices.pay_async(
                ref, {} if present else {"off_session": True}, {"idempotency_key": f"{key}/pay"}
            )
        except stripe.CardError as error:
            refused = declined(error)
            return None if present and refused.outcome is ChargeOutcome.ACTION_REQUIRED else refused
        except stripe.InvalidRequestError as error:
            if error.code in NEEDS_CUSTOMER or (await self._bill(ref))["status"] == "paid":
                return None
            return without_card(error)
        return None

    # What was paid in vain

    async def _give_way(self, begun: dict[str, Any] | None, key: str) -> bool:
        """Before anything else is billed: have nothing left of a change that was not made.

        Returns:
            Whether that is so; not while the bank has not decided on its bill.

        """
        if begun is None or begun["status"] not in ("open", "paid"):
            return True
        if begun["status"] == "open":
            if shapes.failure_of(begun).outcome is ChargeOutcome.PENDING and begun.get("attempted"):
                return False
            await self._void(begun["id"], f"{key}/void/{begun['id']}")
            begun = await self._bill(begun["id"])
        if begun["status"] == "paid":
            await self._give_back(begun)
        return True

    async def _give_back(self, bill: dict[str, Any]) -> None:
        """Put what was paid by a bill on the customer's balance, and what it credited off it; once."""
        ref, customer, amount = bill["id"], shapes.id_of(bill["customer"]), await self._worth(bill)
        if amount and not await self._is_on_balance(customer, bill):
            await self._api.customers.balance_transactions.create_async(
                customer,
                {
                    "amount": -amount,
                    "currency": bill["currency"],
                    "description": f"{bill.get('number') or ref}: the change that it was for was not made",
                    "metadata": {GIVEN_BACK: ref},
                },
                {"idempotency_key": f"{ref}/given-back/{amount}"},
            )
        await self._api.invoices.update_async(
            ref, {"metadata": {GIVEN_BACK: "yes"}}, {"idempotency_key": f"{ref}/given-back"}
        )

    async def _is_on_balance(self, customer: str, bill: dict[str, Any]) -> bool:
        listed = await self._api.customers.balance_transactions.list_async(
            customer, {"created": {"gte": int(bill["created"])}, "limit": 100}
        )
        async for each in listed.auto_paging_iter():
            if (each.to_dict().get("metadata") or {}).get(GIVEN_BACK) == bill["id"]:
                return True
        return False

    async def _worth(self, bill: dict[str, Any]) -> int:
        """What a paid bill has brought and was not given back otherwise; below nothing: what it credited."""
        total: int = bill["total"]
        return max(total - await self._gone_back_of(bill), 0) if total > 0 else total

    async def _gone_back_of(self, bill: dict[str, Any]) -> int:
        """What was refunded of a bill, credited by a note, or taken back by the customer's bank."""
        noted: int = bill.get("post_payment_credit_notes_amount") or 0
        ref = shapes.latest_charge(bill)
        if not ref:
            return noted
        charge = (await self._api.charges.retrieve_async(ref)).to_dict()
        taken = await self._disputed(ref, TAKEN_BACK) if charge.get("disputed") else 0
        return max(noted, min(int(charge["amount_refunded"]) + taken, int(charge["amount"])))

    async def _disputed(self, charge_ref: str, statuses: Collection[DisputeStatus]) -> int:
        """How much of a charge is disputed, of the disputes that stand so."""
        listed = await self._api.disputes.list_async({"charge": charge_ref, "limit": 100})
        return sum(each.amount for each in listed.data if STATUSES.get(each.status, DisputeStatus.OPEN) in statuses)

    async def _left_on_balance(self, begun: dict[str, Any] | None) -> int:
        """By how much the customer's balance goes up, or for a credit down, once *begun* has given way."""
        if begun is None or begun["status"] not in ("open", "paid"):
            return 0
        if begun["status"] == "paid":
            return -await self._worth(begun)
        return int(begun.get("starting_balance") or 0) - int(begun.get("ending_balance") or 0)

    async def _is_good_for(self, begun: dict[str, Any] | None, purpose: str) -> bool:
        """Whether the very same was paid for and not given back."""
        if begun is None or begun["status"] != "paid" or _note(begun, FOR) != purpose:
            return False
        return not await self._gone_back_of(begun)


def is_of(bill: dict[str, Any] | None, key: str) -> bool:
    """Whether a bill was made for the change of this key."""
    return bill is not None and _note(bill, CHANGE) == business_try(key)


def is_unfilled(bill: dict[str, Any] | None) -> bool:
    """Whether nothing can be asked for by it: there is none, or a draft with no lines on it."""
    return bill is None or (bill["status"] == "draft" and not bill["lines"]["data"])


def settles(bill: dict[str, Any]) -> str:
    """What is noted as settled by the change that a bill is for; empty in those of earlier releases."""
    return _note(bill, SETTLED)


def purpose_of(agreement: Mapping[str, Any], wanted: Iterable[Item], until: int, settled: str) -> str:
    """What a bill is for: from what to what, for which time, after which refunds."""
    had = [(each["price"].get("lookup_key") or each["price"]["id"], each) for each in agreement["items"]["data"]]
    before = sorted(f"{name}*{each.get('quantity') or 0}" for name, each in had)
    after = sorted(f"{item.lookup_key}*{item.quantity}" for item in wanted)
    told = f"{' '.join(before)} > {' '.join(after)} until {until} {settled}"
    return told if len(told) <= LONGEST_NOTE else hashlib.sha256(told.encode()).hexdigest()


def _note(bill: Mapping[str, Any], name: str) -> str:
    return str((bill.get("metadata") or {}).get(name) or "")


def _waiting(agreement: dict[str, Any], bill: dict[str, Any]) -> Charge:
    told = shapes.charge_of(agreement, bill) or Charge(ChargeOutcome.ACTION_REQUIRED)
    final = (bill.get("status_transitions") or {}).get("finalized_at") or bill["created"]
    return replace(told, waits_until=shapes.moment(final) + CONFIRMED_WITHIN, is_apart=True)


def _new_bill(agreement: dict[str, Any], card: str, order: Order, key: str) -> InvoiceCreateParams:
    """Of the customer's, not of the subscription's: that may be on hold, and its newest bill stays what it is."""
    noted = (agreement.get("metadata") or {}).get(SUBSCRIPTION) or ""
    params: InvoiceCreateParams = {
        "customer": shapes.id_of(agreement["customer"]),
        "currency": agreement["currency"],
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "metadata": {
            SUBSCRIPTION: noted,
            shapes.AGREEMENT: agreement["id"],
            CHANGE: business_try(key),
            FOR: order.purpose,
            SETTLED: order.settles,
        },
    }
    if card:
        params["default_payment_method"] = card
    if rates := [shapes.id_of(each) for each in agreement.get("default_tax_rates") or []]:
        params["default_tax_rates"] = rates
    if (agreement.get("automatic_tax") or {}).get("enabled"):
        params["automatic_tax"] = {"enabled": True}
    return params


def _filling(lines: Iterable[Line]) -> InvoiceAddLinesParams:
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
