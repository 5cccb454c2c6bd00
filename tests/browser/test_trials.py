"""Trials: their end comes nearer, passes, and a card ends the waiting."""

from datetime import timedelta

from sandbox.stack import Stack
from tests.browser.conftest import Arrive
from tests.browser.customers import Begin, enters
from tests.harness.calendar_days import noon_zone
from tests.harness.lives import A_MOMENT


async def test_the_end_of_a_trial_becomes_more_pressing(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(timezone=noon_zone())
    await enters(visitor, life)
    await visitor.sees("overview in a trial", "Information", "Add a card")
    await visitor.reads("14 days left in your Starter trial")

    await life.live(timedelta(days=11))
    await visitor.opens("/billing")
    await visitor.sees("trial ends soon", "Important")
    await visitor.reads("3 days left in your Starter trial")

    await life.live(timedelta(days=2))
    await visitor.opens("/billing")
    await visitor.sees("trial ends in a moment", "Urgent")
    await visitor.reads("Less than a day left in your Starter trial")


async def test_who_has_a_card_on_file_is_told_calmly_what_it_is_charged(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(payment_method="pm_card_visa")
    await life.live(timedelta(days=12))
    await enters(visitor, life)
    await visitor.sees("trial with a card", "Information")
    await visitor.reads("Then we will charge $49.00 to your card ending in 4242.")


async def test_who_gives_a_card_after_the_trial_goes_on_where_they_left_off(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer()
    await life.live_until("expire_trial")
    await enters(visitor, life)
    await visitor.sees("trial has ended", "Important", "Your trial has ended, and your data is safe")
    await visitor.presses("Add a card", role="link")
    await visitor.sees("add a card after the trial", "Add a card")
    await visitor.presses("Continue to the payment page")

    # The bank asks on a page of its own, and what the provider knows takes its time to come here.
    stack.simulator.hold_webhooks(life.external_id)
    await visitor.pays("pm_card_authenticationRequiredOnSetup")
    await visitor.confirms()
    await visitor.reads(visitor.says("Your card is being confirmed"))
    # After five looks the page no longer looks again by itself: it stays while it is looked at here.
    await visitor.opens(f"{visitor.page.url.partition('&')[0]}&looks=5")
    await visitor.sees("card is being confirmed", "Your card is being confirmed", "Look again")
    await stack.simulator.release_webhooks(life.external_id)
    await life.live(A_MOMENT)
    await visitor.opens("/billing")
    await visitor.sees("overview of an active subscription", "Next bill")
    assert await life.status() == ("active", "full")
