"""Tells a life step by step: every line carries its date, and a life that takes another turn fails loudly."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.money import Money, formatted
from sandbox.product import Product, RefusedError

LONGEST_WAIT = timedelta(days=60)
A_MINUTE = timedelta(minutes=1)
"""In which all that follows from a step has happened."""
MAILS_COME_WITHIN = 120.0
LOOK_EVERY = 0.05


class StoryBroken(AssertionError):
    """Something differs from what the story tells."""


@dataclass
class Teller:
    """One customer's life as it is played and told."""

    name: str
    product: Product
    tell: Callable[[str], None]
    external_id: str = ""
    """Theirs in the product; when not given, the name."""
    subscription: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _last_said: datetime = field(default_factory=lambda: datetime.now(UTC))
    _mails_told: set[str] = field(default_factory=set)
    _uses: int = 0

    def __post_init__(self) -> None:
        self.external_id = self.external_id or self.name.lower()

    def say(self, text: str, at: datetime | None = None) -> None:
        self._last_said = at or self.now
        self.tell(f"{self._last_said:%Y-%m-%d %H:%M}  {self.name:<8} {text}")

    async def signs_up(self, text: str, **more: Any) -> None:
        made = await self.product.sign_up(self.external_id, **more)
        self.subscription = made["id"]
        self.say(text)
        await self.lives_for(A_MINUTE)

    async def commands(self, text: str, name: str, **body: Any) -> None:
        await self.product.command(self.subscription, name, **body)
        self.say(text)
        await self.lives_for(A_MINUTE)

    async def checks_out(self, text: str) -> None:
        await self.product.checkout(self.subscription)
        self.say(text)
        await self.lives_for(A_MINUTE)

    async def lives_until(self, action: str) -> None:
        """Let time go by until the next *action* of the subscription has been taken."""
        stands = await self.product.subscription(self.subscription)
        ahead = [due for due in stands["next_actions"] if due["action"] == action]
        if not ahead:
            raise StoryBroken(f"{self.name}: no {action!r} is ahead, only {stands['next_actions']}")
        at = datetime.fromisoformat(ahead[0]["at"])
        await self.lives_for(max(at - self.now, timedelta()) + A_MINUTE)

    async def lives_for(self, time: timedelta) -> None:
        if time > LONGEST_WAIT:
            raise StoryBroken(f"{self.name}: {time} is longer than the story has")
        self.now = await self.product.travel(self.subscription, time)
        await self._tell_new_mails()

    async def is_now(self, status: str, access: str, text: str = "") -> None:
        """Check where the subscription stands."""
        stands = await self.product.subscription(self.subscription)
        if (stands["status"], stands["access"]) != (status, access):
            raise StoryBroken(
                f"{self.name} is {stands['status']} with access {stands['access']}, not {status} with {access}"
            )
        self.say(f"{text or 'stands'}: {status}, access {access}")

    async def is_to(self, plan: str, later: str | None = None) -> None:
        """Check what the subscription is to, and what it will be to when its period ends."""
        stands = await self.product.subscription(self.subscription)
        change = stands["pending_change"]
        found = (stands["plan"], change["plan"] if change else None)
        if found != (plan, later):
            raise StoryBroken(f"{self.name} is to {found}, not to {(plan, later)}")
        planned = f", {change['plan_name']} from {change['at'][:10]} on" if change else ""
        self.say(f"stands: {stands['plan_name']}{planned}")

    async def previews(self, text: str, **body: Any) -> None:
        """Ask what a change would bill; it is checked by what the change bills then."""
        preview = await self.product.command(self.subscription, "preview-change", **body)
        due = Money(preview["due_now"], preview["currency"])
        self.say(f"{text}: {formatted(due)} at once, then {formatted(Money(preview['next_amount'], due.currency))}")

    async def uses(self, quantity: int, feature: str, *, level: str) -> None:
        """Use so much more of what the plan has, and check how near the limit the answer says that is."""
        self._uses += 1
        key = f"{self.subscription}/{feature}/{self._uses}"
        answer = await self.product.consume(self.external_id, feature, quantity, key=key)
        if answer["level"] != level:
            raise StoryBroken(f"{self.name} is at level {answer['level']} of {feature}, not at {level}: {answer}")
        # Grace is counted by the real clock, which the customer's own has left behind.
        self.say(f"uses {quantity} more: {answer['hint'].partition(' until ')[0]}")

    async def is_refused(self, text: str, code: str, asked: Awaitable[object]) -> None:
        """Check that Tenure says no, and tell why."""
        try:
            await asked
        except RefusedError as error:
            if error.problem.get("code") == code:
                self.say(f"{text}: {error.status}, {error.problem['detail']}")
                return
            raise
        raise StoryBroken(f"{self.name}: {text}, and was not refused as {code}")

    async def hears(self, occasion: str) -> None:
        """Wait for a mail that is sent beside the subscription's own course, as those of usage are."""
        async with asyncio.timeout(MAILS_COME_WITHIN):
            while occasion not in await self._occasions():  # noqa: ASYNC110 - like a person checking a mailbox
                await asyncio.sleep(LOOK_EVERY)
        await self._tell_new_mails()

    async def has_mails(self, *occasions: str) -> None:
        """Check that exactly these mails have come so far, each as often as it is named."""
        found = Counter(await self._occasions())
        if found != Counter(occasions):
            raise StoryBroken(f"{self.name} has the mails {dict(found)}, not {dict(Counter(occasions))}")
        mails = await self.product.mails(self.external_id)
        if len({mail["message_id"] for mail in mails}) != len(mails):
            raise StoryBroken(f"{self.name} has the same mail twice")

    async def _occasions(self) -> list[str]:
        return [mail["headers"]["X-Tenure-Occasion"] for mail in await self.product.mails(self.external_id)]

    async def _tell_new_mails(self) -> None:
        mails = await self.product.mails(self.external_id)
        for mail in mails:
            if mail["message_id"] in self._mails_told:
                continue
            # Mails of usage carry the real time, which the customer's own may be ahead of.
            self.say(f"mail: {mail['subject']}", max(datetime.fromisoformat(mail["received_at"]), self._last_said))
            self._mails_told.add(mail["message_id"])

    async def has_paid(self, times: int) -> None:
        """Check how many bills are paid, and that none is paid twice or left open."""
        found = await self.product.get("/v1/invoices", customer=self.external_id)
        statuses = Counter(bill["status"] for bill in found["data"])
        if statuses != Counter({"paid": times}):
            raise StoryBroken(f"{self.name} has bills {dict(statuses)}, not {times} paid")
        self.say(f"{times} bill{'s' if times > 1 else ''}, all paid" if times else "no bill")
