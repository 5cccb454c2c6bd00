"""Pauses by customers themselves."""

from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin, enters


async def test_who_pauses_can_resume(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)

    await enters(visitor, life)
    await visitor.sees("overview of an active subscription", "Next bill")
    await visitor.presses("Pause", role="link")
    await visitor.sees("pause", "Until when?")
    await visitor.presses("Pause your subscription")
    await visitor.sees("paused", "Your subscription is paused")
    assert await life.status() == ("paused", "none")

    await visitor.presses("Resume your subscription", role="link")
    await visitor.sees("resume", "Resume your subscription")
    await visitor.presses("Resume now")
    await visitor.sees("resumed", "Your subscription goes on")
    assert await life.status() == ("active", "full")
