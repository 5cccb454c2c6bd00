"""Many customers at once, in real time: with cards on file, and trials that end at one moment."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.catalog.plans import Catalog, Interval
from domain.customers import Contact
from domain.errors import GatewayUnavailable
from domain.names import DEFAULT_TENANT
from domain.provider.payments import Wallet
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription
from sandbox.stack import Stack
from services import subscription_client
from storage.subscriptions.customers import Customers
from storage.subscriptions.trials import TrialKey
from storage.subscriptions.write_model import SubscriptionRecords
from workflows.subscription.messages import SubscriptionInput

AT_ONCE = 20
TRIES = 5

OpenWallet = Callable[[Contact], Awaitable[Wallet]]


@dataclass(frozen=True)
class Crowd:
    """Subscriptions whose trials end at the same moment."""

    stack: Stack
    ids: list[str]
    ends_at: datetime

    async def statuses(self) -> dict[str, int]:
        """Number of subscriptions by status, from the database."""
        query = text("SELECT status, count(*) FROM subscriptions WHERE id = ANY(:ids) GROUP BY status")
        async with self.stack.engine.connect() as connection:
            rows = (await connection.execute(query, {"ids": self.ids})).all()
        return {str(status): int(count) for status, count in rows}

    async def paid_bills(self) -> dict[str, int]:
        """Number of paid invoices by subscription; those without any are missing."""
        query = text(
            "SELECT subscription, count(*) FROM invoices WHERE subscription = ANY(:ids) AND status = 'paid' GROUP BY 1"
        )
        async with self.stack.engine.connect() as connection:
            rows = (await connection.execute(query, {"ids": self.ids})).all()
        return {str(subscription): int(count) for subscription, count in rows}


@dataclass(frozen=True)
class SignUps:
    """Signs customers up past the API, for trials that end whenever one likes."""

    client: Client
    engine: AsyncEngine
    trial_key: TrialKey
    catalog: Catalog
    policy: Policy
    timezone: str = "UTC"

    @classmethod
    def at(cls, stack: Stack) -> "SignUps":
        parts = stack.api_parts
        return cls(stack.client, stack.engine, parts.trial_key, parts.catalog, parts.policy)

    async def sign_up(
        self, name: str, ends_at: datetime, open_wallet: OpenWallet | None, *, is_canceled: bool = False
    ) -> str:
        """Start a trial and return the subscription's id; without *open_wallet* there is no card.

        *is_canceled*: the customer has already canceled for the end of the trial.
        """
        subscription_id, email = str(uuid4()), f"{name}@example.com"
        customer = await Customers(self.engine).upsert(
            tenant=DEFAULT_TENANT,
            external_id=name,
            email=email,
            name=None,
            timezone=self.timezone,
            locale="en",
            metadata={},
            signing_up=subscription_id,
        )
        selection = self.catalog.select("starter", Interval.MONTH, 1, {})
        subscription = Subscription.to(
            selection,
            subscription_id=subscription_id,
            tenant=DEFAULT_TENANT,
            customer=customer,
            created_at=datetime.now(UTC),
        )
        subscription = replace(subscription, trial_ends_at=ends_at, cancel_at=ends_at if is_canceled else None)
        if open_wallet is not None:
            wallet = await open_wallet(Contact(customer, name, email, None, self.timezone, "en", ""))
            await SubscriptionRecords(self.engine, self.trial_key).remember_wallet(customer, wallet.customer_ref)
            subscription = replace(subscription, customer_ref=wallet.customer_ref, card=wallet.card)
        await self._start(SubscriptionInput(subscription, self.policy, None, "crowd", name))
        return subscription_id

    async def _start(self, life: SubscriptionInput) -> None:
        for _ in range(TRIES):
            try:
                await subscription_client.sign_up(self.client, life)
            except GatewayUnavailable as error:
                # The machine is overloaded; a repeat finds the same sign-up.
                unanswered = error
                await asyncio.sleep(1)
            else:
                return
        raise unanswered


async def gathered(stack: Stack, open_wallet: OpenWallet, number: int, *, within: timedelta) -> Crowd:
    """Sign up *number* customers for trials that end *within* this time from now, with cards on file."""
    ends_at = datetime.now(UTC) + within
    sign_ups, turn, crowd = SignUps.at(stack), asyncio.Semaphore(AT_ONCE), uuid4().hex[:8]

    async def one(place: int) -> str:
        async with turn:
            return await sign_ups.sign_up(f"crowd-{crowd}-{place}", ends_at, open_wallet)

    ids = await asyncio.gather(*(one(place) for place in range(number)))
    return Crowd(stack, ids, ends_at)
