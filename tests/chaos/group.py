"""A group of lives that a fault happens to, and what came of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sandbox.product import RefusedError
from sandbox.stripe import StripeSimulator
from tests.chaos.installation import Installation
from tests.harness.lives import A_MOMENT, Life
from tests.harness.names import a_name

A_MONTH: Final = timedelta(days=32)
CARD: Final = {"payment_method": "pm_card_visa"}
AT_ONCE = 4
TRIES = 5
"""Of a move in time that does not come to rest in time."""
NOT_SETTLED = 504
CONVERTED: Final = Counter(trial_started=1, converted=1)
REMINDED: Final = CONVERTED + Counter(trial_ending=3)
STARTED: Final = Counter(converted=1)


@dataclass
class Group:
    """Customers of one installation. One half converts during the fault, the other signs up and pays at once."""

    it: Installation
    fault: str
    size: int
    lives: list[Life] = field(default_factory=list)
    asked: list[asyncio.Task[Life]] = field(default_factory=list)
    wanted: dict[str, Counter[str]] = field(default_factory=dict)
    """The mails of each, receipts apart; of others those of a paid start."""
    months: int = 0
    """How often the lives have been renewed."""

    async def prepare(self) -> None:
        """Sign up those who are on trial when the fault begins."""
        self.lives = await asyncio.gather(*(self._signed_up(number) for number in range(0, self.size, 2)))
        self.wanted = dict.fromkeys((life.external_id for life in self.lives), CONVERTED)

    def ask(self) -> None:
        """Have all ask for something by which money is taken, each under one key until there is a result."""
        trials = [self._converted(life) for life in self.lives]
        others = [self._signed_up(number, trial_days=0) for number in range(1, self.size, 2)]
        self.asked = [asyncio.create_task(one) for one in (*trials, *others)]

    async def answered(self) -> None:
        """Wait until all have their results."""
        if self.asked:
            self.lives = list(await asyncio.gather(*self.asked))

    async def wait_for_the_trials_end(self) -> None:
        """Sign the others up on trials as well: all convert when these end."""
        self.lives += await asyncio.gather(*(self._signed_up(number) for number in range(1, self.size, 2)))
        self.wanted = dict.fromkeys((life.external_id for life in self.lives), REMINDED)

    async def renew(self) -> None:
        """Let a month go by, in which each subscription is renewed."""
        await self.live(A_MONTH)
        self.months += 1

    async def live(self, by: timedelta) -> None:
        """Let time go by for all."""
        await self.each(lambda life: moved(life, self.it.site.simulator, by))

    async def each(self, do: Callable[[Life], Awaitable[None]]) -> None:
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(life: Life) -> None:
            async with turns:
                await do(life)

        await asyncio.gather(*(one(life) for life in self.lives))

    async def _signed_up(self, number: int, **more: Any) -> Life:
        name = a_name(f"chaos-{number}")
        customer = {"external_id": name, "email": f"{name}@example.com"}
        body = {"customer": customer, "plan": "starter", **CARD, **more}
        answer = await self.it.answered("/v1/subscriptions", name, body)
        if not answer.is_success:
            raise RuntimeError(f"{name} was not signed up: {answer.text}")
        return Life(self.it.product, name, answer.json())

    async def _converted(self, life: Life) -> Life:
        path = f"/v1/subscriptions/{life.id}/convert"
        answer = await self.it.answered(path, f"convert {life.external_id}", {"when": "now"})
        if not answer.is_success:
            raise RuntimeError(f"{life.external_id} was not converted: {answer.text}")
        return life


@dataclass
class Outcome:
    """What came of a group; a line of the table."""

    fault: str
    lives: int = 0
    charges_doubled: int = 0
    charges_lost: int = 0
    mails_doubled: int = 0
    mails_lost: int = 0
    copies: int = 0
    """Mails that the server had taken without saying so, sent again under the same Message-ID."""
    events: int = 0
    """That came to the product that listens, counted once each."""
    repeats: int = 0
    """How many came again, with the id of one that was there."""
    healed: int = 0
    """Lives that differed between places until reconciliation."""
    wrong: list[str] = field(default_factory=list)
    """What broke an invariant, or differs after reconciliation."""
    caught_up: float | None = None
    """Seconds from the fault's end until nothing was left to do."""
    skipped: str = ""
    """Why it was not tried; empty: it was."""

    @property
    def is_broken(self) -> bool:
        counted = (self.charges_doubled, self.charges_lost, self.mails_doubled, self.mails_lost)
        return any(counted) or bool(self.wrong)


async def caught_up(group: Group, retried_within: timedelta) -> float:
    """Wait until nothing is left to do; returns after how many seconds that was so."""
    began = time.monotonic()
    await group.answered()
    await group.live(retried_within)
    return time.monotonic() - began


async def counted(group: Group, outcome: Outcome) -> None:
    """Count a group's charges and mails, beside what they should be."""
    outcome.lives = len(group.lives)
    for life in group.lives:
        paid = len((await group.it.inspector.accounts(life)).paid)
        due = 1 + group.months
        outcome.charges_doubled += max(paid - due, 0)
        outcome.charges_lost += max(due - paid, 0)
        found = await life.product.mails(life.external_id)
        ids = {mail["message_id"]: mail["headers"]["X-Tenure-Occasion"] for mail in found}
        outcome.copies += len(found) - len(ids)
        wanted = group.wanted.get(life.external_id, STARTED) + Counter(receipt=due)
        outcome.mails_doubled += (Counter(ids.values()) - wanted).total()
        outcome.mails_lost += (wanted - Counter(ids.values())).total()


async def heard(group: Group, outcome: Outcome) -> None:
    """Count the events of a group, and how often they came to the product that listens."""
    for life in group.lives:
        outcome.wrong += [f"{life.external_id}: {wrong}" for wrong in await group.it.untold(life)]
        of_life = group.it.listener.of(life.id)
        outcome.events += len({told.id for told in of_life})
        outcome.repeats += len(of_life) - len({told.id for told in of_life})


async def differing(group: Group, *, is_copied: bool) -> dict[str, list[str]]:
    """What is wrong with those of the group of whom something is."""
    found: dict[str, list[str]] = {}

    async def look(life: Life) -> None:
        if wrong := await group.it.inspector.faults(life, is_copied=is_copied):
            found[life.external_id] = wrong

    await group.each(look)
    return found


async def moved(life: Life, simulator: StripeSimulator, by: timedelta) -> None:
    """Let time go by for a life; wait for longer where the machine has much else to do."""
    target = simulator.now(life.external_id) + by
    for attempt in range(TRIES):
        try:
            await life.live(max(target - simulator.now(life.external_id), A_MOMENT))
        except RefusedError as error:
            if error.status != NOT_SETTLED or attempt == TRIES - 1:
                raise
        else:
            return


def in_words(wrong: dict[str, list[str]]) -> Iterable[str]:
    return (f"{who}: {'; '.join(what)}" for who, what in wrong.items())
