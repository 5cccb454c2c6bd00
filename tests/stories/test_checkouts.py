"""Checkout pages, completed in every way in which people complete them."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from domain.names import subscription_workflow_id
from domain.provider.hints import EventHint, EventKind
from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, Life
from tests.harness.patience import PATIENT
from workflows.subscription.workflow import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENT, trust_env=False) as http:
        yield http


async def card_of(life: Life, stack: Stack) -> str:
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    card = (await handle.query(SubscriptionWorkflow.current)).card
    return card.brand if card else "none"


async def give(browser: httpx.AsyncClient, url: str, card: str) -> httpx.Response:
    return await browser.post(url, data={"payment_method": card})


async def test_a_checkout_completed_twice_puts_one_card_on_file_and_leads_back(
    begin: Begin, stack: Stack, browser: httpx.AsyncClient
) -> None:
    life = await begin()
    shop = "https://shop.example"
    urls = {"success_url": f"{shop}/done?session={{CHECKOUT_SESSION_ID}}", "cancel_url": f"{shop}/back"}
    url = await life.product.open_checkout(life.id, **urls)
    session = url.rpartition("/")[2]
    assert f'href="{shop}/back"' in (await browser.get(url)).text

    first = await give(browser, url, "pm_card_visa")
    again = await give(browser, url, "pm_card_mastercard")
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    await handle.signal(SubscriptionWorkflow.provider_event, EventHint("evt_told_again", EventKind.CARD_GIVEN, session))
    await life.live(A_MINUTE)

    assert first.status_code == again.status_code == 303
    assert first.headers["Location"] == f"{shop}/done?session={session}"
    assert await card_of(life, stack) == "visa"
    assert (await life.kinds())["card_replaced"] == 1


async def test_of_two_open_checkouts_the_card_given_later_counts_whichever_is_told_first(
    begin: Begin, stack: Stack, browser: httpx.AsyncClient
) -> None:
    life = await begin()
    earlier, later = [await life.product.open_checkout(life.id) for _ in range(2)]
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    sessions = {url: url.rpartition("/")[2] for url in (earlier, later)}
    stack.simulator.hold_webhooks(life.external_id)
    await give(browser, earlier, "pm_card_visa")
    await stack.simulator.advance(life.external_id, stack.simulator.now(life.external_id) + timedelta(seconds=5))
    await give(browser, later, "pm_card_mastercard")

    for number, url in enumerate((later, earlier)):
        await handle.signal(
            SubscriptionWorkflow.provider_event, EventHint(f"evt_{number}", EventKind.CARD_GIVEN, sessions[url])
        )
    await stack.simulator.release_webhooks(life.external_id)
    await life.live(A_MINUTE)

    assert await card_of(life, stack) == "mastercard"
    assert (await life.kinds())["card_replaced"] == 1


async def test_an_abandoned_or_expired_checkout_changes_nothing_and_another_one_works(
    begin: Begin, stack: Stack, browser: httpx.AsyncClient
) -> None:
    life = await begin()
    abandoned = await life.product.open_checkout(life.id)
    await life.live(timedelta(days=2))

    expired = await give(browser, abandoned, "pm_card_amex")
    assert (expired.status_code, "Link expired" in expired.text) == (410, True)
    assert await card_of(life, stack) == "none"

    refused = await give(browser, second := await life.product.open_checkout(life.id), "pm_card_chargeDeclined")
    assert refused.status_code == 402
    await give(browser, second, "pm_card_mastercard")
    await life.live(A_MINUTE)
    assert await card_of(life, stack) == "mastercard"
    assert await life.status() == ("trialing", "full")


async def test_a_checkout_completed_with_another_card_replaces_the_one_on_file(begin: Begin, stack: Stack) -> None:
    life = await begin(payment_method="pm_card_chargeCustomerFail")

    await life.product.checkout(life.id, "pm_card_mastercard")
    await life.live(A_MINUTE)
    await life.live_until_converted()

    assert await card_of(life, stack) == "mastercard"
    assert await life.bills() == Counter(paid=1)


async def test_a_checkout_completed_after_the_end_charges_nothing(
    begin: Begin, browser: httpx.AsyncClient, stack: Stack
) -> None:
    life = await begin()
    url = await life.product.open_checkout(life.id)
    await life.command("cancel", at="now")
    before = await life.past()

    assert (await give(browser, url, "pm_card_visa")).status_code == 303
    assert await stack.simulator.webhooks_settled(life.external_id, 10)

    assert await life.past() == before
    assert await life.bills() == Counter()
    again = await Life.begun(life.product, life.external_id, trial_days=0, payment_method="pm_card_mastercard")
    assert await again.status() == ("active", "full")
