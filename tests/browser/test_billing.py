"""The customer's own pages, as they see them: a link, what is so, and what they can do about it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.browser.conftest import Arrive
from tests.browser.visitor import Visitor
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]
VISA = "pm_card_visa"


@pytest.fixture
def customer(begin: Begin, language: str) -> Begin:
    """Sign up somebody who reads the story's language."""

    async def customer(**more: object) -> Life:
        return await begin(customer={"locale": language, "name": "Ada Lovelace"}, **more)

    return customer


async def enters(visitor: Visitor, life: Life, **more: str) -> None:
    """Come from the product, by a link of its own."""
    link = await life.product.post("/v1/billing-sessions", {"customer": life.external_id} | more)
    await visitor.opens(link["url"])
    await visitor.presses("Open your billing page")


async def test_a_link_opens_the_pages_once(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    link = (await life.product.post("/v1/billing-sessions", {"customer": life.external_id}))["url"]

    await visitor.opens(link)
    await visitor.sees("link", "This link opens your billing page, once.")
    await visitor.presses("Open your billing page")
    await visitor.sees("overview in a trial", "Your subscription", "Starter")

    another = await arrive()
    await another.opens(link)
    await another.sees("link that was used")


async def test_the_end_of_a_trial_becomes_more_pressing(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    for days, state in ((10, "trial ends soon"), (3, "trial ends in a moment")):
        await life.live(timedelta(days=days))
        await enters(visitor, life)
        await visitor.sees(state)
    await life.live(timedelta(days=3))
    await enters(visitor, life)
    await visitor.sees("trial has ended")


async def test_who_cancels_says_why_and_can_undo_it(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(payment_method=VISA)
    await life.live_until_converted()

    await enters(visitor, life, flow="cancel")
    await visitor.sees("cancel", "Why do you leave? You need not say.")
    await visitor.chooses("It is too expensive")
    await visitor.presses("Cancel your subscription")
    await visitor.sees("canceled at the end")
    assert (await life.stands())["cancel_at"] is not None

    await visitor.presses("Undo the cancellation", role="link")
    await visitor.sees("undo the cancellation")
    await visitor.presses("Keep your subscription")
    await visitor.sees("kept")
    assert (await life.stands())["cancel_at"] is None


async def test_who_pauses_can_resume(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(payment_method=VISA)
    await life.live_until_converted()

    await enters(visitor, life)
    await visitor.sees("overview of an active subscription", "Next bill")
    await visitor.presses("Pause", role="link")
    await visitor.sees("pause")
    await visitor.presses("Pause your subscription")
    await visitor.sees("paused")
    assert (await life.status())[0] == "paused"

    await visitor.presses("Resume your subscription", role="link")
    await visitor.sees("resume")
    await visitor.presses("Resume now")
    await visitor.sees("resumed")
    assert (await life.status())[0] == "active"


async def test_a_declined_renewal_is_paid_on_the_spot(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(payment_method=VISA)
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")

    await enters(visitor, life)
    await visitor.sees("overview with a failed payment", "Pay now")
    await visitor.presses("Pay now", role="link")
    await visitor.sees("pay")
    await visitor.presses("Continue to the payment page")
    await visitor.pays()
    await life.live(timedelta(seconds=1))
    await enters(visitor, life)
    await visitor.sees("paid after a failed payment")
    assert await life.status() == ("active", "full")
