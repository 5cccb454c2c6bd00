"""Calls to Stripe that are carried out and never answered, and an outage of an hour after them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from sandbox.product import Product, RefusedError
from sandbox.stripe import StripeSimulator
from tests.harness.lives import Life

SUBSCRIBE, ABOUT_SUBSCRIPTION = "/v1/subscriptions", r"/v1/subscriptions/[^/]+"
LONGER_THAN_IS_ASKED = timedelta(minutes=70)
SOON = timedelta(minutes=15)
"""After an outage everything has been asked again."""


@asynccontextmanager
async def unanswered(
    simulator: StripeSimulator, product: Product, path: str, *, is_told: bool = False
) -> AsyncIterator[None]:
    """Have a changing call to *path* be done, and neither it nor any after it answered; *is_told* by webhooks."""
    webhooks = {} if is_told else {"drop": 1}
    await product.faults(webhooks=webhooks)
    with simulator.gates.one(path, is_done=True) as gate:
        yield
        await gate.reached()
        await product.faults(stripe={"error_rate": 1, "status": 500, "lost_answer_rate": 1}, webhooks=webhooks)


async def unheard(
    simulator: StripeSimulator, life: Life, path: str, doing: Awaitable[Any], *, is_told: bool = False
) -> None:
    """Do something by which *path* is called, unanswered for longer than an hour; who waited for it is told so."""
    async with unanswered(simulator, life.product, path, is_told=is_told):
        done = asyncio.ensure_future(doing)
    await life.live(LONGER_THAN_IS_ASKED)
    with suppress(RefusedError):
        await done
    await life.product.faults()
    await life.live(SOON)
