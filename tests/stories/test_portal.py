"""What customers do to their cards in the provider's portal reaches their subscription."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import stripe

from domain.names import subscription_workflow_id
from domain.provider.hints import EventHint, EventKind
from domain.subscription.state import Subscription
from gateways.stripe.http_client import connected
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, Life
from tests.harness.patience import PATIENT
from workflows.subscription.workflow import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]
pytestmark = pytest.mark.usefixtures("healed")


@pytest.fixture
async def account(stack: Stack, stack_folder: Path) -> AsyncIterator[stripe.StripeClient]:
    """The account at Stripe as an operator has it."""
    async with connected(Secrets.of(stack_folder).stripe_key, stack.addresses.stripe_url) as client:
        yield client


async def known(life: Life, stack: Stack) -> Subscription:
    """The subscription as its workflow has it."""
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    return await handle.query(SubscriptionWorkflow.current)


async def agreement_of(life: Life, stack: Stack, account: stripe.StripeClient) -> stripe.Subscription:
    return await account.v1.subscriptions.retrieve_async((await known(life, stack)).agreement_ref)


async def told_of(life: Life, stack: Stack) -> None:
    """The provider reports that the customer has another default card."""
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    await handle.signal(
        SubscriptionWorkflow.provider_event, EventHint(f"evt_{uuid4().hex}", EventKind.CARD_CHANGED, life.external_id)
    )
    await life.live(A_MINUTE)


async def paying(begin: Begin) -> Life:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live(A_MINUTE)
    return life


async def test_renewals_are_charged_to_the_card_chosen_in_the_portal(
    begin: Begin, stack: Stack, account: stripe.StripeClient
) -> None:
    life = await paying(begin)
    await life.product.card_answers(life.external_id, "lost_card")
    await life.product.in_portal(life.external_id, "pm_card_mastercard")
    await told_of(life, stack)

    card = (await known(life, stack)).card
    assert card is not None
    assert (await agreement_of(life, stack, account)).default_payment_method == card.ref

    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)


async def test_a_customer_may_go_back_and_forth_between_two_cards(
    begin: Begin, stack: Stack, account: stripe.StripeClient
) -> None:
    life = await paying(begin)
    customer = (await known(life, stack)).customer_ref
    cards = []
    for _ in range(3):
        card = (await known(life, stack)).card
        assert card is not None
        cards.append(card.ref)
        if len(cards) == 1:
            await life.product.in_portal(life.external_id, "pm_card_mastercard")
        else:
            chosen = {"invoice_settings": {"default_payment_method": cards[-2]}}
            await account.v1.customers.update_async(customer, chosen)  # type: ignore[arg-type]
        await told_of(life, stack)

    last = (await known(life, stack)).card
    assert last is not None
    assert last.ref == cards[1]
    assert cards[0] == cards[2]
    assert (await agreement_of(life, stack, account)).default_payment_method == last.ref
    assert (await life.kinds())["card_replaced"] == 3


async def take_card_away(life: Life, stack: Stack, account: stripe.StripeClient) -> None:
    customer = (await known(life, stack)).customer_ref
    for card in (await account.v1.customers.payment_methods.list_async(customer)).data:
        await account.v1.payment_methods.detach_async(card.id)


async def test_a_renewal_without_a_card_begins_a_recovery_that_asks_for_one(
    begin: Begin, stack: Stack, account: stripe.StripeClient
) -> None:
    life = await paying(begin)
    await take_card_away(life, stack, account)

    await life.live_until("renew")
    await life.live(timedelta(hours=4))
    assert (await life.status())[0] == "past_due"
    assert (await life.kinds())["card_removed"] == 1
    assert await life.refused("retry-payment") == (409, "payment_method_required")
    await life.live_until("recover")
    assert (await life.kinds())["retry_skipped"] == 1
    await life.live_until("recover")
    assert (await life.mails())["payment_failed"] == 2
    for mail in (await life.product.mails(life.external_id))[-2:]:
        assert mail["subject"] == "Your payment of $49.00 is due, and no card is on file"
        assert "Please add a card: we charge it at once and all is settled." in mail["text"]
        for untrue in ("tried", "try", "Visa", "declined"):
            assert untrue not in _without_links(mail["text"].partition("\n--\n")[0]), untrue

    await life.command("payment-method", payment_method="pm_card_mastercard")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)


async def test_a_subscription_canceled_in_the_portal_all_the_same_ends_with_its_period(
    begin: Begin, stack: Stack, account: stripe.StripeClient
) -> None:
    life = await paying(begin)
    agreement = await agreement_of(life, stack, account)
    await account.v1.subscriptions.update_async(agreement.id, {"cancel_at_period_end": True})

    await life.live_until("renew")
    await life.live(A_MINUTE)

    assert await life.status() == ("canceled", "none")
    assert (await life.stands())["status_reason"] == "ended_at_provider"
    assert await life.bills() == Counter(paid=1)
    assert "visa" in await page_of(life)


async def page_of(life: Life) -> str:
    async with httpx.AsyncClient(timeout=PATIENT) as browser:
        return (await browser.get(await life.product.open_portal(life.external_id))).text


def _without_links(text: str) -> str:
    """What is written, without addresses: any letters may be in a signature."""
    return re.sub(r"https?://\S+", "", text)
