"""How customers come to their pages, and how they leave."""

import re

import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from tests.browser.conftest import Arrive
from tests.browser.customers import Begin, enters, in_both_languages, link_for
from tests.harness.lives import Life
from tests.harness.patience import until


@in_both_languages
async def test_a_link_opens_the_pages_once(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    link = await link_for(life)

    await visitor.opens(link)
    await visitor.sees("link", "This link opens your billing page, once.")
    await visitor.presses("Open your billing page")
    await visitor.sees("overview in a trial", "Your subscription", "Starter")

    another = await arrive()
    await another.opens(link)
    await another.sees("link that was used", "This link has been used", "Have a link sent to you")


async def test_a_link_that_was_not_used_in_time_opens_nothing(arrive: Arrive, customer: Begin, stack: Stack) -> None:
    visitor, life = await arrive(), await customer()
    link = await link_for(life)
    async with stack.engine.begin() as connection:
        statement = text("update web_links set expires_at = now() - interval '1 second' where subject = :customer")
        assert (await connection.execute(statement, {"customer": await _id_of(life, stack)})).rowcount == 1

    await visitor.opens(link)

    await visitor.sees("link that has expired", "This link has expired")


async def test_somebody_who_cannot_log_in_has_a_link_mailed_and_follows_it(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()

    await visitor.opens("/billing")
    await visitor.sees("no visit", "To see, change or cancel your subscription, have a link sent to your address.")
    await visitor.writes("Your mail address", f"{life.external_id}@example.com")
    await visitor.presses("Send the link")
    await visitor.sees("link is sent")
    await visitor.reads("a mail with a link is on its way")

    await visitor.opens(await _mailed_link(life))
    await visitor.presses("Open your billing page")
    await visitor.sees("overview in a trial", "Your subscription")


async def test_an_address_that_is_none_is_refused_where_it_was_written(arrive: Arrive) -> None:
    visitor = await arrive()
    await visitor.opens("/billing/link")
    await visitor.writes("Your mail address", "ada@localhost")
    await visitor.presses("Send the link")
    await visitor.sees("address that is none", "This is not a mail address.")


async def test_who_leaves_has_to_come_in_again(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    await enters(visitor, life)
    await visitor.presses("Sign out")
    await visitor.sees("left", "You are signed out")

    await visitor.opens("/billing")
    await visitor.sees("no visit")


async def test_a_visit_that_is_over_says_so(arrive: Arrive, customer: Begin, stack: Stack) -> None:
    visitor, life = await arrive(), await customer()
    await enters(visitor, life)
    async with stack.engine.begin() as connection:
        statement = text("update web_sessions set seen_at = seen_at - interval '2 hours' where subject = :customer")
        assert (await connection.execute(statement, {"customer": await _id_of(life, stack)})).rowcount == 1

    await visitor.opens("/billing/cancel")

    await visitor.sees("visit is over")
    await visitor.reads("Your visit has ended.")


async def test_who_came_from_the_product_goes_back_to_it(arrive: Arrive, customer: Begin, stack: Stack) -> None:
    visitor, life = await arrive(), await customer()
    await enters(visitor, life, return_url=stack.addresses.mailbox_url)
    await visitor.sees("overview with a way back", "Starter")
    await visitor.presses("Sign out")
    await visitor.page.wait_for_url(stack.addresses.mailbox_url)


@pytest.mark.parametrize(
    ("address", "state", "words"),
    [
        ("/billing/nothing", "page that does not exist", "There is no such page"),
        ("/billing/enter/cut-short", "link cut short", "This link is not complete"),
        ("/billing/mail/cut-short", "mail's link cut short", "This link is not complete"),
    ],
)
async def test_an_address_that_leads_nowhere_says_so(
    arrive: Arrive, customer: Begin, address: str, state: str, words: str
) -> None:
    visitor, life = await arrive(), await customer()
    await enters(visitor, life)
    await visitor.opens(address)
    await visitor.sees(state, words)


async def _mailed_link(life: Life) -> str:
    async def links() -> list[str]:
        texts = [mail["text"] for mail in await life.product.mails(life.external_id)]
        return re.findall(r"http\S+/billing/enter/\S+", "\n".join(texts))

    await until(links)
    return (await links())[-1]


async def _id_of(life: Life, stack: Stack) -> str:
    async with stack.engine.connect() as connection:
        statement = text("select id from customers where external_id = :name")
        return str((await connection.execute(statement, {"name": life.external_id})).scalar_one())
