"""Invoices for changes that we prorate ourselves: created, collected, and found again.

The agreement's metadata names the invoice of a started change until the change is applied. If it never is, the payment
counts for the same change later, or is credited before anything else is billed.
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
from gateways.stripe import mapping
from gateways.stripe.base import SUBSCRIPTION
from gateways.stripe.errors import MISSING, NEEDS_CUSTOMER, declined, without_card
from gateways.stripe.reversals import STATUSES, StripeReversals

CHANGE = mapping.CHANGE
CHANGE_INVOICE = "tenure_change_bill"
"""Metadata on the subscription: the invoice of the last change that we prorated, or NO_INVOICE."""
NO_INVOICE = "none"
BEGUN = "tenure_change_begun"
"""Metadata on the subscription: the invoice of a change that we prorate, from before it is charged until the change is
applied."""
FOR = "tenure_change_for"
"""Metadata on such an invoice: what it is for. Invoices of earlier releases lack it, and count only for the change with
their own key."""
SETTLED = "tenure_change_settled"
"""Metadata on the subscription: when the period was paid (epoch seconds) and how much of it was reversed at our last
proration. On the invoice: the value to store there."""
GIVEN_BACK = "tenure_given_back"
"""Metadata on a customer balance transaction: the invoice paid for a change that was not applied. On the invoice: that
it was credited."""
CONFIRMATION_WINDOW = timedelta(hours=23)
"""How long such an invoice waits for the customer: as long as Stripe keeps an incomplete subscription."""
INVOICES_PER_PAGE = 50
MAX_METADATA_LENGTH = 500
MONEY_WITHDRAWN = frozenset({DisputeStatus.OPEN, DisputeStatus.LOST})
"""The dispute states in which the money is withdrawn from us."""


@dataclass(frozen=True)
class Line:
    """One line of such an invoice."""

    text: str
    amount: int
    start: int
    end: int


@dataclass(frozen=True)
class Order:
    """The content of an invoice."""

    purpose: str
    settles: str
    lines: tuple[Line, ...]


class StripeOneOffInvoices(StripeReversals):
    """One-off invoices to a customer, each for one change of an agreement."""

    async def _begun_invoice(self, agreement: dict[str, Any]) -> dict[str, Any] | None:
        """The invoice of a change that was started but not applied, unless its payment was credited."""
        noted = agreement.get("metadata") or {}
        ref = noted.get(BEGUN) or ""
        if not ref or ref == noted.get(CHANGE_INVOICE):
            return None
        try:
            invoice = await self._invoice(ref)
        except stripe.InvalidRequestError as error:
            if error.code != MISSING:
                raise
            return None  # a draft, deleted in the Dashboard
        return None if _note(invoice, GIVEN_BACK) else invoice

    async def _invoice_for_key(
        self, agreement: dict[str, Any], begun: dict[str, Any] | None, key: str
    ) -> tuple[dict[str, Any] | None, str]:
        """The invoice created under this key, and the key for another one for the same change."""
        if is_for_key(begun, key):
            return begun, key
        customer = mapping.id_of(agreement["customer"])
        listed = await self._api.invoices.list_async({"customer": customer, "limit": INVOICES_PER_PAGE})
        made = [each.to_dict() for each in listed.data if is_for_key(each.to_dict(), key)]
        gone = next((each["id"] for each in made if _note(each, GIVEN_BACK)), "")
        return next((each for each in made if not _note(each, GIVEN_BACK)), None), f"{key}/{gone}" if gone else key

    async def _one_off_outcome(self, agreement: dict[str, Any], key: str) -> Charge:
        """The outcome of the invoice of a change that is not applied; GONE if there is no invoice."""
        invoice, _ = await self._invoice_for_key(agreement, await self._begun_invoice(agreement), key)
        if invoice is None:
            return Charge(ChargeOutcome.GONE)
        invoice = await self._invoice(invoice["id"])
        charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED:
            return _waiting(agreement, invoice)
        if charge.outcome is ChargeOutcome.PAID:
            return replace(charge, outcome=ChargeOutcome.PENDING)
        # Stripe does not collect an invoice for which no card was charged.
        is_left = charge.outcome is ChargeOutcome.PENDING and not invoice.get("attempted")
        return replace(charge, outcome=ChargeOutcome.DECLINED) if is_left else charge

    async def _make_invoice(
        self, agreement: dict[str, Any], draft: dict[str, Any] | None, order: Order, key: str, under: str
    ) -> dict[str, Any]:
        """Returns an invoice with its lines. The agreement refers to it before it can be paid."""
        if draft is None:
            params = _new_invoice(agreement, await self._card_of_agreement(agreement), order, key)
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
        """The agreement's own card; empty if there is none or it was detached.

        It is charged before the customer's.
        """
        card = mapping.id_of(agreement.get("default_payment_method"))
        if not card:
            return ""
        found = (await self._api.payment_methods.retrieve_async(card)).to_dict()
        return card if mapping.id_of(found.get("customer")) == mapping.id_of(agreement["customer"]) else ""

    # Collecting

    async def _collect_one_off(
        self, agreement: dict[str, Any], invoice: dict[str, Any], key: str, *, present: bool
    ) -> Charge | None:
        """Collects the invoice.

        Returns:
            None if it is paid. Otherwise the reason: it is void, or waits for a customer who is *present*.

        """
        ref = invoice["id"]
        if invoice["status"] == "draft":
            final = await self._api.invoices.finalize_invoice_async(
                ref, {"auto_advance": False}, {"idempotency_key": f"{key}/final"}
            )
            invoice = final.to_dict()
        if invoice["status"] == "open" and not invoice.get("attempted"):
            refused = await self._pay_one_off(ref, key, present=present)
            if refused is not None:
                await self._void(ref, f"{key}/void")
                return refused
        invoice = await self._invoice(ref)
        if invoice["status"] == "paid":
            return None
        failed = mapping.failure_of(invoice)
        if failed.outcome is ChargeOutcome.PENDING:
            return failed
        if present and failed.outcome is ChargeOutcome.ACTION_REQUIRED and invoice["status"] == "open":
            return _waiting(agreement, invoice)
        await self._void(ref, f"{key}/void")
        return failed

    async def _pay_one_off(self, ref: str, key: str, *, present: bool) -> Charge | None:
        """Charges the card. Returns a final refusal; None if the state of the invoice decides."""
        try:
            await self._api.invoices.pay_async(
                ref, {} if present else {"off_session": True}, {"idempotency_key": f"{key}/pay"}
            )
        except stripe.CardError as error:
            refused = declined(error)
            return None if present and refused.outcome is ChargeOutcome.ACTION_REQUIRED else refused
        except stripe.InvalidRequestError as error:
            if error.code in NEEDS_CUSTOMER or (await self._invoice(ref))["status"] == "paid":
                return None
            return without_card(error)
        return None

    # Payments for changes that were not applied

    async def _clear_unapplied(self, begun: dict[str, Any] | None, key: str) -> bool:
        """Clears what is left of a change that was not applied, before anything else is billed.

        Returns:
            False while the bank has not decided on its invoice.
        """
        if begun is None or begun["status"] not in ("open", "paid"):
            return True
        if begun["status"] == "open":
            if mapping.failure_of(begun).outcome is ChargeOutcome.PENDING and begun.get("attempted"):
                return False
            await self._void(begun["id"], f"{key}/void/{begun['id']}")
            begun = await self._invoice(begun["id"])
        if begun["status"] == "paid":
            await self._credit_to_balance(begun)
        return True

    async def _credit_to_balance(self, invoice: dict[str, Any]) -> None:
        """Credits what an invoice charged to the customer's balance, and takes off what it credited. Once."""
        ref, customer, amount = invoice["id"], mapping.id_of(invoice["customer"]), await self._net_amount(invoice)
        if amount and not await self._is_on_balance(customer, invoice):
            await self._api.customers.balance_transactions.create_async(
                customer,
                {
                    "amount": -amount,
                    "currency": invoice["currency"],
                    "description": f"{invoice.get('number') or ref}: the change that it was for was not made",
                    "metadata": {GIVEN_BACK: ref},
                },
                {"idempotency_key": f"{ref}/given-back/{amount}"},
            )
        await self._api.invoices.update_async(
            ref, {"metadata": {GIVEN_BACK: "yes"}}, {"idempotency_key": f"{ref}/given-back"}
        )

    async def _is_on_balance(self, customer: str, invoice: dict[str, Any]) -> bool:
        listed = await self._api.customers.balance_transactions.list_async(
            customer, {"created": {"gte": int(invoice["created"])}, "limit": 100}
        )
        async for each in listed.auto_paging_iter():
            if (each.to_dict().get("metadata") or {}).get(GIVEN_BACK) == invoice["id"]:
                return True
        return False

    async def _net_amount(self, invoice: dict[str, Any]) -> int:
        """The amount of a paid invoice that has not been reversed; negative for a credit."""
        total: int = invoice["total"]
        return max(total - await self._reversed_amount(invoice), 0) if total > 0 else total

    async def _reversed_amount(self, invoice: dict[str, Any]) -> int:
        """The amount of an invoice that was refunded, credited by a credit note, or disputed."""
        noted: int = invoice.get("post_payment_credit_notes_amount") or 0
        ref = mapping.latest_charge(invoice)
        if not ref:
            return noted
        charge = (await self._api.charges.retrieve_async(ref)).to_dict()
        taken = await self._disputed(ref, MONEY_WITHDRAWN) if charge.get("disputed") else 0
        return max(noted, min(int(charge["amount_refunded"]) + taken, int(charge["amount"])))

    async def _disputed(self, charge_ref: str, statuses: Collection[DisputeStatus]) -> int:
        """The amount of a charge under disputes with one of *statuses*."""
        listed = await self._api.disputes.list_async({"charge": charge_ref, "limit": 100})
        return sum(each.amount for each in listed.data if STATUSES.get(each.status, DisputeStatus.OPEN) in statuses)

    async def _balance_change(self, begun: dict[str, Any] | None) -> int:
        """The change to the customer's balance once *begun* is cleared; negative for a credit."""
        if begun is None or begun["status"] not in ("open", "paid"):
            return 0
        if begun["status"] == "paid":
            return -await self._net_amount(begun)
        return int(begun.get("starting_balance") or 0) - int(begun.get("ending_balance") or 0)

    async def _is_paid_for(self, begun: dict[str, Any] | None, purpose: str) -> bool:
        """True if exactly this was paid for and not reversed."""
        if begun is None or begun["status"] != "paid" or _note(begun, FOR) != purpose:
            return False
        return not await self._reversed_amount(begun)


def is_for_key(invoice: dict[str, Any] | None, key: str) -> bool:
    """True if the invoice belongs to the change with this key."""
    return invoice is not None and _note(invoice, CHANGE) == business_try(key)


def is_unfilled(invoice: dict[str, Any] | None) -> bool:
    """True if the invoice cannot be charged yet: there is none, or it is a draft without lines."""
    return invoice is None or (invoice["status"] == "draft" and not invoice["lines"]["data"])


def settles(invoice: dict[str, Any]) -> str:
    """The value that the invoice's change stores as settled; empty on invoices of earlier releases."""
    return _note(invoice, SETTLED)


def purpose_of(agreement: Mapping[str, Any], wanted: Iterable[Item], until: int, settled: str) -> str:
    """What an invoice is for: from what to what, for which time, after which refunds."""
    had = [(each["price"].get("lookup_key") or each["price"]["id"], each) for each in agreement["items"]["data"]]
    before = sorted(f"{name}*{each.get('quantity') or 0}" for name, each in had)
    after = sorted(f"{item.lookup_key}*{item.quantity}" for item in wanted)
    purpose = f"{' '.join(before)} > {' '.join(after)} until {until} {settled}"
    return purpose if len(purpose) <= MAX_METADATA_LENGTH else hashlib.sha256(purpose.encode()).hexdigest()


def _note(invoice: Mapping[str, Any], name: str) -> str:
    return str((invoice.get("metadata") or {}).get(name) or "")


def _waiting(agreement: dict[str, Any], invoice: dict[str, Any]) -> Charge:
    charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.ACTION_REQUIRED)
    final = (invoice.get("status_transitions") or {}).get("finalized_at") or invoice["created"]
    return replace(charge, waits_until=mapping.moment(final) + CONFIRMATION_WINDOW, is_apart=True)


def _new_invoice(agreement: dict[str, Any], card: str, order: Order, key: str) -> InvoiceCreateParams:
    """The customer's invoice, not the subscription's, which may be on hold and whose latest invoice must not change."""
    noted = (agreement.get("metadata") or {}).get(SUBSCRIPTION) or ""
    params: InvoiceCreateParams = {
        "customer": mapping.id_of(agreement["customer"]),
        "currency": agreement["currency"],
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "metadata": {
            SUBSCRIPTION: noted,
            mapping.AGREEMENT: agreement["id"],
            CHANGE: business_try(key),
            FOR: order.purpose,
            SETTLED: order.settles,
        },
    }
    if card:
        params["default_payment_method"] = card
    if rates := [mapping.id_of(each) for each in agreement.get("default_tax_rates") or []]:
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
