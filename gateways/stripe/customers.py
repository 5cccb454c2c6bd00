"""Customers' contact data at Stripe."""

import stripe
from stripe.params import CustomerUpdateParams

from domain.provider.agreements import KnownCustomer
from domain.provider.purchases import BillingDetails, TaxId
from gateways.stripe.errors import MISSING, translated

ADDRESS = ("line1", "line2", "postal_code", "city", "state", "country")


class StripeCustomers:
    """The port `CustomerContacts`."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1

    async def known_customer(self, customer_ref: str) -> KnownCustomer | None:
        with translated():
            try:
                found = (await self._api.customers.retrieve_async(customer_ref)).to_dict()
            except stripe.InvalidRequestError as error:
                if error.code != MISSING:
                    raise
                return None
        if found.get("deleted"):
            return None
        locales = found.get("preferred_locales") or [""]
        return KnownCustomer(
            found["id"], found.get("email") or "", found.get("name"), locales[0], found.get("metadata") or {}
        )

    async def change_customer(self, customer_ref: str, email: str, name: str | None, locale: str, *, key: str) -> None:
        params: CustomerUpdateParams = {"email": email, "name": name or "", "preferred_locales": [locale]}
        with translated():
            await self._api.customers.update_async(customer_ref, params, {"idempotency_key": key})

    async def delete_customer(self, customer_ref: str) -> None:
        with translated():
            try:
                await self._api.customers.delete_async(customer_ref)
            except stripe.InvalidRequestError as error:
                if error.code != MISSING:  # deleted before
                    raise

    async def billing_details(self, customer_ref: str) -> BillingDetails | None:
        with translated():
            try:
                found = (await self._api.customers.retrieve_async(customer_ref, {"expand": ["tax_ids"]})).to_dict()
            except stripe.InvalidRequestError as error:
                if error.code != MISSING and "tax_ids" not in str(error):  # a deleted customer has none to expand
                    raise
                return None
        if found.get("deleted"):
            return None
        address = found.get("address") or {}
        tax_ids = (found.get("tax_ids") or {}).get("data") or []
        return BillingDetails(
            name=found.get("name") or "",
            **{part: address.get(part) or "" for part in ADDRESS},
            tax_ids=tuple(TaxId(each["type"], each["value"]) for each in tax_ids),
        )
