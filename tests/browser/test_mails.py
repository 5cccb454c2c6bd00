"""The links of all mails of a life: each opens its page, and its button does what the mail says."""

import re
from datetime import datetime, timedelta
from typing import Any

from domain.notifications.mail_types import Occasion
from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, VISA, Begin
from tests.browser.test_payments import suspended_for_nonpayment
from tests.browser.visitor import Visitor
from tests.harness.lives import A_MOMENT, Life

A_LINK = re.compile(r"^(.+): (http\S+/billing/mail/\S+)$", re.MULTILINE)
KEEP = "Keep your subscription"
LEAVING = "You are taken to the payment page"


class Reader:
    """A customer who follows every link of every mail, and presses its button once in each state."""

    def __init__(self, visitor: Visitor, life: Life) -> None:
        self.visitor = visitor
        self.life = life
        self.occasions: set[str] = set()
        self._read: set[str] = set()
        self._pressed: set[tuple[str, str]] = set()

    async def reads(self) -> None:
        """Follow the links of what has come, until following them brings no more mails."""
        while new := [mail for mail in await self._mails() if mail["message_id"] not in self._read]:
            for mail in new:
                self._read.add(mail["message_id"])
                self.occasions.add(mail["headers"]["X-Tenure-Occasion"])
                for label, link in A_LINK.findall(mail["text"]):
                    await self._follows(label, link)

    async def _mails(self) -> list[dict[str, Any]]:
        await self.life.mails()
        return await self.life.product.mails(self.life.external_id)

    async def _follows(self, label: str, link: str) -> None:
        await self.visitor.opens(link)
        heading = await self._heading()
        await self.visitor.sees(f"{heading}, by mail")
        button = self.visitor.page.get_by_role("main").get_by_role("button")
        # Who has canceled by one mail keeps the subscription by the next.
        if not await button.count() or ((label, heading) in self._pressed and label != KEEP):
            return
        self._pressed.add((label, heading))
        await self.visitor.presses(await button.inner_text())
        after = await self._heading()
        if after == LEAVING or not self.visitor.is_at_home():
            await self.visitor.is_taken_on()
        else:
            await self.visitor.sees(f"{after}, after {heading} by mail")

    async def _heading(self) -> str:
        told = await self.visitor.page.get_by_role("heading", level=1).inner_text()
        return str(told.partition(" on ")[0])


async def test_every_link_of_every_mail_of_a_paying_life_does_what_it_says(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    ada = Reader(visitor, life)
    await ada.reads()
    await life.live(timedelta(days=7))
    await ada.reads()
    await life.product.checkout(life.id, VISA)
    await life.live(A_MOMENT)
    await life.live_until_converted()
    await ada.reads()
    await life.command("pause")
    await ada.reads()
    assert await life.status() == ("active", "full"), "resumed by the link"
    await life.command("change-plan", plan="professional")
    await life.command("change-plan", plan="starter")
    await ada.reads()
    assert (await life.stands())["pending_change"] is None, "withdrawn by the link"
    await suspended_for_nonpayment(life)
    await ada.reads()
    await life.product.card_answers(life.external_id, "ok")
    await life.command("retry-payment")
    await ada.reads()
    await life.command("cancel", at="now")
    await ada.reads()

    elsewhere = {Occasion.TRIAL_EXPIRED, Occasion.ACTION_REQUIRED, Occasion.CARD_EXPIRING, Occasion.RENEWAL_AHEAD}
    never = {Occasion.MOVED_TO_FREE, Occasion.REFUNDED, Occasion.PURCHASE_REFUSED}
    assert set(Occasion) - ada.occasions == elsewhere | never | {Occasion.USAGE_LIMIT, Occasion.USAGE_WARNING}


async def test_the_links_of_a_trial_that_has_expired_lead_to_a_card(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer()
    ada = Reader(visitor, life)
    await life.live_until("expire_trial")
    await ada.reads()
    assert Occasion.TRIAL_EXPIRED in ada.occasions


async def test_the_links_before_a_yearly_renewal_and_to_the_bank_do_what_they_say(
    arrive: Arrive, customer: Begin
) -> None:
    visitor, life = await arrive(), await customer(interval="year", **PAYING)
    ada = Reader(visitor, life)
    await ada.reads()
    ends = datetime.fromisoformat((await life.stands())["current_period_end"])
    before = ends.replace(day=1) - timedelta(days=1)
    await life.product.card_expires(life.external_id, before.month, before.year, announced=True)
    await life.live(ends - timedelta(days=1) - life.now)
    await ada.reads()
    await life.live_until_declined("authentication_required")
    await ada.reads()
    assert {Occasion.CARD_EXPIRING, Occasion.RENEWAL_AHEAD, Occasion.ACTION_REQUIRED} <= ada.occasions
