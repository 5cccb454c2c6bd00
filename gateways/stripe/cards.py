"""Customers at Stripe, the cards they are charged on, and the pages where they enter a card."""

from datetime import datetime

import stripe
from stripe.params import CustomerCreateParams
from stripe.params.checkout import SessionCreateParams

from domain.customers import Contact
from domain.errors import GatewayRefused
from domain.provider.payments import Card, Wallet
from gateways.stripe import mapping, metadata
from gateways.stripe.errors import translated


class StripeCards:
    """The port `Wallets`."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1

    async def open_wallet(
        self, contact: Contact, payment_method: str | None, *, key: str, keeps_default: bool = False
    ) -> Wallet:
        if contact.customer_ref:
            if payment_method is None:
                return Wallet(contact.customer_ref, await self.card_of(contact.customer_ref))
            return await self._with_card(contact.customer_ref, payment_method, key, keeps_default=keeps_default)
        params: CustomerCreateParams = {
            "email": contact.email,
            "metadata": {metadata.CUSTOMER: contact.customer, "external_id": contact.external_id},
            "expand": ["invoice_settings.default_payment_method"],
        }
        if contact.name:
            params["name"] = contact.name
        if payment_method is not None:
            # In one call, so that a refused card leaves no customer behind.
            params["payment_method"] = payment_method
            params["invoice_settings"] = {"default_payment_method": payment_method}
        before = await self._existing_wallet(contact)
        if before is not None:
            if payment_method is None or (before.card is not None and before.card.ref == payment_method):
                return before
            return await self._with_card(before.customer_ref, payment_method, key, keeps_default=keeps_default)
        with translated():
            made = await self._api.customers.create_async(params, {"idempotency_key": key})
        found = made.to_dict()
        return Wallet(found["id"], mapping.card(found["invoice_settings"].get("default_payment_method")))

    async def _existing_wallet(self, contact: Contact) -> Wallet | None:
        """A wallet from an earlier call whose answer we never got. A second customer could not have the same card."""
        with translated():
            listed = await self._api.customers.list_async(
                {
                    "email": contact.email,
                    "limit": 100,
                    "expand": ["data.invoice_settings.default_payment_method"],
                }
            )
        for each in listed.data:
            found = each.to_dict()
            if mapping.note(found, metadata.CUSTOMER) == contact.customer:
                return Wallet(found["id"], mapping.card(found["invoice_settings"].get("default_payment_method")))
        return None

    async def _with_card(self, customer_ref: str, payment_method: str, key: str, *, keeps_default: bool) -> Wallet:
        if not keeps_default:
            return Wallet(customer_ref, await self.put_card(customer_ref, "", payment_method, key=key))
        with translated():
            return Wallet(customer_ref, await self._attach(customer_ref, payment_method, key), is_default=False)

    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        with translated():
            card = await self._attach(customer_ref, payment_method, key)
            await self._make_default(customer_ref, agreement_ref, card.ref, key)
        return card

    async def _attach(self, customer_ref: str, payment_method: str, key: str) -> Card:
        attached = await self._api.payment_methods.attach_async(
            payment_method, {"customer": customer_ref}, {"idempotency_key": f"{key}/attach"}
        )
        card = mapping.card(attached.to_dict())
        if card is None:
            raise GatewayRefused("Stripe stored no card", field="payment_method")
        return card

    async def _make_default(self, customer_ref: str, agreement_ref: str, card_ref: str, key: str) -> None:
        await self._api.customers.update_async(
            customer_ref,
            {"invoice_settings": {"default_payment_method": card_ref}},
            {"idempotency_key": f"{key}/default"},
        )
        if agreement_ref:
            await self._api.subscriptions.update_async(
                agreement_ref, {"default_payment_method": card_ref}, {"idempotency_key": f"{key}/agreement"}
            )

    async def adopt_checkout(
        self, session_ref: str, agreement_ref: str, newer_than: datetime | None, *, key: str
    ) -> Wallet | None:
        with translated():
            session = await self._api.checkout.sessions.retrieve_async(
                session_ref, {"expand": ["setup_intent.payment_method"]}
            )
            found = session.to_dict()
            intent = found.get("setup_intent")
            method = intent.get("payment_method") if isinstance(intent, dict) else None
            card = mapping.card(method)
            given_at = mapping.instant(method.get("created")) if isinstance(method, dict) else None
            is_ours = bool(mapping.note(found, metadata.SUBSCRIPTION))
            is_older = given_at is not None and newer_than is not None and given_at < newer_than
            if not is_ours or found.get("status") != "complete" or card is None or is_older:
                return None
            await self._make_default(found["customer"], agreement_ref, card.ref, key)
        return Wallet(found["customer"], card, given_at)

    async def is_deleted(self, customer_ref: str) -> bool:
        with translated():
            return bool((await self._api.customers.retrieve_async(customer_ref)).to_dict().get("deleted"))

    async def card_of(self, customer_ref: str) -> Card | None:
        """The card on file."""
        return (await self.card_and_deleted(customer_ref))[0]

    async def card_and_deleted(self, customer_ref: str) -> tuple[Card | None, bool]:
        """The card on file, and whether the customer is deleted."""
        with translated():
            try:
                found = await self._api.customers.retrieve_async(
                    customer_ref, {"expand": ["invoice_settings.default_payment_method"]}
                )
            except stripe.InvalidRequestError:
                # A deleted customer has nothing left to expand.
                if (await self._api.customers.retrieve_async(customer_ref)).to_dict().get("deleted"):
                    return None, True
                raise
            if found.to_dict().get("deleted"):
                return None, True
            card = mapping.card((found.to_dict().get("invoice_settings") or {}).get("default_payment_method"))
            if card is not None:
                return card, False
            # Put on file by a checkout that was never reported to us.
            newest = await self._api.customers.payment_methods.list_async(customer_ref, {"limit": 1})
            return next((mapping.card(method.to_dict()) for method in newest.data), None), False

    async def open_checkout(
        self, customer_ref: str, subscription: str, success_url: str, cancel_url: str, *, key: str
    ) -> str:
        params: SessionCreateParams = {
            "mode": "setup",
            "customer": customer_ref,
            "allowed_payment_method_types": ["card"],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "client_reference_id": subscription,
            "metadata": {metadata.SUBSCRIPTION: subscription},
        }
        with translated():
            session = await self._api.checkout.sessions.create_async(params, {"idempotency_key": key})
        if not session.url:
            raise GatewayRefused("Stripe opened a checkout session without a URL")
        return session.url

    async def open_portal(self, customer_ref: str, return_url: str, *, key: str) -> str:
        with translated():
            session = await self._api.billing_portal.sessions.create_async(
                {"customer": customer_ref, "return_url": return_url}, {"idempotency_key": key}
            )
        return session.url
