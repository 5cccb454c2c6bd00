"""Finds the owner of an object at Stripe when an event does not name it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import stripe

from domain.provider.events import ObjectOwner
from domain.provider.hints import EventKind
from gateways.stripe.billing import StripeInvoices
from gateways.stripe.errors import MISSING, translated
from gateways.stripe.mapping import agreement_of_invoice, id_of


class StripeOwners:
    """The port `Owners`."""

    def __init__(self, client: stripe.StripeClient, invoices: StripeInvoices) -> None:
        self._api = client.v1
        self._invoices = invoices

    async def owner_of(self, news: EventKind, object_ref: str) -> ObjectOwner:
        ask: Mapping[EventKind, Callable[[str], Awaitable[ObjectOwner]]] = {
            EventKind.INVOICE_PAID: self._owner_of_invoice,
            EventKind.INVOICE_FAILED: self._owner_of_invoice,
            EventKind.INVOICE_CLOSED: self._owner_of_invoice,
            EventKind.AGREEMENT_ENDED: self._owner_of_agreement,
            EventKind.CARD_GIVEN: self._owner_of_checkout,
            EventKind.CARD_CHANGED: self._owner_of_card,
            EventKind.CARD_CHOSEN: self._owner_of_card,
            EventKind.CONTACT_CHANGED: self._owner_of_customer,
            EventKind.CARD_AND_CONTACT: self._owner_of_card,
            EventKind.REFUNDED: self._owner_of_charge,
            EventKind.DISPUTED: self._owner_of_dispute,
        }
        with translated():
            try:
                return await ask[news](object_ref)
            except stripe.InvalidRequestError as error:
                if error.code != MISSING:
                    raise
                return ObjectOwner()

    async def _owner_of_invoice(self, ref: str) -> ObjectOwner:
        invoice = (await self._api.invoices.retrieve_async(ref)).to_dict()
        return ObjectOwner(id_of(invoice.get("customer")), agreement_of_invoice(invoice))

    async def _owner_of_agreement(self, ref: str) -> ObjectOwner:
        found = (await self._api.subscriptions.retrieve_async(ref)).to_dict()
        return ObjectOwner(id_of(found.get("customer")), found["id"])

    async def _owner_of_checkout(self, ref: str) -> ObjectOwner:
        return _customer_of((await self._api.checkout.sessions.retrieve_async(ref)).to_dict())

    async def _owner_of_card(self, ref: str) -> ObjectOwner:
        return _customer_of((await self._api.payment_methods.retrieve_async(ref)).to_dict())

    async def _owner_of_customer(self, ref: str) -> ObjectOwner:
        return ObjectOwner((await self._api.customers.retrieve_async(ref)).id)

    async def _owner_of_charge(self, ref: str) -> ObjectOwner:
        charge = (await self._api.charges.retrieve_async(ref)).to_dict()
        return await self._owner_of_payment(charge, charge.get("payment_intent"))

    async def _owner_of_dispute(self, ref: str) -> ObjectOwner:
        dispute = (await self._api.disputes.retrieve_async(ref, {"expand": ["charge"]})).to_dict()
        charge = dispute["charge"]
        return await self._owner_of_payment(charge, dispute.get("payment_intent") or charge.get("payment_intent"))

    async def _owner_of_payment(self, charge: Mapping[str, Any], intent: Any) -> ObjectOwner:
        invoice = await self._invoices.of_payment(id_of(intent))
        return ObjectOwner(id_of(charge.get("customer")), agreement_of_invoice(invoice))


def _customer_of(found: Mapping[str, Any]) -> ObjectOwner:
    return ObjectOwner(id_of(found.get("customer")))
