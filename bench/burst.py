"""Trials that all end at one moment, under Stripe's live limits, while a customer acts."""

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from gateways.stripe.rate_limits import LIVE_A_SECOND, ONE_ENDPOINT_A_SECOND, steps_a_second
from sandbox.burst import Crowd, gathered
from sandbox.options import Options
from sandbox.product import Product, RefusedError
from sandbox.secrets import Secrets
from sandbox.stack import Stack, running

CATALOGS = Path(__file__).parents[1] / "catalogs"
NUMBER = 1000
IDLE_ACTIONS = 12
FIRST = 40
"""This many sign up beforehand, to learn how long the others will take."""
SLOWER = 1.6
"""Than those the others may be, until the moment at which all trials end."""
A_LIVE_KEY = "sk_live_"
RATE = 3.0
"""Steps a second. Here one process and its servers do all the work on a few cores, so it is less than a live fleet's,
and what Stripe takes is less by as much: then the rate is what holds the burst back, as it is meant to."""
SCALE = RATE / steps_a_second(A_LIVE_KEY)
LIMITS = {"total": LIVE_A_SECOND * SCALE, "per_endpoint": ONE_ENDPOINT_A_SECOND * SCALE}
ACTS_EVERY = 2.0
"""Seconds."""
TOO_MANY, STILL_WORKING = 429, 503


@dataclass
class Person:
    """A paying customer who puts another card on file, again and again."""

    product: Product
    id: str
    took: list[float] = field(default_factory=list)

    async def act(self) -> None:
        began, key = time.monotonic(), str(uuid4())
        while not await self._is_done(key):  # noqa: ASYNC110 - only the API knows
            await asyncio.sleep(1)
        self.took.append(time.monotonic() - began)

    async def _is_done(self, key: str) -> bool:
        try:
            await self.product.command(self.id, "payment-method", key=key, payment_method="pm_card_mastercard")
        except RefusedError as refused:
            if refused.status != STILL_WORKING:
                raise
            return False
        return True

    async def act_again_and_again(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            await asyncio.gather(self.act(), asyncio.sleep(ACTS_EVERY))


@dataclass(frozen=True)
class Drained:
    """What came of the burst."""

    number: int
    seconds: float
    calls: Counter[int]
    """Requests to Stripe by the status of their answers."""
    paid: Counter[int]
    """How many subscriptions have paid this many bills."""


async def measure(number: int = NUMBER) -> str:
    """Let the trials end on the embedded stack and tell how it went."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            Path(folder),
            CATALOGS / "manufacturing.yaml",
            CATALOGS / "policy.yaml",
            durable=False,
            ui=False,
            payments_a_second=RATE,
        )
        async with running(options) as stack, Product(stack.addresses) as product:
            made = await product.sign_up("person", trial_days=0, payment_method="pm_card_visa")
            idle, busy = Person(product, made["id"]), Person(product, made["id"])
            for _ in range(IDLE_ACTIONS):
                await asyncio.gather(idle.act(), asyncio.sleep(0.3))
            crowd = await _crowd(stack, Path(folder), number)
            drained = await _drained(stack, crowd, busy)
    return _report(drained, idle.took, busy.took)


async def _crowd(stack: Stack, folder: Path, number: int) -> Crowd:
    async with connected(Secrets.of(folder).stripe_key, stack.simulator.base_url) as client:
        provider = stripe_provider(client)

        async def come(number: int, within: timedelta) -> Crowd:
            return await gathered(
                stack,
                lambda contact: provider.wallets.open_wallet(contact, "pm_card_visa", key=contact.customer),
                number,
                within=within,
            )

        began = time.monotonic()
        await come(FIRST, timedelta(days=1))
        one = (time.monotonic() - began) / FIRST
        crowd = await come(number, timedelta(seconds=5 + number * one * SLOWER))
    if datetime.now(UTC) >= crowd.ends_at:
        raise RuntimeError(f"{number} sign-ups took longer than the trial: the machine is too busy to measure on")
    return crowd


async def _drained(stack: Stack, crowd: Crowd, person: Person) -> Drained:
    before = len(stack.simulator.call_log())
    stack.simulator.set_faults(stripe={"rate_limit": LIMITS})
    await asyncio.sleep((crowd.ends_at - datetime.now(UTC)).total_seconds())
    began = time.monotonic()
    is_over = asyncio.Event()
    acting = asyncio.create_task(person.act_again_and_again(is_over))
    while (await crowd.statuses()).get("active") != len(crowd.ids):
        if acting.done():
            acting.result()
        await asyncio.sleep(0.25)
    seconds = time.monotonic() - began
    is_over.set()
    await acting
    calls = Counter(status for *_, status in stack.simulator.call_log()[before:])
    bills = await crowd.paid_bills()
    return Drained(len(crowd.ids), seconds, calls, Counter(bills.get(each, 0) for each in crowd.ids))


def _report(drained: Drained, idle: list[float], busy: list[float]) -> str:
    a_second = drained.number / drained.seconds
    lines = [
        f"{drained.number} trials with a card end at one moment",
        f"Stripe takes {LIMITS['total']:g} requests a second, {LIMITS['per_endpoint']:g} at one endpoint",
        f"drained in {drained.seconds:.0f} s: {a_second:.1f} a second, {a_second / RATE:.2f} of the rate of {RATE:g}",
        f"requests turned away (429): {drained.calls[TOO_MANY]} of {drained.calls.total()}",
        *(f"subscriptions with {bills} paid bill(s): {count}" for bills, count in sorted(drained.paid.items())),
        f"{len(idle)} actions of a customer's own, idle:   {_told(idle)}",
        f"{len(busy)} of the same during the burst:        {_told(busy)}",
        f"burst / idle: p50 {statistics.median(busy) / statistics.median(idle):.1f}, max {max(busy) / max(idle):.1f}",
    ]
    return "\n".join(lines)


def _told(took: list[float]) -> str:
    return f"p50 {statistics.median(took) * 1000:.0f} ms, max {max(took) * 1000:.0f} ms"
