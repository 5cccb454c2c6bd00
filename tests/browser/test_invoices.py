"""Invoices, for as long as there are any."""

from datetime import timedelta

from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin, enters


async def test_invoices_are_there_after_the_end_of_the_subscription(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.live(timedelta(days=190))
    await life.command("cancel", at="now")

    await enters(visitor, life)
    await visitor.sees("overview after the end", "Your subscription has ended", "All invoices")
    await visitor.presses("All invoices", role="link")
    await visitor.sees("all invoices", "paid")
    async with visitor.page.expect_download() as download:
        await visitor.page.get_by_role("link", name="PDF").last.click()
    file = await download.value
    assert (await file.path()).read_bytes().startswith(b"%PDF")


async def test_billing_details_are_changed_at_the_provider(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await enters(visitor, life)
    await visitor.presses("Change billing details")
    await visitor.is_taken_on()


async def test_who_has_left_buys_again_on_the_same_pages(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.command("cancel", at="now")
    await enters(visitor, life)
    await visitor.presses("Choose a plan", role="link")
    await visitor.sees("buy again", "Choose a plan")
    await visitor.presses("Continue to the payment page")
    await visitor.is_taken_on()


async def test_before_the_first_invoice_there_is_a_word_about_it(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    await enters(visitor, life, flow="invoices")
    await visitor.sees("no invoices", "There are no invoices yet.")
