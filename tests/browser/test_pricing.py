"""The pricing page, with scripts switched off."""

import pytest

from tests.browser.conftest import Arrive
from tests.browser.customers import in_both_languages
from tests.browser.visitor import Visitor
from tests.harness.names import named_after

pytestmark = in_both_languages


@pytest.fixture
async def visitor(arrive: Arrive) -> Visitor:
    visitor = await arrive()
    await visitor.opens("/pricing")
    return visitor


async def amounts(visitor: Visitor) -> list[str]:
    """The prices that can be seen."""
    return [text for text in await visitor.page.locator(".amount:visible").all_inner_texts() if text]


async def test_month_and_year_are_switched_by_keyboard_alone(visitor: Visitor, language: str) -> None:
    await visitor.sees("pricing by the month", "Professional")
    by_month = await amounts(visitor)

    await visitor.page.locator("#by-month").focus()
    await visitor.page.keyboard.press("ArrowRight")
    by_year = await amounts(visitor)
    await visitor.sees_here("pricing by the year", "10%" if language == "en" else "10 %")
    # Paper shows no switch, so that looking at it has taken the focus away.
    await visitor.page.locator("#by-year").focus()
    await visitor.page.keyboard.press("ArrowLeft")

    assert len(by_month) == len(by_year) == 3
    assert not set(by_month) & set(by_year)
    assert await amounts(visitor) == by_month


async def test_a_question_opens_its_answer(visitor: Visitor) -> None:
    await visitor.page.locator("summary").first.press("Enter")

    assert await visitor.page.locator("details p").first.is_visible()
    await visitor.sees_here("pricing with an answer")


async def test_the_language_is_switched_by_a_link(visitor: Visitor, language: str) -> None:
    other, heading = ("Deutsch", "Tarife und Preise") if language == "en" else ("English", "Plans and prices")
    await visitor.presses(other, "link")

    assert await visitor.page.locator("h1").inner_text() == heading


async def test_an_address_that_does_not_exist_is_answered_by_a_page(arrive: Arrive) -> None:
    visitor = await arrive()
    await visitor.opens("/pricing/nothing")
    await visitor.page.wait_for_load_state()

    assert await visitor.page.locator("h1").is_visible()


async def test_a_button_leads_through_the_sandboxs_sign_up_to_a_subscription(
    visitor: Visitor, language: str, request: pytest.FixtureRequest
) -> None:
    page = visitor.page
    await page.locator('a.button[href*="plan=professional"]:visible').click()
    await page.get_by_label("Your mail address").fill(f"{named_after(request)}@example.com")
    await page.get_by_role("button").click()
    await page.wait_for_load_state()
    await visitor.pays()
    await page.get_by_role("link", name="Open your billing page").click(timeout=60_000)
    await page.get_by_role("button").click()
    await visitor.sees_here("overview after buying", "Professional")
