"""The page after a payment."""

from tests.browser.conftest import Arrive


async def test_the_page_after_a_payment_says_that_it_is_being_confirmed(arrive: Arrive) -> None:
    visitor = await arrive()
    await visitor.opens("/pay/done")
    await visitor.sees("payment made")
