"""The real payments gateway, with Stripe's simulator behind it over HTTP and a wire that can lose answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import stripe
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.catalog.plans import AddOn, Catalog, Interval, Item, Plan
from domain.customers import Contact
from domain.money import Money
from domain.provider.agreements import NewAgreement
from domain.provider.payments import Charge, Wallet
from domain.provider.ports import Provider
from gateways.stripe.catalog_push import push
from gateways.stripe.charges import StripeCharges
from sandbox.own_account import open_portal
from sandbox.stripe import StripeSimulator

API_KEY = "sk_test_of_the_till"
WEBHOOK_SECRET = "whsec_of_the_till"
STRIPES_DEEPEST = 4
"""Levels of expansion that Stripe itself allows; a list's `data` is one."""

CATALOG = Catalog(
    "shop",
    1,
    "usd",
    {"starter": Plan("starter", "Starter", {Interval.MONTH: Money(4900, "usd")})},
    {"users": AddOn("users", "Additional user", {Interval.MONTH: Money(500, "usd")})},
)
STARTER = Item("shop_starter_month_v1", 1)
USERS = Item("shop_users_month_v1", 3)


class Wire(httpx.AsyncHTTPTransport):
    """Forwards requests, records them, and loses answers on request."""

    def __init__(self) -> None:
        super().__init__()
        self._lost: set[int] = set()
        self.calls: list[tuple[str, str, str | None]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        method, path = request.method, request.url.path
        self.calls.append((method, path, request.headers.get("Idempotency-Key")))
        if method != "GET":
            lost, self._lost = 1 in self._lost, {nth - 1 for nth in self._lost if nth > 1}
            if lost:
                await answer.aread()
                raise httpx.ReadTimeout("the answer got lost", request=request)
        return answer

    def lose(self, *nth: int) -> None:
        """Loses the answers to these of the next writing calls, counted from 1, and to no others."""
        self._lost = set(nth)


class Stage:
    """One server for all tests; each test puts its own application on it."""

    def __init__(self) -> None:
        self.url = ""
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "a request came between two tests"
        await self.app(scope, receive, send)


@asynccontextmanager
async def simulating(stage: Stage) -> AsyncIterator[StripeSimulator]:
    """A simulator of one's own, at work on the stage while the block runs."""
    simulator = StripeSimulator(None, api_key=API_KEY, webhook_secret=WEBHOOK_SECRET, deepest_expansion=STRIPES_DEEPEST)
    simulator.base_url, stage.app = stage.url, simulator.app
    await simulator.start()
    yield simulator
    await simulator.stop()
    simulator.close()


@asynccontextmanager
async def asking(simulator: StripeSimulator, wire: Wire) -> AsyncIterator[stripe.StripeClient]:
    """A client of the simulator's, by way of a wire; it asks once."""
    http = stripe.HTTPXClient()
    await http.close_async()  # type: ignore[no-untyped-call]
    http._client_async = httpx.AsyncClient(transport=wire)
    yield stripe.StripeClient(
        API_KEY, base_addresses={"api": simulator.base_url}, http_client=http, max_network_retries=0
    )
    await http.close_async()  # type: ignore[no-untyped-call]


async def stocked(stage: Stage, catalog: Catalog) -> bytes:
    """What a simulator remembers that a catalog was pushed to, and a portal opened at, through the real gateway."""
    before = stage.app
    async with simulating(stage) as simulator, asking(simulator, Wire()) as client:
        await push(client, catalog)
        await open_portal(client)
        stock = simulator._store._db.serialize()
    stage.app = before
    return stock


def a_contact(name: str = "ada", customer_ref: str = "") -> Contact:
    return Contact(f"c-{name}", name, f"{name}@example.com", name.title(), "UTC", "en", customer_ref)


@dataclass
class StripeRig:
    """The gateway, and access to what is behind it."""

    simulator: StripeSimulator
    client: stripe.StripeClient
    wire: Wire
    provider: Provider

    @property
    def known_prices(self) -> dict[str, str]:
        """The ids of Stripe's prices as the gateway remembers them, by lookup key."""
        charges = self.provider.charges
        assert isinstance(charges, StripeCharges)
        return charges._items._prices

    async def wallet(self, name: str = "ada", card: str | None = "pm_card_visa") -> Wallet:
        return await self.provider.wallets.open_wallet(a_contact(name), card, key=f"{name}/sign-up")

    async def begin(self, wallet: Wallet, key: str = "s/charge/1", items: tuple[Item, ...] = (STARTER,)) -> Charge:
        assert wallet.card is not None
        order = NewAgreement("s", wallet.customer_ref, wallet.card.ref, items)
        return await self.provider.charges.begin(order, key=key)

    async def sold(self, name: str = "ada") -> tuple[Wallet, Charge]:
        """A wallet with a Visa, and a paid Starter."""
        wallet = await self.wallet(name)
        return wallet, await self.begin(wallet, f"{name}/charge/1")

    async def owing(self, name: str = "ada", answer: str = "insufficient_funds") -> tuple[Wallet, str, str]:
        """Wallet, agreement and open invoice of a declined renewal; the card works again."""
        wallet, begun = await self.sold(name)
        self.simulator.set_card_answers(name, [answer, "ok"])
        await self.renew(name)
        open_bills = [bill["id"] for bill in await self.bills(wallet) if bill["status"] == "open"]
        assert len(open_bills) == 1
        return wallet, begun.agreement_ref, open_bills[0]

    async def renew(self, name: str = "ada") -> None:
        """Advances time until the next renewal has been attempted."""
        boundary = self.simulator.next_boundary(name)
        assert boundary is not None
        await self.simulator.advance(name, boundary + timedelta(hours=2))

    async def bills(self, wallet: Wallet) -> list[dict[str, Any]]:
        """Every invoice, oldest first."""
        found = await self.client.v1.invoices.list_async({"customer": wallet.customer_ref, "limit": 100})
        return [bill.to_dict() for bill in reversed(found.data)]

    async def statuses(self, wallet: Wallet) -> list[str]:
        return [bill["status"] for bill in await self.bills(wallet)]

    async def agreements(self, wallet: Wallet) -> list[dict[str, Any]]:
        found = await self.client.v1.subscriptions.list_async({"customer": wallet.customer_ref, "status": "all"})
        return [agreement.to_dict() for agreement in found.data]

    async def customers(self) -> int:
        return len((await self.client.v1.customers.list_async({"limit": 100})).data)

    async def default_card(self, wallet: Wallet) -> str:
        owner = (await self.client.v1.customers.retrieve_async(wallet.customer_ref)).to_dict()
        return str(owner["invoice_settings"]["default_payment_method"])
