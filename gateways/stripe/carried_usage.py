"""What was used and stood on a bill that was voided: it goes on the next bill."""

from collections.abc import Iterator
from typing import Any

from stripe.params import InvoiceItemCreateParams

from gateways.stripe import mapping as shapes
from gateways.stripe.items import StripeItems

CARRIED = "tenure_use_of"
"""In an invoice item's metadata: the line of the voided bill that it takes the place of."""
METERED = "tenure_metered"
"""In the subscription's metadata: the prices of use that it had before its last new beginning."""
BILLS_AT_ONCE = 20


class StripeCarriedUse(StripeItems):
    """Renewals that fall due under a hold are void, and with them what was used before the hold or since."""

    def _metered(self, agreement: dict[str, Any]) -> list[str]:
        """The prices of use that the agreement has, or had before what was done last."""
        noted = (agreement.get("metadata") or {}).get(METERED) or ""
        prices = [each["price"] for each in agreement["items"]["data"]]
        return [*noted.split(), *(price["id"] for price in prices if shapes.is_by_use(price))]

    async def _carry_use(self, agreement: dict[str, Any]) -> None:
        """Have the next bill take over what was used and stands on bills that were voided since the last paid one."""
        metered = set(self._metered(agreement))
        if not metered:
            return
        listed = await self._api.invoices.list_async({"subscription": agreement["id"], "limit": BILLS_AT_ONCE})
        newest = shapes.id_of(agreement.get("latest_invoice"))
        bills = [each.to_dict() for each in listed.data]
        lines = list(_used(bills, newest, metered))
        if not lines:
            return
        made = await self._api.invoice_items.list_async({"customer": agreement["customer"], "limit": 100})
        carried = {(each.to_dict().get("metadata") or {}).get(CARRIED) for each in made.data}
        for line in lines:
            if line["id"] not in carried:
                await self._carry(agreement, line)

    async def _carry(self, agreement: dict[str, Any], line: dict[str, Any]) -> None:
        params: InvoiceItemCreateParams = {
            "customer": shapes.id_of(agreement["customer"]),
            "subscription": agreement["id"],
            "amount": line["amount"],
            "currency": line["currency"],
            "description": line.get("description") or "Use of an earlier period",
            "period": {"start": line["period"]["start"], "end": line["period"]["end"]},
            "metadata": {CARRIED: line["id"]},
        }
        await self._api.invoice_items.create_async(params, {"idempotency_key": f"carried/{line['id']}"})


def _used(bills: list[dict[str, Any]], newest: str, metered: set[str]) -> Iterator[dict[str, Any]]:
    """The lines for use on voided renewals, newest first, until before the last bill that was paid."""
    for bill in bills:
        if bill["id"] != newest and bill.get("status") == "paid":
            return
        if bill.get("status") != "void" or bill.get("billing_reason") != "subscription_cycle":
            continue
        for line in (bill.get("lines") or {}).get("data") or []:
            price = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
            if shapes.id_of(price) in metered and line["amount"] > 0:
                yield line
