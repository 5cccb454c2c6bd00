"""Random lives: commands, declines, disputes and time in any order, several at once, with webhooks that get lost.

`python -m tests.chaos.random_lives FIRST LAST` plays the lives of these seeds and tells what is wrong with them.
"""

import asyncio
import logging
import random
import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import structlog

from sandbox.product import Product, RefusedError
from tests.chaos.invariants import Inspector, inspected
from tests.harness.lives import Life
from tests.harness.names import a_name

CARDS = ("pm_card_visa", "pm_card_mastercard", "pm_card_chargeCustomerFail")
ANSWERS = ("insufficient_funds", "lost_card", "authentication_required", "do_not_honor", "expired_card", "ok", "ok")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "America/St_Johns")
PLANS = ("starter", "professional", "enterprise")
FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"webhooks": {"drop": 0.3, "duplicate": 0.4, "reorder": 0.5}},
    {"webhooks": {"drop": 1.0}},
    {"webhooks": {"duplicate": 0.5, "reorder": 0.8}, "stripe": {"error_rate": 0.05, "status": 500}},
)
"""What goes wrong while a batch of lives is played."""
AT_ONCE = 6
TO_REST = timedelta(hours=14)
"""After which everything undecided has been asked for again."""
TRIES = 12
"""Of a request that is answered with 503, under the same key."""
KNOWN_REFUSALS = (402, 409, 422)


class RandomLife:
    """One life, decided by its seed; its log tells what was done."""

    def __init__(self, product: Product, seed: int) -> None:
        self.product = product
        self.seed = seed
        self.log: list[str] = []
        self._dice = random.Random(seed)  # noqa: S311 - not for secrets

    async def play(self) -> Life:
        life = await self._begun()
        for _ in range(self._dice.randint(2, 5)):
            if self._dice.random() < 0.15:
                await asyncio.gather(self._deed(life), self._deed(life))
            elif self._dice.random() < 0.2:
                await asyncio.gather(self._time(life), self._deed(life))
            elif self._dice.random() < 0.5:
                await self._time(life)
            else:
                await self._deed(life)
        return life

    async def _begun(self) -> Life:
        dice = self._dice
        more: dict[str, Any] = {"customer": {"timezone": dice.choice(ZONES)}, "plan": dice.choice(PLANS)}
        if dice.random() < 0.75:
            more["payment_method"] = "pm_card_visa"
            if dice.random() < 0.6:
                more["trial_days"] = 0
        if dice.random() < 0.2:
            more["interval"] = "year"
        if dice.random() < 0.2:
            more["add_ons"] = {"users": dice.randint(1, 5)}
        self.log.append(f"signs up {more}")
        return await Life.begun(self.product, a_name(f"random-{self.seed}"), **more)

    async def _time(self, life: Life) -> None:
        days = self._dice.choice((1, 3, 7, 14, 16, 33))
        self.log.append(f"lives {days} days")
        await life.live(timedelta(days=days, seconds=self._dice.randint(0, 80_000)))

    async def _deed(self, life: Life) -> None:
        deed = self._dice.choice(_DEEDS)
        try:
            await deed(self, life)
        except RefusedError as error:
            self.log[-1] += f" -> {error}"
            if error.status not in KNOWN_REFUSALS:
                raise

    async def _command(self, life: Life, name: str, **body: Any) -> None:
        self.log.append(f"{name} {body}")
        key = uuid4().hex
        for _ in range(TRIES):
            try:
                await life.product.command(life.id, name, key=key, **body)
            except RefusedError as error:
                if error.status != 503:
                    raise
                self.log[-1] += " (again)"
            else:
                return
        raise AssertionError(f"{name} had no answer")

    # Deeds

    async def convert(self, life: Life) -> None:
        body = {"when": self._dice.choice(("now", "trial_end"))}
        if self._dice.random() < 0.5:
            body["payment_method"] = self._dice.choice(CARDS)
        await self._command(life, "convert", **body)

    async def new_card(self, life: Life) -> None:
        await self._command(life, "payment-method", payment_method=self._dice.choice(CARDS))

    async def check_out(self, life: Life) -> None:
        self.log.append("checks out")
        card = self._dice.choice(CARDS[:2])
        for _ in range(TRIES):
            try:
                await self.product.checkout(life.id, card)
            except RefusedError as error:
                if error.status != httpx.codes.GONE:
                    raise
            else:
                return
            # Weeks go by meanwhile, in steps of days: each may end a link that was made just before it.
            self.log[-1] += " (again, the link had expired)"
        raise AssertionError("each link had expired")

    async def cancel(self, life: Life) -> None:
        await self._command(life, "cancel", at="now" if self._dice.random() < 0.2 else "period_end")

    async def operator(self, life: Life) -> None:
        name = self._dice.choice(("suspend", "reactivate", "reactivate"))
        await self._command(life, name, reason="a reason")

    async def extend(self, life: Life) -> None:
        await self._command(life, "extend-trial", days=self._dice.randint(1, 30), reason="a reason")

    async def plain(self, life: Life) -> None:
        await self._command(life, self._dice.choice(("uncancel", "resume", "withdraw-change", "retry-payment")))

    async def pause(self, life: Life) -> None:
        until = life.now + timedelta(days=self._dice.randint(1, 60))
        await self._command(life, "pause", **({"resumes_at": until.isoformat()} if self._dice.random() < 0.7 else {}))

    async def change(self, life: Life) -> None:
        body: dict[str, Any] = {"plan": self._dice.choice(PLANS)}
        if self._dice.random() < 0.3:
            body["interval"] = self._dice.choice(("month", "year"))
        if self._dice.random() < 0.3:
            body["quantity"] = self._dice.randint(1, 4)
        if self._dice.random() < 0.3:
            body["add_ons"] = {"users": self._dice.randint(0, 4)}
        if self._dice.random() < 0.4:
            body["when"] = self._dice.choice(("now", "period_end"))
        await self._command(life, "change-plan", **body)

    async def answers(self, life: Life) -> None:
        answers = [self._dice.choice(ANSWERS) for _ in range(self._dice.randint(1, 3))]
        self.log.append(f"bank answers {answers}")
        await self.product.card_answers(life.external_id, *answers)

    async def dispute(self, life: Life) -> None:
        status = self._dice.choice(("opened", "won", "lost"))
        self.log.append(f"dispute {status}")
        await self.product.dispute(life.external_id, status)

    async def refund(self, life: Life) -> None:
        self.log.append("refund")
        await self.product.refund(life.external_id, self._dice.choice((None, 100)))

    async def pay_bill(self, life: Life) -> None:
        bills = (await self.product.get("/v1/invoices", customer=life.external_id))["data"]
        for bill in (bill for bill in bills if bill["status"] == "open"):
            self.log.append("pays the open bill by its link")
            try:
                await life.pay_at(bill["url"], "pm_card_visa")
            except AssertionError as error:
                self.log[-1] += f" -> {str(error)[:80]}"


_DEEDS = (
    RandomLife.convert,
    RandomLife.new_card,
    RandomLife.check_out,
    RandomLife.cancel,
    RandomLife.operator,
    RandomLife.extend,
    RandomLife.plain,
    RandomLife.plain,
    RandomLife.pause,
    RandomLife.change,
    RandomLife.change,
    RandomLife.answers,
    RandomLife.answers,
    RandomLife.dispute,
    RandomLife.refund,
    RandomLife.pay_bill,
)


async def play_batch(product: Product, inspector: Inspector, seeds: Iterable[int], faults: dict[str, Any]) -> list[str]:
    """Play these lives side by side while *faults* happen; then let all come to rest and tell what is wrong."""
    turns = asyncio.Semaphore(AT_ONCE)
    randoms = [RandomLife(product, seed) for seed in seeds]
    lives: dict[int, Life | Exception] = {}

    async def play(one: RandomLife) -> None:
        async with turns:
            try:
                lives[one.seed] = await one.play()
            except Exception as error:  # noqa: BLE001 - told with the life's log
                lives[one.seed] = error

    async def inspect(one: RandomLife) -> list[str]:
        life = lives[one.seed]
        if isinstance(life, Exception):
            return [f"{type(life).__name__}: {life}"]
        async with turns:
            await life.live(TO_REST)
            return await inspector.faults(life)

    await product.faults(**faults)
    await asyncio.gather(*(play(one) for one in randoms))
    await product.faults()
    # Nothing is asked for from here on: what is not settled has lost its process, and the sweep would come for it.
    await inspector.settle_audit()
    wrong = await asyncio.gather(*(inspect(one) for one in randoms))
    return [_told(one, lives[one.seed], what) for one, what in zip(randoms, wrong, strict=True) if what]


def _told(one: RandomLife, life: Life | Exception, wrong: list[str]) -> str:
    who = life.id if isinstance(life, Life) else ""
    return "\n    ".join([f"seed {one.seed} {who}", *wrong, *one.log])


async def _main(first: int, last: int) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.basicConfig(level=logging.CRITICAL)
    wrong: list[str] = []
    async with inspected() as (_, product, inspector):
        for number, start in enumerate(range(first, last, 25)):
            seeds = range(start, min(start + 25, last))
            found = await play_batch(product, inspector, seeds, FAULTS[number % len(FAULTS)])
            print(f"{seeds}: {len(found)} wrong", *found, sep="\n", flush=True)  # noqa: T201 - it is a command
            wrong += found
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]))), 1))
