"""A product that is on Stripe already, by itself and without Tenure: customers, cards and subscriptions of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import stripe
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.imports.adoption import Owner, PriceMap, adoptable, adopted, check
from domain.names import DEFAULT_TENANT, sweep_schedule_id
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.state import Subscription
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Addresses
from services.subscription_client import sign_up
from storage.db.engine import create_engine_from_url
from storage.subscriptions.adoptions import Adoptions
from storage.subscriptions.customers import Customers
from storage.subscriptions.write_model import SubscriptionRecords
from tenure.cli.pacing import Pace
from tenure.cli.take_over import Offer, TakeOver, Verdict, subscription_id_of
from tests.harness.catalogs import shipped_catalog, shipped_policy
from tests.harness.lives import Life
from tests.harness.patience import PATIENT
from tests.harness.trial_key import TRIAL_KEY
from workflows.subscription.messages import SubscriptionInput as TakenOver

_WAITING = text("select count(*) from webhook_inbox where customer_ref = :customer and handled_at is null")


class Elsewhere:
    """What that product does at Stripe, and its move to Tenure."""

    def __init__(self, api: stripe.StripeClient, client: Client, engine: AsyncEngine, key: str) -> None:
        self.api, self.key = api, key
        self._client = client
        self._engine = engine

    @classmethod
    @asynccontextmanager
    async def at(cls, addresses: Addresses, folder: Path) -> AsyncIterator[Self]:
        """The product beside a stack that keeps its secrets in *folder*."""
        key = Secrets.of(folder).stripe_key
        engine = create_engine_from_url(addresses.database_url)
        client = await Client.connect(addresses.temporal_address)
        async with connected(key, addresses.stripe_url) as api:
            yield cls(api, client, engine, key)
        await engine.dispose()

    async def price(self, amount: int = 3900, interval: str = "month", **more: Any) -> str:
        """The id of a price of the product's own, without a lookup key."""
        made = await self.api.v1.products.create_async({"name": "The old plan"})
        params = {"currency": "usd", "unit_amount": amount, "product": made.id, "recurring": {"interval": interval}}
        return (await self.api.v1.prices.create_async(params | more)).id  # type: ignore[arg-type]

    async def price_of_ours(self, lookup_key: str) -> str:
        """The id of a price that a catalog was pushed with."""
        return (await self.api.v1.prices.list_async({"lookup_keys": [lookup_key]})).data[0].id

    async def customer(self, name: str, card: str | None = "pm_card_visa", **more: Any) -> str:
        """The Stripe id of a customer; their card is the subscription's own, as Stripe's checkout leaves it."""
        params = {"email": f"{name}@example.com", "metadata": {"external_id": name}} | more
        made = (await self.api.v1.customers.create_async(params)).id  # type: ignore[arg-type]
        if card is not None:
            await self.api.v1.payment_methods.attach_async(card, {"customer": made})
        return made

    async def subscribes(self, customer: str, *prices: str, quantity: int = 1, **more: Any) -> str:
        """The Stripe id of a subscription that the product makes."""
        items = [{"price": price, "quantity": quantity} for price in prices]
        cards = (await self.api.v1.customers.payment_methods.list_async(customer)).data
        params: dict[str, Any] = {"customer": customer, "items": items}
        if cards:
            params["default_payment_method"] = cards[0].id
        return (await self.api.v1.subscriptions.create_async(params | more)).id  # type: ignore[arg-type]

    async def subscriber(self, name: str, *prices: str, card: str | None = "pm_card_visa", **more: Any) -> str:
        return await self.subscribes(await self.customer(name, card), *prices, **more)

    async def found(self, agreement: str) -> dict[str, Any]:
        return (await self.api.v1.subscriptions.retrieve_async(agreement)).to_dict()

    async def default_card(self, customer: str) -> str | None:
        found = (await self.api.v1.customers.retrieve_async(customer)).to_dict()
        card: str | None = found["invoice_settings"]["default_payment_method"]
        return card

    async def bills(self, agreement: str) -> list[tuple[str, int]]:
        """Status and total of every bill, oldest first."""
        listed = await self.api.v1.invoices.list_async({"subscription": agreement, "limit": 100})
        return [(str(bill.status), bill.total) for bill in reversed(listed.data)]

    def take_over(self, plans: Mapping[str, str] | None = None, *, dry_run: bool = False) -> TakeOver:
        provider = stripe_provider(self.api)
        offer = Offer(shipped_catalog(), shipped_policy(), PriceMap(plans or {}))
        stores = Customers(self._engine), Adoptions(self._engine, DEFAULT_TENANT)
        return TakeOver(
            provider.agreements,
            provider.contacts,
            provider.handover,
            Pace(500),
            *stores,
            None if dry_run else self._client,
            offer,
        )

    async def verdicts(
        self, *agreements: str, plans: Mapping[str, str] | None = None, dry_run: bool = False, page: int = 100
    ) -> list[Verdict]:
        return [verdict async for verdict in self.take_over(plans, dry_run=dry_run).all(agreements, page=page)]

    async def adopted(
        self, product: Product, name: str, agreement: str, plans: Mapping[str, str] | None = None
    ) -> Life:
        """The life that an agreement of the customer of that name has here."""
        (verdict,) = await self.verdicts(agreement, plans=plans)
        assert verdict.result == "adopted", verdict
        await self._sweep(agreement)
        return Life(product, name, {"id": subscription_id_of(agreement)})

    async def life_of(self, agreement: str, plans: Mapping[str, str]) -> Subscription:
        """The subscription that an agreement would become; its customer is kept, its life is not begun."""
        provider, catalog = stripe_provider(self.api), shipped_catalog()
        found, card = await provider.agreements.find(agreement), await provider.handover.card_of_agreement(agreement)
        assert found is not None
        known = await provider.contacts.known_customer(found.customer_ref)
        assert known is not None
        id_, now = subscription_id_of(agreement), datetime.now(UTC)
        customer = await Adoptions(self._engine, DEFAULT_TENANT).keep_customer(
            external_id=known.metadata["external_id"],
            customer_ref=known.customer_ref,
            email=known.email,
            name=known.name,
            timezone=None,
            locale=None,
            signing_up=id_,
        )
        selection = check(found, catalog, PriceMap(plans), now)
        return adoptable(found, Owner(DEFAULT_TENANT, id_, customer), card, selection, catalog, now)

    async def begins(self, subscription: Subscription) -> None:
        await sign_up(self._client, TakenOver(subscription, shipped_policy(), adopted=True))

    async def lost(self, trial: Subscription) -> None:
        """The trial is written down as taken over, and that is the last that its workflow did."""
        cause = Cause(CauseKind.COMMAND, f"import/{trial.agreement_ref}")
        step = adopted(trial, trial.agreement_ref, datetime.now(UTC), cause)
        await SubscriptionRecords(self._engine, TRIAL_KEY).save(step)

    async def _sweep(self, agreement: str) -> None:
        """Have what Stripe told of the customer before be dealt with."""
        customer = (await self.found(agreement))["customer"]
        async with asyncio.timeout(PATIENT):
            while await self._waiting(customer):
                await self._client.get_schedule_handle(sweep_schedule_id()).trigger()
                await asyncio.sleep(0.1)

    async def _waiting(self, customer: str) -> int:
        async with self._engine.connect() as connection:
            return int((await connection.execute(_WAITING, {"customer": customer})).scalar_one())
