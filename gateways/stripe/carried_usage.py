"""Usage on a voided invoice moves to the next invoice."""

from collections.abc import Iterator
from typing import Any

import stripe
from stripe.params import InvoiceItemCreateParams

from gateways.stripe import mapping, metadata

INVOICES_PER_PAGE = 20


class StripeCarriedUsage:
    """Renewals that fall due during a hold are voided, and with them the usage of the period before."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1

    async def carry(self, agreement: dict[str, Any]) -> None:
        """Puts usage from invoices voided since the last paid one on the next invoice."""
        metered = set(_metered_prices(agreement))
        if not metered:
            return
        listed = await self._api.invoices.list_async({"subscription": agreement["id"], "limit": INVOICES_PER_PAGE})
        newest = mapping.id_of(agreement.get("latest_invoice"))
        invoices = [each.to_dict() for each in listed.data]
        lines = list(_voided_usage_lines(invoices, newest, metered))
        if not lines:
            return
        made = await self._api.invoice_items.list_async({"customer": agreement["customer"], "limit": 100})
        carried = {mapping.note(each.to_dict(), metadata.CARRIED) for each in made.data}
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
            "metadata": {metadata.CARRIED: line["id"]},
        }
        await self._api.invoice_items.create_async(params, {"idempotency_key": f"carried/{line['id']}"})


def metered_prices_note(agreement: dict[str, Any]) -> dict[str, str]:
    """The metadata that keeps an agreement's usage prices in mind when its items change; empty if it has none."""
    metered = _metered_prices(agreement)
    return {metadata.METERED: " ".join(dict.fromkeys(metered))[: metadata.MAX_LENGTH]} if metered else {}


def _metered_prices(agreement: dict[str, Any]) -> list[str]:
    """The usage prices the agreement has now, or had before its last restart."""
    noted = mapping.note(agreement, metadata.METERED)
    prices = [each["price"] for each in agreement["items"]["data"]]
    return [*noted.split(), *(price["id"] for price in prices if mapping.is_by_use(price))]


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
