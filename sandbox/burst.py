"""Many customers at once, in real time: with cards on file, and trials that end at one moment."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text

from domain.catalog.plans import Interval, Selection
from domain.customers import Contact
from domain.errors import GatewayUnavailable
from domain.names import DEFAULT_TENANT
from domain.provider.payments import Wallet
from domain.subscription.state import Subscription
from sandbox.stack import Stack
from services import subscription_client
from storage.subscriptions.customers import Customers
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


async def gathered(stack: Stack, open_wallet: OpenWallet, number: int, *, within: timedelta) -> Crowd:
    """Sign up *number* customers for trials that end *within* this time from now, with cards on file."""
    ends_at = datetime.now(UTC) + within
    turn, crowd = asyncio.Semaphore(AT_ONCE), uuid4().hex[:8]

    async def one(place: int) -> str:
        async with turn:
            return await _signed_up(stack, open_wallet, f"crowd-{crowd}-{place}", ends_at)

    ids = await asyncio.gather(*(one(place) for place in range(number)))
    return Crowd(stack, ids, ends_at)


async def _signed_up(stack: Stack, open_wallet: OpenWallet, name: str, ends_at: datetime) -> str:
    parts, subscription_id = stack.api_parts, str(uuid4())
    customer = await Customers(stack.engine).upsert(
        tenant=DEFAULT_TENANT,
        external_id=name,
        email=f"{name}@example.com",
        name=None,
        timezone="UTC",
        locale="en",
        metadata={},
        signing_up=subscription_id,
    )
    wallet = await open_wallet(Contact(customer, name, f"{name}@example.com", None, "UTC", "en", ""))
    await SubscriptionRecords(stack.engine, parts.trial_key).remember_wallet(customer, wallet.customer_ref)
    selection = parts.catalog.select("starter", Interval.MONTH, 1, {})
    subscription = _on_trial(subscription_id, customer, selection, wallet, ends_at)
    life = SubscriptionInput(subscription, parts.policy, None, "crowd", name)
    for _ in range(TRIES):
        try:
            await subscription_client.sign_up(stack.client, life)
        except GatewayUnavailable as error:
            # The machine is overloaded; a repeat finds the same sign-up.
            unanswered = error
            await asyncio.sleep(1)
        else:
            return subscription_id
    raise unanswered


def _on_trial(
    subscription_id: str, customer: str, selection: Selection, wallet: Wallet, ends_at: datetime
) -> Subscription:
    signed_up = Subscription.to(
        selection,
        subscription_id=subscription_id,
        tenant=DEFAULT_TENANT,
        customer=customer,
        created_at=datetime.now(UTC),
    )
    return replace(signed_up, trial_ends_at=ends_at, customer_ref=wallet.customer_ref, card=wallet.card)
