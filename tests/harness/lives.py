"""One customer's life as a story tells it."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, Self

import httpx
import pytest

from sandbox.product import Product, RefusedError
from tests.harness.patience import PATIENT

TRIAL = Counter({"trial_started": 1, "trial_ending": 3})
CONVERTED = TRIAL + Counter({"converted": 1, "receipt": 1})
A_MINUTE = timedelta(minutes=1)
A_MOMENT = timedelta(seconds=1)
"""Moving the clock this little only waits until everything in progress is done."""


class Life:
    """A subscription under the care of a test: commands, time, and looks from outside."""

    def __init__(self, product: Product, external_id: str, made: dict[str, Any]) -> None:
        self.product = product
        self.external_id = external_id
        self.id: str = made["id"]
        self.now = datetime.now(UTC)

    @classmethod
    async def begun(cls, product: Product, external_id: str, **more: Any) -> Self:
        """Sign up for Starter, or as *more* says."""
        return cls(product, external_id, await product.sign_up(external_id, **more))

    async def command(self, name: str, **body: Any) -> dict[str, Any]:
        return await self.product.command(self.id, name, **body)

    async def refused(self, name: str, **body: Any) -> tuple[int, str]:
        """Status and code of a command's refusal."""
        before = await self.stands()
        try:
            await self.command(name, **body)
        except RefusedError as error:
            assert await self.stands() == before, f"{name} was refused and changed something"
            return error.status, error.problem["code"]
        raise AssertionError(f"{name} was not refused")

    async def refused_by_the_bank(self, name: str, *, key: str | None = None, **body: Any) -> str:
        """The code of a command whose charge was declined."""
        with pytest.raises(RefusedError) as refusal:
            await self.product.command(self.id, name, key=key, **body)
        assert refusal.value.status == 402
        return str(refusal.value.problem["code"])

    async def to_be_confirmed(self, name: str, *, key: str | None = None, **body: Any) -> str:
        """The page on which the customer confirms the payment that a command asked for."""
        with pytest.raises(RefusedError) as refusal:
            await self.product.command(self.id, name, key=key, **body)
        assert (refusal.value.status, refusal.value.problem["code"]) == (402, "authentication_required")
        return str(refusal.value.problem["confirmation_url"])

    async def live(self, time: timedelta) -> None:
        self.now = await self.product.travel(self.id, time)

    async def live_until(self, action: str) -> datetime:
        """Let time go by until the next *action* has been taken; returns when it was due.

        Next to a short month's end it may be Tenure that begins the next period, which is a renewal as well.
        """
        wanted = ("renew", "begin_period") if action == "renew" else (action,)
        ahead = (await self.stands())["next_actions"]
        due = next((one for one in ahead if one["action"] in wanted), None)
        assert due is not None, f"no {action} is ahead, only {[one['action'] for one in ahead]}"
        at = datetime.fromisoformat(due["at"])
        await self.live(max(at - self.now, timedelta()) + A_MINUTE)
        return at

    async def live_until_converted(self) -> None:
        await self.live_until("convert")
        assert await self.status() == ("active", "full")

    async def live_until_declined(self, decline: str) -> None:
        """Let the next renewal be declined."""
        await self.product.card_answers(self.external_id, decline)
        await self.live_until("renew")
        await self.live(timedelta(hours=1))

    async def stands(self) -> dict[str, Any]:
        return await self.product.subscription(self.id)

    async def status(self) -> tuple[str, str]:
        """Status and access."""
        stands = await self.stands()
        return stands["status"], stands["access"]

    async def ahead(self) -> list[str]:
        """What happens next, soonest first."""
        return [one["action"] for one in (await self.stands())["next_actions"]]

    async def past(self) -> list[dict[str, Any]]:
        """The timeline without its mails."""
        past: list[dict[str, Any]] = (await self.product.timeline(self.id))["past"]
        return [entry for entry in past if not entry["kind"].startswith("mail_")]

    async def kinds(self) -> Counter[str]:
        """How often each kind of thing has happened."""
        return Counter(entry["kind"] for entry in await self.past())

    async def mails(self) -> Counter[str]:
        """How many mails of each occasion have come; no two may be the same mail."""
        await self.live(A_MOMENT)
        mails = await self.product.mails(self.external_id)
        assert len({mail["message_id"] for mail in mails}) == len(mails), "a mail came twice"
        return Counter(mail["headers"]["X-Tenure-Occasion"] for mail in mails)

    async def last_mail(self) -> dict[str, Any]:
        return (await self.product.mails(self.external_id))[-1]

    async def bills(self) -> Counter[str]:
        """How many bills there are of each status."""
        await self.live(A_MOMENT)
        found = await self.product.get("/v1/invoices", customer=self.external_id)
        return Counter(bill["status"] for bill in found["data"])

    async def pay_open_bill(self, payment_method: str) -> None:
        """Follow the link to the provider's page of the open bill and pay there with a card."""
        await self.pay_at(str((await self.open_pay_link()).url), payment_method)

    async def pay_at(self, url: str, payment_method: str) -> None:
        """Pay a bill with a card on the provider's own page."""
        async with httpx.AsyncClient(timeout=PATIENT) as browser:
            paid = await browser.post(url, data={"payment_method": payment_method})
        assert paid.status_code < 400, paid.text

    async def confirm_at(self, url: str) -> None:
        """Open a bill's page at the provider and confirm there, to the bank, the payment with the card on file."""
        async with httpx.AsyncClient(timeout=PATIENT) as browser:
            (await browser.get(url)).raise_for_status()
            confirmed = await browser.post(url)
        assert confirmed.status_code < 400, confirmed.text

    async def take_card_away(self) -> None:
        """Open the portal and remove the card there, as is possible while no agreement runs."""
        url = await self.product.open_portal(self.external_id)
        async with httpx.AsyncClient(follow_redirects=True, timeout=PATIENT) as browser:
            shown = (await browser.get(url)).text
            found = re.search(r'name="act" value="remove"><input type="hidden" name="subject" value="(\w+)"', shown)
            assert found is not None, "there is no card that may be removed"
            (await browser.post(url, data={"act": "remove", "subject": found[1]})).raise_for_status()

    async def open_pay_link(self) -> httpx.Response:
        """Follow the link to pay or to give a card in the last mail that has one, and press the button of its page."""
        texts = [mail["text"] for mail in await self.product.mails(self.external_id)]
        labels = ("Pay now: ", "Update your card: ", "Add a card: ")
        lines = [line for text in texts for line in text.splitlines() if line.startswith(labels)]
        url = lines[-1].split()[-1]
        async with httpx.AsyncClient(follow_redirects=True, timeout=PATIENT) as browser:
            shown = await browser.get(url)
            found = re.search(r'name="sequence" value="(\d+)"', shown.text)
            if found is None:  # a link of an earlier release leads there at once
                return shown
            leaving = await browser.post(url, data={"sequence": found[1]}, headers={"Sec-Fetch-Site": "same-origin"})
            onward = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', leaving.text)
            return leaving if onward is None else await browser.get(unescape(onward[1]))
