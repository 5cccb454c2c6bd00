"""Changes that were started but not applied: whether they are paid for, and how they are cleared.

The agreement's metadata names the one-off invoice of a started change until the change is applied. If it never is, the
payment counts for the same change later, or is credited before anything else is billed.
"""

from collections.abc import Collection
from typing import Any

import stripe

from domain.provider.payments import ChargeOutcome, DisputeStatus
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import StripeInvoices
from gateways.stripe.errors import MISSING
from gateways.stripe.reversals import STATUSES

MONEY_WITHDRAWN = frozenset({DisputeStatus.OPEN, DisputeStatus.LOST})
"""The dispute states in which the money is withdrawn from us."""

Invoice = dict[str, Any]


class StripeUnappliedChanges:
    """The invoices of changes that were started but not applied, and payments for them."""

    def __init__(self, client: stripe.StripeClient, invoices: StripeInvoices) -> None:
        self._api = client.v1
        self._invoices = invoices

    async def invoice_of(self, agreement: dict[str, Any]) -> Invoice | None:
        """The invoice of an agreement's unapplied change; None if there is none or its payment was credited."""
        ref = mapping.note(agreement, metadata.BEGUN)
        if not ref or ref == mapping.note(agreement, metadata.CHANGE_INVOICE):
            return None
        try:
            invoice = await self._invoices.get(ref)
        except stripe.InvalidRequestError as error:
            if error.code != MISSING:
                raise
            return None  # a draft, deleted in the Dashboard
        return None if mapping.note(invoice, metadata.GIVEN_BACK) else invoice

    async def is_paid_for(self, unapplied: Invoice | None, purpose: str) -> bool:
        """True if exactly this was paid for and not reversed."""
        if unapplied is None or unapplied["status"] != "paid" or mapping.note(unapplied, metadata.FOR) != purpose:
            return False
        return not await self._reversed_amount(unapplied)

    async def balance_change(self, unapplied: Invoice | None) -> int:
        """The change to the customer's balance once it is cleared; negative for a credit."""
        if unapplied is None or unapplied["status"] not in ("open", "paid"):
            return 0
        if unapplied["status"] == "paid":
            return -await self._net_amount(unapplied)
        return int(unapplied.get("starting_balance") or 0) - int(unapplied.get("ending_balance") or 0)

    async def clear(self, unapplied: Invoice | None, *, key: str) -> bool:
        """Clears what is left of an unapplied change, before anything else is billed: voids or credits its invoice.

        Returns:
            False while the bank has not decided on its invoice.
        """
        if unapplied is None or unapplied["status"] not in ("open", "paid"):
            return True
        if unapplied["status"] == "open":
            if mapping.failure_of(unapplied).outcome is ChargeOutcome.PENDING and unapplied.get("attempted"):
                return False
            await self._invoices.void(unapplied["id"], key=f"{key}/void/{unapplied['id']}")
            unapplied = await self._invoices.get(unapplied["id"])
        if unapplied["status"] == "paid":
            await self._credit_to_balance(unapplied)
        return True

    async def disputed_amount(self, charge_ref: str, statuses: Collection[DisputeStatus]) -> int:
        """The amount of a charge under disputes with one of *statuses*."""
        listed = await self._api.disputes.list_async({"charge": charge_ref, "limit": 100})
        return sum(each.amount for each in listed.data if STATUSES.get(each.status, DisputeStatus.OPEN) in statuses)

    async def _credit_to_balance(self, invoice: Invoice) -> None:
        """Credits what an invoice charged to the customer's balance, and takes off what it credited. Once."""
        ref, customer, amount = invoice["id"], mapping.id_of(invoice["customer"]), await self._net_amount(invoice)
        if amount and not await self._is_on_balance(customer, invoice):
            await self._api.customers.balance_transactions.create_async(
                customer,
                {
                    "amount": -amount,
                    "currency": invoice["currency"],
                    "description": f"{invoice.get('number') or ref}: the change that it was for was not made",
                    "metadata": {metadata.GIVEN_BACK: ref},
                },
                {"idempotency_key": f"{ref}/given-back/{amount}"},
            )
        await self._api.invoices.update_async(
            ref, {"metadata": {metadata.GIVEN_BACK: "yes"}}, {"idempotency_key": f"{ref}/given-back"}
        )

    async def _is_on_balance(self, customer: str, invoice: Invoice) -> bool:
        listed = await self._api.customers.balance_transactions.list_async(
            customer, {"created": {"gte": int(invoice["created"])}, "limit": 100}
        )
        async for each in listed.auto_paging_iter():
            if mapping.note(each.to_dict(), metadata.GIVEN_BACK) == invoice["id"]:
                return True
        return False

    async def _net_amount(self, invoice: Invoice) -> int:
        """The amount of a paid invoice that has not been reversed; negative for a credit."""
        total: int = invoice["total"]
        return max(total - await self._reversed_amount(invoice), 0) if total > 0 else total

    async def _reversed_amount(self, invoice: Invoice) -> int:
        """The amount of an invoice that was refunded, credited by a credit note, or disputed."""
        credited: int = invoice.get("post_payment_credit_notes_amount") or 0
        ref = mapping.latest_charge(invoice)
        if not ref:
            return credited
        charge = (await self._api.charges.retrieve_async(ref)).to_dict()
        disputed = await self.disputed_amount(ref, MONEY_WITHDRAWN) if charge.get("disputed") else 0
        return max(credited, min(int(charge["amount_refunded"]) + disputed, int(charge["amount"])))
