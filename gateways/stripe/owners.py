"""Whose a thing at Stripe is: asked when a message does not tell."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import stripe

from domain.provider.hints import EventKind
from domain.provider.ports import Belonging
from gateways.stripe.errors import translated
from gateways.stripe.mapping import agreement_of_bill, id_of
from gateways.stripe.reversals import StripeReversals


class StripeBelongings(StripeReversals):
    """Customers and subscriptions by what a message is about."""

    async def belonging(self, news: EventKind, object_ref: str) -> Belonging:
        ask: Mapping[EventKind, Callable[[str], Awaitable[Belonging]]] = {
            EventKind.BILL_PAID: self._of_bill,
            EventKind.BILL_FAILED: self._of_bill,
            EventKind.BILL_CLOSED: self._of_bill,
            EventKind.AGREEMENT_ENDED: self._of_agreement,
            EventKind.CARD_GIVEN: self._of_checkout,
            EventKind.CARD_CHANGED: self._of_card,
            EventKind.CARD_CHOSEN: self._of_card,
            EventKind.CONTACT_CHANGED: self._of_person,
            EventKind.CARD_AND_CONTACT: self._of_card,
            EventKind.REFUNDED: self._of_charge,
            EventKind.DISPUTED: self._of_dispute,
        }
        with translated():
            try:
                return await ask[news](object_ref)
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":
                    raise
                return Belonging()

    async def _of_bill(self, ref: str) -> Belonging:
        bill = (await self._api.invoices.retrieve_async(ref)).to_dict()
        return Belonging(id_of(bill.get("customer")), agreement_of_bill(bill))

    async def _of_agreement(self, ref: str) -> Belonging:
        found = (await self._api.subscriptions.retrieve_async(ref)).to_dict()
        return Belonging(id_of(found.get("customer")), found["id"])

    async def _of_checkout(self, ref: str) -> Belonging:
        return _of_customer((await self._api.checkout.sessions.retrieve_async(ref)).to_dict())

    async def _of_card(self, ref: str) -> Belonging:
        return _of_customer((await self._api.payment_methods.retrieve_async(ref)).to_dict())

    async def _of_person(self, ref: str) -> Belonging:
        return Belonging((await self._api.customers.retrieve_async(ref)).id)

    async def _of_charge(self, ref: str) -> Belonging:
        charge = (await self._api.charges.retrieve_async(ref)).to_dict()
        return await self._of_payment(charge, charge.get("payment_intent"))

    async def _of_dispute(self, ref: str) -> Belonging:
        dispute = (await self._api.disputes.retrieve_async(ref, {"expand": ["charge"]})).to_dict()
        charge = dispute["charge"]
        return await self._of_payment(charge, dispute.get("payment_intent") or charge.get("payment_intent"))

    async def _of_payment(self, charge: Mapping[str, Any], intent: Any) -> Belonging:
        _, agreement = await self._bill_of(id_of(intent))
        return Belonging(id_of(charge.get("customer")), agreement)


def _of_customer(found: Mapping[str, Any]) -> Belonging:
    return Belonging(id_of(found.get("customer")))
