"""Lives in which Stripe carries out requests but its answers get lost; trials fall back to a free plan.

Their histories are kept like those of `lives.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from pathlib import Path

from domain.names import subscription_workflow_id
from sandbox.product import Product, RefusedError
from sandbox.stack import Stack
from tests.harness.free_plan import FALLS_TO_FREE, with_free_plan
from tests.harness.lives import A_MINUTE, Life
from tests.harness.lost_answers import ABOUT_SUBSCRIPTION, LONGER_THAN_IS_ASKED, SUBSCRIBE, unanswered, unheard
from tests.harness.patience import until
from tests.replay.plays import PAID_START, PlayUnder


def _with_free_plan(play: Callable[[Stack, Product], Awaitable[None]]) -> PlayUnder:
    @wraps(play)
    async def played(stack: Stack, folder: Path) -> None:
        async with stack.under(FALLS_TO_FREE, with_free_plan(folder)) as addresses, Product(addresses) as product:
            await play(stack, product)

    return played


@_with_free_plan
async def unheard_change(stack: Stack, product: Product) -> None:
    """An upgrade whose answer was lost, found by a sync; one that the bank declined without us knowing."""
    life = await Life.begun(product, "kept-unheard-change", **PAID_START)
    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, life.command("change-plan", plan="professional"))
    await product.card_answers(life.external_id, "insufficient_funds", "ok")
    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, life.command("change-plan", plan="enterprise"))


@_with_free_plan
async def unheard_period(stack: Stack, product: Product) -> None:
    """A period whose start got no answer, reported by a webhook; the next one still starts."""
    life = await Life.begun(product, "kept-unheard-period", **PAID_START)
    await life.live(timedelta(days=10))
    await life.command("pause")
    await life.live(timedelta(days=5))
    await life.command("resume")
    begins = life.live_until("begin_period")
    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, begins, is_told=True)
    await life.live(timedelta(days=32))


@_with_free_plan
async def unheard_first(stack: Stack, product: Product) -> None:
    """From a trial to the free plan, and from there to a paid one by a payment whose answer was lost."""
    life = await Life.begun(product, "kept-unheard-first")
    await life.live_until("expire_trial")
    await life.command("payment-method", payment_method="pm_card_visa")
    await unheard(stack.simulator, life, SUBSCRIBE, life.command("change-plan", plan="professional"))


@_with_free_plan
async def ended_unheard(stack: Stack, product: Product) -> None:
    """A planned change to the free plan; the answer to the agreement's end was lost."""
    life = await Life.begun(product, "kept-ended-unheard", plan="professional", **PAID_START)
    await life.command("change-plan", plan="free")
    await life.live(A_MINUTE)
    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, life.live_until("change_plan"))


@_with_free_plan
async def ended_at_once_unheard(stack: Stack, product: Product) -> None:
    """A change to the free plan at once; the answer to the agreement's end was lost."""
    life = await Life.begun(product, "kept-ended-at-once", plan="professional", **PAID_START)
    await unheard(stack.simulator, life, ABOUT_SUBSCRIPTION, life.command("change-plan", plan="free", when="now"))


@_with_free_plan
async def canceled_unheard(stack: Stack, product: Product) -> None:
    """First payments whose answer was lost: a cancellation finds one; another one comes while nothing is answered."""
    life = await Life.begun(product, "kept-canceled-unheard", payment_method="pm_card_visa")
    await unheard(stack.simulator, life, SUBSCRIBE, life.command("convert", when="now"))
    await life.command("cancel")
    assert await life.status() == ("active", "full")
    other = await Life.begun(product, "kept-canceled-unanswered", payment_method="pm_card_visa")
    async with unanswered(stack.simulator, product, SUBSCRIBE):
        converting = asyncio.ensure_future(other.command("convert", when="now"))
    await other.live(LONGER_THAN_IS_ASKED)
    with suppress(RefusedError):
        await converting
    canceling = asyncio.ensure_future(other.command("cancel"))
    await until(lambda: _asks(stack, other))
    await other.live(LONGER_THAN_IS_ASKED)
    with suppress(RefusedError):
        await canceling
    await product.faults()
    await other.live_until("cancel")
    assert await other.status() == ("active", "full")
    await other.live_until("cancel")


async def _asks(stack: Stack, life: Life) -> bool:
    """True while the subscription waits for an answer of the provider."""
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    return bool((await handle.describe()).raw_description.pending_activities)


UNHEARD: tuple[PlayUnder, ...] = (
    unheard_change,
    unheard_period,
    unheard_first,
    ended_unheard,
    ended_at_once_unheard,
    canceled_unheard,
)
