"""A shop that sells plans on the simulator, and an inbox for its webhooks."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe import StripeSimulator
from tests.harness.patience import PATIENT

API_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"
SETTLE_WITHIN = PATIENT


PLANS = {
    "starter": ("month", 4900),
    "pro": ("month", 19900),
    "seat": ("month", 500),
    "yearly": ("year", 49900),
}
"""Interval and amount of each plan."""


def plain(thing: Any) -> dict[str, Any]:
    """An SDK object as a dict."""
    answer: dict[str, Any] = thing.to_dict()
    return answer


def moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def period_of(subscription: dict[str, Any]) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


@dataclass
class Shop:
    """Plans, and customers by their external id."""

    simulator: StripeSimulator
    client: stripe.StripeClient
    prices: dict[str, str] = field(default_factory=dict)

    async def price(self, plan: str) -> str:
        """The price of *plan*, made when it is first asked for."""
        if plan not in self.prices:
            self.prices[plan] = await self._sell(plan, *PLANS[plan])
        return self.prices[plan]

    async def _sell(self, plan: str, interval: Any, amount: int) -> str:
        product = await self.client.v1.products.create_async({"id": f"tenure_{plan}", "name": plan.title()})
        price = await self.client.v1.prices.create_async(
            {
                "product": product.id,
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": interval},
                "lookup_key": f"{plan}_{interval}",
            }
        )
        return price.id

    async def customer(self, name: str = "ada", card: str | None = "pm_card_visa") -> str:
        """A customer whose external id is *name*, with *card* on file."""
        params: Any = {"email": f"{name}@example.com", "name": name.title(), "metadata": {"external_id": name}}
        if card:
            params |= {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
        return (await self.client.v1.customers.create_async(params)).id

    async def subscribe(self, customer: str, plan: str = "starter", **params: Any) -> dict[str, Any]:
        request: Any = {
            "customer": customer,
            "items": [{"price": await self.price(plan)}],
            "payment_behavior": "error_if_incomplete",
            "off_session": True,
            **params,
        }
        return plain(await self.client.v1.subscriptions.create_async(request))

    async def change(self, subscription: str, **params: Any) -> dict[str, Any]:
        request: Any = params
        return plain(await self.client.v1.subscriptions.update_async(subscription, request))

    async def subscription(self, reference: str) -> dict[str, Any]:
        return plain(await self.client.v1.subscriptions.retrieve_async(reference))

    async def invoices(self, customer: str) -> list[dict[str, Any]]:
        """All invoices of a customer, oldest first."""
        found = await self.client.v1.invoices.list_async({"customer": customer, "limit": 100})
        return [plain(each) for each in reversed(found.data)]

    async def new_card(self, customer: str, card: str = "pm_card_mastercard") -> str:
        """Attach a card and make it the one that is charged."""
        method = await self.client.v1.payment_methods.attach_async(card, {"customer": customer})
        await self.client.v1.customers.update_async(
            customer, {"invoice_settings": {"default_payment_method": method.id}}
        )
        return method.id

    async def renew(self, name: str = "ada") -> None:
        """Let time pass until the next renewal has been charged."""
        boundary = self.simulator.next_boundary(name)
        assert boundary is not None
        await self.simulator.advance(name, boundary + timedelta(hours=1))


class Inbox:
    """Receives webhooks, checks their signature, and refuses as many, or such kinds, as it is told to."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.signatures: list[str] = []
        self.refuses = 0
        self.unwelcome: set[str] = set()
        self._news = asyncio.Condition()
        self.app = Starlette(routes=[Route("/hooks", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        payload = await request.body()
        signature = request.headers["Stripe-Signature"]
        stripe.WebhookSignature.verify_header(payload.decode(), signature, WEBHOOK_SECRET, tolerance=300)
        event = json.loads(payload)
        if self.refuses or event["type"] in self.unwelcome:
            self.refuses = max(0, self.refuses - 1)
            return Response(status_code=503)
        async with self._news:
            self.events.append(event)
            self.signatures.append(signature)
            self._news.notify_all()
        return Response()

    async def has(self, kind: str) -> None:
        """Wait until an event of this kind has come."""
        async with asyncio.timeout(SETTLE_WITHIN), self._news:
            await self._news.wait_for(lambda: kind in self.kinds)

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]
