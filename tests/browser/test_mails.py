"""The links of all mails of a life: each opens its page, and its button does what the mail says."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.notifications.mail_types import Occasion
from sandbox.product import Product
from sandbox.stack import Stack
from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, VISA, Begin
from tests.browser.test_payments import suspended_for_nonpayment
from tests.browser.visitor import Visitor
from tests.harness.free_plan import FALLS_TO_FREE, with_free_plan
from tests.harness.lives import A_MOMENT, Life
from tests.harness.names import named_after
from tests.harness.patience import until

A_LINK = re.compile(r"^(.+): (http\S+/billing/mail/\S+)$", re.MULTILINE)
KEEP = "Keep your subscription"
LEAVING = "You are taken to the payment page"
SETTLED_WITHIN = 10


@pytest.fixture
def customer_name(request: pytest.FixtureRequest) -> str:
    return named_after(request)


class Reader:
    """A customer who follows every link of every mail, and presses its button once in each state."""

    def __init__(self, visitor: Visitor, life: Life) -> None:
        self.visitor = visitor
        self.life = life
        self.occasions: set[str] = set()
        self._read: set[str] = set()
        self._pressed: set[tuple[str, str]] = set()

    async def reads(self, *, moving_time: bool = True) -> None:
        """Follow the links of what has come, until following them brings no more mails.

        Time is moved a moment before, so that all mails are there; what has ended has no time of its own.
        """
        while new := await self._unread(moving_time=moving_time):
            for mail in new:
                self._read.add(mail["message_id"])
                self.occasions.add(mail["headers"]["X-Tenure-Occasion"])
                for label, link in A_LINK.findall(mail["text"]):
                    await self._follows(label, link)

    async def _unread(self, *, moving_time: bool) -> list[dict[str, Any]]:
        if moving_time:
            await self.life.mails()
        mails = await self.life.product.mails(self.life.external_id)
        return [mail for mail in mails if mail["message_id"] not in self._read]

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
    elsewhere |= {Occasion.USAGE_LIMIT, Occasion.USAGE_WARNING, Occasion.REFUNDED}
    elsewhere |= {Occasion.MOVED_TO_FREE, Occasion.PURCHASE_REFUSED, Occasion.OPERATOR_SIGN_IN}
    elsewhere |= {Occasion.ENDPOINT_DISABLED}
    assert set(Occasion) - ada.occasions == elsewhere, "all others have stories of their own below"


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


async def test_the_links_of_mails_about_limits_and_refunds_do_what_they_say(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    ada = Reader(visitor, life)
    for number, used in enumerate((9, 1)):
        await life.product.consume(life.external_id, "storage_gb", used, key=f"upload-{number}")
        await until_mailed(life, (Occasion.USAGE_WARNING, Occasion.USAGE_LIMIT)[number])
    await life.product.refund(life.external_id)
    await stack.simulator.webhooks_settled(life.external_id, SETTLED_WITHIN)
    await ada.reads()
    assert {Occasion.USAGE_WARNING, Occasion.USAGE_LIMIT, Occasion.REFUNDED} <= ada.occasions


async def test_who_falls_to_the_free_plan_is_led_to_the_others(
    arrive: Arrive, customer_name: str, stack: Stack, tmp_path: Path
) -> None:
    visitor = await arrive()
    async with (
        stack.under(FALLS_TO_FREE, with_free_plan(tmp_path)) as addresses,
        Product(addresses) as product,
    ):
        life = await Life.begun(product, customer_name, plan="professional")
        await life.live_until("expire_trial")
        ada = Reader(visitor, life)
        await ada.reads()
    assert Occasion.MOVED_TO_FREE in ada.occasions


async def test_whose_purchase_could_not_begin_reads_why(arrive: Arrive, customer: Begin, stack: Stack) -> None:
    visitor, life = await arrive(), await customer(trial_days=0, payment_method=VISA)
    await life.command("cancel", at="now")
    product = life.product
    bought = await product.open_purchase(life.external_id, trial_days=0)
    await product.sign_up(life.external_id, trial_days=0, payment_method=VISA)
    back = await product.complete_page(bought["url"])
    await visitor.opens(back)
    # The provider's message may be at it just then: the page waits, and goes on by itself.
    await visitor.waits_for("Your purchase could not begin")
    await visitor.sees("purchase that could not begin", "Your purchase could not begin")
    await stack.simulator.webhooks_settled(life.external_id, SETTLED_WITHIN)
    ada = Reader(visitor, Life(product, life.external_id, {"id": bought["subscription"]}))
    await until_mailed(ada.life, Occasion.PURCHASE_REFUSED)
    await ada.reads(moving_time=False)
    assert Occasion.PURCHASE_REFUSED in ada.occasions


async def until_mailed(life: Life, occasion: Occasion) -> None:
    """Wait until a mail of an occasion has come."""

    async def has_come() -> bool:
        mails = await life.product.mails(life.external_id)
        return any(mail["headers"]["X-Tenure-Occasion"] == occasion for mail in mails)

    await until(has_come)
