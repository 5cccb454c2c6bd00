"""Usage on a voided invoice moves to the next invoice."""

from collections.abc import Iterator
from typing import Any

from stripe.params import InvoiceItemCreateParams

from gateways.stripe import mapping
from gateways.stripe.items import StripeItems

CARRIED = "tenure_use_of"
"""Metadata on an invoice item: the line of the voided invoice that it replaces."""
METERED = "tenure_metered"
"""Metadata on the subscription: the usage prices it had before its last restart."""
INVOICES_PER_PAGE = 20


class StripeCarriedUsage(StripeItems):
    """Renewals that fall due during a hold are voided, and with them the usage of the period before."""

    def _metered_prices(self, agreement: dict[str, Any]) -> list[str]:
        """The usage prices the agreement has now, or had before its last restart."""
        noted = (agreement.get("metadata") or {}).get(METERED) or ""
        prices = [each["price"] for each in agreement["items"]["data"]]
        return [*noted.split(), *(price["id"] for price in prices if mapping.is_by_use(price))]

    async def _carry_usage(self, agreement: dict[str, Any]) -> None:
        """Puts usage from invoices voided since the last paid one on the next invoice."""
        metered = set(self._metered_prices(agreement))
        if not metered:
            return
        listed = await self._api.invoices.list_async({"subscription": agreement["id"], "limit": INVOICES_PER_PAGE})
        newest = mapping.id_of(agreement.get("latest_invoice"))
        invoices = [each.to_dict() for each in listed.data]
        lines = list(_voided_usage_lines(invoices, newest, metered))
        if not lines:
            return
        made = await self._api.invoice_items.list_async({"customer": agreement["customer"], "limit": 100})
        carried = {(each.to_dict().get("metadata") or {}).get(CARRIED) for each in made.data}
        for line in lines:
            if line["id"] not in carried:
                await self._carry(agreement, line)

    async def _carry(self, agreement: dict[str, Any], line: dict[str, Any]) -> None:
        params: InvoiceItemCreateParams = {
            "customer": mapping.id_of(agreement["customer"]),
            "subscription": agreement["id"],
            "amount": line["amount"],
            "currency": line["currency"],
            "description": line.get("description") or "Use of an earlier period",
            "period": {"start": line["period"]["start"], "end": line["period"]["end"]},
            "metadata": {CARRIED: line["id"]},
        }
        await self._api.invoice_items.create_async(params, {"idempotency_key": f"carried/{line['id']}"})


def _voided_usage_lines(invoices: list[dict[str, Any]], newest: str, metered: set[str]) -> Iterator[dict[str, Any]]:
    """The usage lines of voided renewals, newest first, back to the last paid invoice."""
    for invoice in invoices:
        if invoice["id"] != newest and invoice.get("status") == "paid":
            return
        if invoice.get("status") != "void" or invoice.get("billing_reason") != "subscription_cycle":
            continue
        for line in (invoice.get("lines") or {}).get("data") or []:
            price = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
            if mapping.id_of(price) in metered and line["amount"] > 0:
                yield line
