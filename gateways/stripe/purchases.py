"""Purchases on Stripe's own page: Checkout Sessions that create their customer when they are completed.

A trial's page stores a card (mode `setup`); any other one sells a Stripe subscription (mode `subscription`), which
carries the same metadata as one that `StripeCharges.begin` creates, so that the sign-up finds it begun.
"""

from datetime import datetime
from typing import Any

import stripe
from stripe.params import CustomerUpdateParams, SubscriptionCreateParamsItem
from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItem, SessionListParams

from domain.customers import Contact
from domain.errors import GatewayRefused
from domain.provider.payments import NO_SUCH_THING, Reversal, ReversalKind
from domain.provider.purchases import Purchase, PurchaseList, PurchaseOrder, PurchasePage, PurchaseStatus
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import StripeInvoices, cancel
from gateways.stripe.errors import MISSING, translated
from gateways.stripe.items import StripeItems
from gateways.stripe.reversals import StripeReversals

PAGE = 100
CARDS = ["setup_intent", "subscription"]
"""Expands what holds the card of a session."""
NOTHING_LEFT = frozenset({"charge_already_refunded", "charge_disputed"})
"""Stripe's codes for a charge that has been given back already, or that the bank has taken back."""
LOCALES = frozenset({
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr",
    "vi", "zh", "zh-HK", "zh-TW",
})  # fmt: skip
"""The languages of the page."""


class StripePurchases:
    """The port `Purchases`."""

    def __init__(
        self,
        client: stripe.StripeClient,
        items: StripeItems,
        invoices: StripeInvoices,
        reversals: StripeReversals,
    ) -> None:
        self._client = client
        self._api = client.v1
        self._items = items
        self._invoices = invoices
        self._reversals = reversals

    async def open_purchase(self, order: PurchaseOrder, *, key: str) -> PurchasePage:
        async def ask(under: str) -> stripe.checkout.Session:
            params = _page_of(order)
            if order.items:
                params["line_items"] = [_line(each) for each in await self._items.new(order.items)]
            return await self._api.checkout.sessions.create_async(params, {"idempotency_key": under})

        with translated():
            made = await self._items.at_current_prices(ask, key=key)
        if not made.url:
            raise GatewayRefused("Stripe opened a checkout session without a URL")
        return PurchasePage(made.id, made.url, mapping.moment(made.expires_at))

    async def purchase(self, page_ref: str) -> Purchase:
        return _purchase_of(await self._session(page_ref))

    async def _session(self, page_ref: str) -> dict[str, Any]:
        with translated():
            found = (await self._api.checkout.sessions.retrieve_async(page_ref, {"expand": CARDS})).to_dict()
        if not mapping.note(found, metadata.PURCHASE):
            raise GatewayRefused("this checkout session sells nothing", code=NO_SUCH_THING)
        return found

    async def claim_customer(self, customer_ref: str, contact: Contact, *, key: str) -> None:
        params: CustomerUpdateParams = {
            "email": contact.email,
            "preferred_locales": [contact.locale],
            "metadata": {metadata.CUSTOMER: contact.customer, "external_id": contact.external_id},
        }
        if contact.name:
            params["name"] = contact.name
        with translated():
            await self._api.customers.update_async(customer_ref, params, {"idempotency_key": key})

    async def completed_purchases(self, since: datetime, cursor: str | None) -> PurchaseList:
        params: SessionListParams = {
            "status": "complete",
            "created": {"gte": int(since.timestamp())},
            "limit": PAGE,
        }
        if cursor is not None:
            params["starting_after"] = cursor
        with translated():
            listed = await self._api.checkout.sessions.list_async(params)
        sessions = [each.to_dict() for each in listed.data]
        ours = tuple(_purchase_of(each) for each in sessions if mapping.note(each, metadata.PURCHASE))
        return PurchaseList(ours, sessions[-1]["id"] if listed.has_more and sessions else None)

    # What can no longer begin

    async def undo_purchase(self, page_ref: str, *, key: str) -> Reversal | None:
        session = await self._session(page_ref)
        bought = _purchase_of(session)
        with translated():
            given_back = None
            if bought.agreement_ref:
                await cancel(self._client, bought.agreement_ref, {"prorate": False}, key=f"{key}/end")
                given_back = await self._give_back(mapping.id_of(session.get("invoice")), bought, key)
            if bought.card_ref:
                await self._remove_card(bought, key)
        return given_back

    async def _give_back(self, invoice_ref: str, bought: Purchase, key: str) -> Reversal | None:
        invoice = await self._invoices.get(invoice_ref)
        await self._return_credit(invoice, bought.customer_ref, key)
        charge_ref = mapping.latest_charge(invoice)
        if not charge_ref:
            return None
        try:
            await self._api.refunds.create_async(
                {"charge": charge_ref, "metadata": {metadata.SUBSCRIPTION: bought.subscription}},
                {"idempotency_key": f"{key}/refund"},
            )
        except stripe.InvalidRequestError as error:
            if error.code not in NOTHING_LEFT:
                raise
        refund = await self._reversals.reversal(ReversalKind.REFUND, charge_ref)
        return refund if refund.amount else None

    async def _return_credit(self, invoice: dict[str, Any], customer_ref: str, key: str) -> None:
        """Puts back what the invoice took from the customer's balance, once."""
        used = mapping.invoice_of(invoice).credit_applied
        if not used:
            return
        listed = await self._api.customers.balance_transactions.list_async(customer_ref, {"limit": PAGE})
        if any(mapping.note(each.to_dict(), metadata.GIVEN_BACK) == invoice["id"] for each in listed.data):
            return
        await self._api.customers.balance_transactions.create_async(
            customer_ref,
            {"amount": -used, "currency": invoice["currency"], "metadata": {metadata.GIVEN_BACK: invoice["id"]}},
            {"idempotency_key": f"{key}/credit"},
        )

    async def _remove_card(self, bought: Purchase, key: str) -> None:
        customer = (await self._api.customers.retrieve_async(bought.customer_ref)).to_dict()
        default = mapping.id_of((customer.get("invoice_settings") or {}).get("default_payment_method"))
        if customer.get("deleted") or default == bought.card_ref:
            return
        try:
            await self._api.payment_methods.detach_async(bought.card_ref, {}, {"idempotency_key": f"{key}/card"})
        except stripe.InvalidRequestError as error:
            # Stripe has no code for one that is detached already.
            if error.code != MISSING and "not attached" not in str(error):
                raise


def _page_of(order: PurchaseOrder) -> SessionCreateParams:
    """The page without its prices: what all pages have, and what depends on whether the customer is known."""
    params: SessionCreateParams = {
        "mode": "subscription" if order.items else "setup",
        "allowed_payment_method_types": ["card"],
        "billing_address_collection": "required",
        "tax_id_collection": {"enabled": True},
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "client_reference_id": order.subscription,
        "metadata": {metadata.PURCHASE: order.subscription},
        "locale": _locale(order.locale),
    }
    if order.items:
        params["subscription_data"] = {
            "metadata": {metadata.SUBSCRIPTION: order.subscription, metadata.ATTEMPT: order.attempt_key}
        }
    if order.customer_ref:
        params["customer"] = order.customer_ref
        params["customer_update"] = {"name": "auto", "address": "auto"}
        return params
    params["customer_email"] = order.email
    if not order.items:
        params["customer_creation"] = "always"
    return params


def _line(item: SubscriptionCreateParamsItem) -> SessionCreateParamsLineItem:
    """Metered prices take no quantity."""
    line: SessionCreateParamsLineItem = {"price": item["price"]}
    if "quantity" in item:
        line["quantity"] = item["quantity"]
    return line


def _locale(locale: str) -> Any:
    """The page's language: the customer's own, or without its region; else as their browser asks."""
    named = locale.replace("_", "-")
    return next((each for each in (named, named.partition("-")[0]) if each in LOCALES), "auto")


def _purchase_of(session: dict[str, Any]) -> Purchase:
    intent, agreement = session.get("setup_intent"), session.get("subscription")
    card = (intent or {}).get("payment_method") if isinstance(intent, dict) else None
    if isinstance(agreement, dict):
        card = agreement.get("default_payment_method")
    return Purchase(
        session["id"],
        _status_of(session),
        mapping.note(session, metadata.PURCHASE),
        mapping.id_of(session.get("customer")),
        mapping.id_of(card),
        mapping.id_of(agreement),
        (session.get("customer_details") or {}).get("name") or "",
    )


def _status_of(session: dict[str, Any]) -> PurchaseStatus:
    match session.get("status"):
        case "complete":
            return PurchaseStatus.PENDING if session.get("payment_status") == "unpaid" else PurchaseStatus.COMPLETE
        case "expired":
            return PurchaseStatus.EXPIRED
    return PurchaseStatus.OPEN
