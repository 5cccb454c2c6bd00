"""Finds the owner of an object at Stripe when an event does not name it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import stripe

from domain.provider.hints import EventKind
from domain.provider.ports import Belonging
from gateways.stripe.errors import translated
from gateways.stripe.mapping import agreement_of_invoice, id_of
from gateways.stripe.reversals import StripeReversals


class StripeOwners(StripeReversals):
    """Customers and subscriptions by the object of an event."""

    async def belonging(self, news: EventKind, object_ref: str) -> Belonging:
        ask: Mapping[EventKind, Callable[[str], Awaitable[Belonging]]] = {
            EventKind.BILL_PAID: self._owner_of_invoice,
            EventKind.BILL_FAILED: self._owner_of_invoice,
            EventKind.BILL_CLOSED: self._owner_of_invoice,
            EventKind.AGREEMENT_ENDED: self._owner_of_agreement,
            EventKind.CARD_GIVEN: self._owner_of_checkout,
            EventKind.CARD_CHANGED: self._of_card,
            EventKind.CARD_CHOSEN: self._of_card,
            EventKind.CONTACT_CHANGED: self._owner_of_customer,
            EventKind.CARD_AND_CONTACT: self._of_card,
            EventKind.REFUNDED: self._of_charge,
            EventKind.DISPUTED: self._owner_of_dispute,
        }
        with translated():
            try:
                return await ask[news](object_ref)
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":
                    raise
                return Belonging()

    async def _owner_of_invoice(self, ref: str) -> Belonging:
        invoice = (await self._api.invoices.retrieve_async(ref)).to_dict()
        return Belonging(id_of(invoice.get("customer")), agreement_of_invoice(invoice))

    async def _owner_of_agreement(self, ref: str) -> Belonging:
        found = (await self._api.subscriptions.retrieve_async(ref)).to_dict()
        return Belonging(id_of(found.get("customer")), found["id"])

    async def _owner_of_checkout(self, ref: str) -> Belonging:
        return _of_customer((await self._api.checkout.sessions.retrieve_async(ref)).to_dict())

    async def _of_card(self, ref: str) -> Belonging:
        return _of_customer((await self._api.payment_methods.retrieve_async(ref)).to_dict())

    async def _owner_of_customer(self, ref: str) -> Belonging:
        return Belonging((await self._api.customers.retrieve_async(ref)).id)

    async def _of_charge(self, ref: str) -> Belonging:
        charge = (await self._api.charges.retrieve_async(ref)).to_dict()
        return await self._owner_of_payment(charge, charge.get("payment_intent"))

    async def _owner_of_dispute(self, ref: str) -> Belonging:
        dispute = (await self._api.disputes.retrieve_async(ref, {"expand": ["charge"]})).to_dict()
        charge = dispute["charge"]
        return await self._owner_of_payment(charge, dispute.get("payment_intent") or charge.get("payment_intent"))

    async def _owner_of_payment(self, charge: Mapping[str, Any], intent: Any) -> Belonging:
        _, agreement = await self._invoice_of_payment(id_of(intent))
        return Belonging(id_of(charge.get("customer")), agreement)


def _of_customer(found: Mapping[str, Any]) -> Belonging:
    return Belonging(id_of(found.get("customer")))
