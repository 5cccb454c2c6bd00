"""A storm: webhooks doubled, dropped, shuffled and late, calls to the provider failing before and after commit.

In the end reconciliation runs once, and every subscription is looked at in all the places where it is kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from sandbox.product import Product, RefusedError
from tenure.cli.reconcile import run_now
from tests.chaos.invariants import Accounts, Inspector, Servers
from tests.harness.lives import A_MINUTE, Life
from tests.harness.names import a_name
from workflows.reconciliation_run import Reconciled

AT_ONCE = 24
TRIES = 12
"""Of a request that is answered with 503, under the same key."""
NOT_SETTLED = 504
FAULTS: Final[dict[str, Any]] = {
    "webhooks": {"drop": 0.3, "duplicate": 1.0, "reorder": 1.0, "delay_s": 0.2},
    "stripe": {"error_rate": 0.05, "status": 500, "lost_answer_rate": 0.05},
}
TRIAL, A_MONTH = timedelta(days=15), timedelta(days=32)
JUST_CHARGED = timedelta(minutes=70)
"""After a period's end: the bill is paid, and the workflow would ask for it by itself two hours later."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")


@dataclass
class Storm:
    """What is known of all lives when the storm is over."""

    lives: list[Life] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Lives that could not be lived to their end, with the reason."""


@dataclass(frozen=True)
class Seen:
    """What was found when the storm was over, before reconciliation and after it."""

    storm: Storm
    before: dict[str, list[str]]
    after: dict[str, list[str]]
    reconciled: Reconciled
    accounts: list[Accounts]
    seconds: float
    """That the storm itself took."""


async def weathered(servers: Servers, product: Product, inspector: Inspector, number: int) -> Seen:
    """Live so many lives through the storm, reconcile once, and tell what is wrong before that and after it."""
    began = time.monotonic()
    await product.faults(**FAULTS)
    storm = await _live(servers, product, number)
    await product.faults()
    took = time.monotonic() - began
    before = await _wrong(inspector, storm.lives)
    reconciled = await run_now(servers.client, fix=True)
    after = await _wrong(inspector, storm.lives)
    accounts = [await inspector.accounts(life) for life in storm.lives]
    return Seen(storm, before, after, reconciled, accounts, took)


async def _live(servers: Servers, product: Product, number: int) -> Storm:
    storm, turns = Storm(), asyncio.Semaphore(AT_ONCE)

    async def live(nth: int) -> None:
        async with turns:
            try:
                storm.lives.append(await _one(servers, product, nth))
            except Exception as error:  # noqa: BLE001 - told in the table
                storm.broken.append(f"storm-{nth}: {type(error).__name__}: {error}")

    await asyncio.gather(*(live(each) for each in range(number)))
    return storm


async def _one(servers: Servers, product: Product, nth: int) -> Life:
    """A trial, its conversion, a month with something special, and a renewal of which nobody was told in time."""
    external_id = a_name(f"storm-{nth}")
    signing_up: dict[str, Any] = {
        "customer": {"timezone": ZONES[nth % len(ZONES)]},
        "payment_method": "pm_card_visa",
    }
    made = await _again(lambda key: product.sign_up(external_id, key=key, **signing_up))
    life = Life(product, external_id, made)
    await _live_on(life, TRIAL)
    await SPECIALS[nth % len(SPECIALS)](life)
    await _live_on(life, A_MONTH)
    boundary = servers.simulator.next_boundary(external_id)
    if boundary is not None:
        await _live_on(life, boundary - life.now + JUST_CHARGED)
    return life


async def _live_on(life: Life, time: timedelta) -> None:
    """Let time go by; where the storm is so thick that a life does not come to rest in time, wait until it does."""
    try:
        await life.live(time)
    except RefusedError as error:
        if error.status != NOT_SETTLED:
            raise
        for _ in range(TRIES):
            try:
                await life.live(A_MINUTE)
            except RefusedError:
                continue
            return
        raise


async def _again(ask: Callable[[str], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Ask under one key until there is an answer, as a careful product does."""
    key = uuid4().hex
    for _ in range(TRIES):
        try:
            return await ask(key)
        except RefusedError as error:
            if error.status != 503:
                raise
            await asyncio.sleep(1)
    raise RuntimeError("no answer came")


async def _command(life: Life, name: str, **body: Any) -> None:
    await _again(lambda key: life.product.command(life.id, name, key=key, **body))


async def _nothing(_life: Life) -> None:
    """A month like any other."""


async def _declined(life: Life) -> None:
    """The next renewal is declined once, and goes through when the ladder tries again."""
    await life.product.card_answers(life.external_id, "insufficient_funds", "ok")


async def _upgraded(life: Life) -> None:
    await _command(life, "change-plan", plan="professional")


async def _downgraded(life: Life) -> None:
    await _command(life, "change-plan", plan="professional")
    await _command(life, "change-plan", plan="starter", when="period_end")


async def _undecided(life: Life) -> None:
    await _command(life, "cancel", at="period_end")
    await _command(life, "uncancel")


async def _new_card(life: Life) -> None:
    await _command(life, "payment-method", payment_method="pm_card_mastercard")


SPECIALS = (_nothing, _declined, _upgraded, _downgraded, _undecided, _new_card, _nothing)


async def _wrong(inspector: Inspector, lives: list[Life]) -> dict[str, list[str]]:
    """What is wrong with each life of which something is."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(life: Life) -> tuple[str, list[str]]:
        async with turns:
            return life.external_id, await inspector.faults(life)

    return {who: wrong for who, wrong in await asyncio.gather(*(look(life) for life in lives)) if wrong}
