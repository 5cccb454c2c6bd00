"""A whole story by the keyboard alone."""

from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin, link_for


async def test_a_story_is_told_by_tab_and_enter_and_the_focus_is_always_in_sight(
    arrive: Arrive, customer: Begin
) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await visitor.page.set_viewport_size({"width": 320, "height": 480})

    await visitor.opens(await link_for(life))
    await visitor.types("Open your billing page")
    await visitor.types("Cancel", role="link")
    await visitor.types("Cancel your subscription")
    assert (await life.stands())["cancel_at"] is not None
    await visitor.types("Undo the cancellation", role="link")
    await visitor.types("Keep your subscription")
    assert (await life.stands())["cancel_at"] is None

    await visitor.types("Back to your subscription", role="link")
    await visitor.types("Pause", role="link")
    await visitor.types("Pause your subscription")
    await visitor.types("Resume your subscription", role="link")
    await visitor.types("Resume now")
    assert await life.status() == ("active", "full")

    await visitor.types("Back to your subscription", role="link")
    await visitor.types("Sign out")
    await visitor.reads("You are signed out")
