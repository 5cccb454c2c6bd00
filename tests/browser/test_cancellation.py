"""Cancellations by customers themselves."""

from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin, enters, in_both_languages


@in_both_languages
async def test_who_cancels_says_why_and_can_undo_it(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)

    await enters(visitor, life, flow="cancel")
    await visitor.sees("cancel", "Why do you leave? You need not say.", "Pause instead")
    await visitor.chooses("reason_code", "too_expensive")
    await visitor.writes("Anything else that we should know?", "Our plant has closed.")
    await visitor.presses("Cancel your subscription")
    await visitor.sees("canceled at the end", "Until then, all stays as it is. You can still change your mind.")
    stands = await life.stands()
    assert stands["cancel_at"] == stands["current_period_end"]
    assert (stands["end_kind"], stands["reason_code"]) == ("customer", "too_expensive")

    await visitor.presses("Undo the cancellation", role="link")
    await visitor.sees("undo the cancellation", "Keep your subscription")
    await visitor.presses("Keep your subscription")
    await visitor.sees("kept", "Your subscription goes on")
    assert (await life.stands())["cancel_at"] is None


async def test_the_overview_says_when_a_canceled_subscription_ends(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.command("cancel")
    await enters(visitor, life)
    await visitor.sees("overview before the end", "Information", "Keep your subscription")
    await visitor.presses("Keep your subscription", role="link")
    await visitor.presses("Keep your subscription")
    assert (await life.stands())["cancel_at"] is None


async def test_who_cancels_at_once_is_told_what_is_lost(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await enters(visitor, life)
    await visitor.presses("Cancel", role="link")
    await visitor.reads("days that are paid for. This cannot be undone.")
    await visitor.chooses("at", "now")
    await visitor.presses("Cancel your subscription")
    await visitor.sees("canceled", "Your subscription has ended")
    assert await life.status() == ("canceled", "none")


async def test_a_cancellation_of_a_paused_subscription_shows_the_end_first(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.command("pause")
    await enters(visitor, life)
    await visitor.sees("overview of a paused subscription", "Your subscription is paused")
    await visitor.presses("Cancel", role="link")
    await visitor.sees("cancel a paused subscription", "Cancel your subscription")
    told = await visitor.text()
    await visitor.presses("Cancel your subscription")
    await visitor.sees("paused subscription canceled")
    stands = await life.stands()
    ends_at_once = stands["status"] == "canceled"
    assert ends_at_once == ("subscription then ends at once" in told), told


async def test_a_comment_that_is_too_long_is_refused_where_it_was_written(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    await enters(visitor, life, flow="cancel")
    await visitor.pastes("Anything else that we should know?", "x" * 1_001)
    await visitor.presses("Cancel your subscription")
    await visitor.sees("comment that is too long")
    await visitor.reads("Please correct 1 entry")
    assert (await life.stands())["cancel_at"] is None
