"""Stripe behind the payments port. Its own retries are off: Temporal retries, under the key of the business try."""

from datetime import datetime, timedelta
from typing import Any

import stripe

from domain.errors import GatewayRefused
from domain.payments import AgreementStatus, Card, Charge, ChargeOutcome, Decline, Standing, Wallet
from domain.plans import Item
from domain.ports import Contact, NewAgreement
from gateways import stripe_shapes as shapes
from gateways.stripe_errors import declined, translated

CLOCKS_DIFFER = timedelta(minutes=1)
INTENTS = "payments.data.payment.payment_intent"
"""Why a bill was not paid. As deep as Stripe expands, four levels, so of the bill itself only."""
LATEST = "latest_invoice"


class StripePayments:
    """The payments port on Stripe (docs/stripe.md tells how the account must be set up)."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1
        self._prices: dict[str, str] = {}

    # Cards

    async def open_wallet(self, contact: Contact, payment_method: str | None, *, key: str) -> Wallet:
        if contact.customer_ref:
            if payment_method is None:
                return Wallet(contact.customer_ref, await self._card_of(contact.customer_ref))
            return Wallet(contact.customer_ref, await self.put_card(contact.customer_ref, "", payment_method, key=key))
        params: dict[str, Any] = {
            "email": contact.email,
            "metadata": {"tenure_customer": contact.customer, "external_id": contact.external_id},
            "expand": ["invoice_settings.default_payment_method"],
        }
        if contact.name:
            params["name"] = contact.name
        if payment_method is not None:
            # In one call, so that a refused card leaves no customer behind.
            params["payment_method"] = payment_method
            params["invoice_settings"] = {"default_payment_method": payment_method}
        with translated():
            made = await self._api.customers.create_async(params, {"idempotency_key": key})  # type: ignore[arg-type]
        found = made.to_dict()
        return Wallet(found["id"], shapes.card(found["invoice_settings"].get("default_payment_method")))

    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        with translated():
            attached = await self._api.payment_methods.attach_async(
                payment_method, {"customer": customer_ref}, {"idempotency_key": f"{key}/attach"}
            )
            card = shapes.card(attached.to_dict())
            if card is None:
                raise GatewayRefused("Stripe kept no card", field="payment_method")
            await self._make_default(customer_ref, agreement_ref, card.ref, key)
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
            card = shapes.card(method)
            if found.get("status") != "complete" or card is None or _is_older(method, newer_than):
                return None
            await self._make_default(found["customer"], agreement_ref, card.ref, key)
        return Wallet(found["customer"], card)

    async def _card_of(self, customer_ref: str) -> Card | None:
        with translated():
            found = await self._api.customers.retrieve_async(
                customer_ref, {"expand": ["invoice_settings.default_payment_method"]}
            )
            if found.to_dict().get("deleted"):
                return None
            card = shapes.card((found.to_dict().get("invoice_settings") or {}).get("default_payment_method"))
            if card is not None:
                return card
            # Put on file by a checkout of which we were not told.
            newest = await self._api.customers.payment_methods.list_async(customer_ref, {"limit": 1})
            return next((shapes.card(method.to_dict()) for method in newest.data), None)

    # Money

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        items = [{"price": await self._price(item), "quantity": item.quantity} for item in order.items]
        params: dict[str, Any] = {
            "customer": order.customer_ref,
            "items": items,
            "default_payment_method": order.card_ref,
            "off_session": True,
            "payment_behavior": "error_if_incomplete",
            "metadata": {"tenure_subscription": order.subscription, "tenure_try": key},
            "expand": [LATEST],
        }
        with translated():
            try:
                made = await self._api.subscriptions.create_async(params, {"idempotency_key": key})  # type: ignore[arg-type]
            except stripe.CardError as error:
                return declined(error)
            return await self._charge_of_latest(made.to_dict())

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        with translated():
            listed = await self._api.subscriptions.list_async(
                {"customer": customer_ref, "status": "all", "limit": 100, "expand": [f"data.{LATEST}"]}
            )
            for subscription in listed.data:
                found = subscription.to_dict()
                if (found.get("metadata") or {}).get("tenure_try") == key:
                    return await self._charge_of_latest(found)
        return None

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        with translated():
            try:
                await self._api.invoices.pay_async(invoice_ref, {"off_session": True}, {"idempotency_key": key})
            except stripe.CardError as error:
                return await self._with_action_link(declined(error), invoice_ref)
            except stripe.InvalidRequestError:
                # Paid, voided or written off meanwhile: how the bill stands decides.
                charge = await self._charge_of_bill(invoice_ref)
                if charge.outcome not in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                    raise
                return charge
            return await self._charge_of_bill(invoice_ref)

    async def _with_action_link(self, charge: Charge, invoice_ref: str) -> Charge:
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED:
            return charge
        bill = shapes.invoice((await self._api.invoices.retrieve_async(invoice_ref)).to_dict())
        return Charge(charge.outcome, bill, Decline("authentication_required", action_url=bill.url))

    async def restart(self, agreement_ref: str, void_invoice: str, *, key: str) -> Charge:
        params: dict[str, Any] = {
            "pause_collection": "",
            "billing_cycle_anchor": "now",
            "proration_behavior": "none",
            "payment_behavior": "error_if_incomplete",
            "off_session": True,
            "metadata": {"tenure_restart": key},
            "expand": [LATEST],
        }
        with translated():
            if void_invoice and (owed := await self._charge_of_bill(void_invoice)).outcome is ChargeOutcome.PAID:
                return owed  # by the customer's own hand meanwhile
            agreement = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            # Stripe forgets keys after a day; the agreement itself remembers the try that was paid.
            if (agreement.to_dict().get("metadata") or {}).get("tenure_restart") != key:
                try:
                    agreement = await self._api.subscriptions.update_async(
                        agreement_ref,
                        params,  # type: ignore[arg-type]
                        {"idempotency_key": key},
                    )
                except stripe.CardError as error:
                    return declined(error)
            if void_invoice:
                await self._void(void_invoice, f"{key}/void")
            return await self._charge_of_latest(agreement.to_dict())

    async def standing(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> Standing:
        if not agreement_ref:
            return Standing(await self._card_of(customer_ref) if customer_ref else None, None)
        with translated():
            subscription = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
            bill_ref = invoice_ref or subscription.get(LATEST)
            bill = await self._bill(bill_ref) if bill_ref else None
        status, latest = shapes.agreement_status(subscription), shapes.charge_of(subscription, bill)
        # Of what has ended no card is asked for: its customer may be deleted.
        has_card = customer_ref and status is AgreementStatus.LIVE
        return Standing(await self._card_of(customer_ref) if has_card else None, status, latest)

    # Ends and holds

    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        with translated():
            if open_invoice:
                await self._void(open_invoice, f"{key}/void")
            try:
                await self._api.subscriptions.cancel_async(
                    agreement_ref, {"invoice_now": False, "prorate": False}, {"idempotency_key": key}
                )
            except stripe.InvalidRequestError:
                found = await self._api.subscriptions.retrieve_async(agreement_ref)
                if found.status not in shapes.ENDED:
                    raise

    async def _void(self, invoice_ref: str, key: str) -> None:
        try:
            await self._api.invoices.void_invoice_async(invoice_ref, {}, {"idempotency_key": key})
        except stripe.InvalidRequestError:
            bill = await self._api.invoices.retrieve_async(invoice_ref)
            if bill.status == "open":
                raise

    async def end_at_period_end(self, agreement_ref: str, ends: bool, *, key: str) -> None:
        with translated():
            await self._api.subscriptions.update_async(
                agreement_ref, {"cancel_at_period_end": ends}, {"idempotency_key": key}
            )

    async def hold(self, agreement_ref: str, held: bool, *, key: str) -> None:
        with translated():
            await self._api.subscriptions.update_async(
                agreement_ref,
                {"pause_collection": {"behavior": "void"} if held else ""},
                {"idempotency_key": key},
            )

    async def open_checkout(
        self, customer_ref: str, subscription: str, success_url: str, cancel_url: str, *, key: str
    ) -> str:
        params: dict[str, Any] = {
            "mode": "setup",
            "customer": customer_ref,
            "payment_method_types": ["card"],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "client_reference_id": subscription,
            "metadata": {"tenure_subscription": subscription},
        }
        with translated():
            session = await self._api.checkout.sessions.create_async(params, {"idempotency_key": key})  # type: ignore[arg-type]
        if not session.url:
            raise GatewayRefused("Stripe opened a checkout session without an address")
        return session.url

    # Details

    async def _price(self, item: Item) -> str:
        known = self._prices.get(item.lookup_key)
        if known is not None:
            return known
        with translated():
            found = await self._api.prices.list_async({"lookup_keys": [item.lookup_key], "active": True})
        if not found.data:
            raise GatewayRefused(
                f"Stripe has no active price {item.lookup_key!r}: run `tenure catalog push`", code="unknown_price"
            )
        price: str = found.data[0].id
        self._prices[item.lookup_key] = price
        return price

    async def _bill(self, invoice_ref: str) -> dict[str, Any]:
        """A bill with the reason why it was not paid."""
        return (await self._api.invoices.retrieve_async(invoice_ref, {"expand": [INTENTS]})).to_dict()

    async def _charge_of_bill(self, invoice_ref: str) -> Charge:
        bill = await self._bill(invoice_ref)
        details = (bill.get("parent") or {}).get("subscription_details") or {}
        agreement = await self._api.subscriptions.retrieve_async(str(details["subscription"]))
        charge = shapes.charge_of(agreement.to_dict(), bill)
        return charge or Charge(ChargeOutcome.PENDING)

    async def _charge_of_latest(self, subscription: dict[str, Any]) -> Charge:
        """What has come of the newest bill, which is expanded; only an unpaid one is looked at again."""
        bill = subscription.get(LATEST)
        if isinstance(bill, dict) and bill.get("status") == "open":
            bill = await self._bill(bill["id"])
        charge = shapes.charge_of(subscription, bill)
        return charge or Charge(ChargeOutcome.PENDING, agreement_ref=subscription["id"])


def _is_older(method: Any, than: datetime | None) -> bool:
    """Whether a payment method was made before a moment; clocks may differ by a little."""
    made = shapes.instant(method.get("created")) if isinstance(method, dict) else None
    return made is not None and than is not None and made < than - CLOCKS_DIFFER
