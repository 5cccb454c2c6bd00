"""Customers are told of what was just crossed after the answer, and nothing that fails there harms anybody."""

import asyncio
from dataclasses import dataclass, field

import pytest

from api.background.usage_notice_dispatcher import UsageNoticeDispatcher
from domain.errors import GatewayUnavailable
from tests.harness.patience import PATIENT


@dataclass
class Round:
    """Counts how often all was told, and waits for a word before it is done."""

    begun: int = 0
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    done: int = 0
    outage: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        self.has_begun.set()
        await self.may_end.wait()
        if self.outage is not None:
            outage, self.outage = self.outage, None
            raise outage
        self.done += 1
        return 1

    async def until_begun(self) -> None:
        await self.has_begun.wait()
        self.has_begun.clear()


async def test_what_a_process_before_has_left_is_told_at_the_start() -> None:
    round_ = Round()
    async with UsageNoticeDispatcher(round_).running(), asyncio.timeout(PATIENT):
        await round_.until_begun()
        round_.may_end.set()

    assert round_.done == 1


async def test_nudges_that_come_while_it_is_told_are_one_more_round_also_when_the_process_stops() -> None:
    round_ = Round()
    dispatcher = UsageNoticeDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        await round_.until_begun()
        for _ in range(10):
            dispatcher.nudge()
        round_.may_end.set()

    assert round_.done == 2


@pytest.mark.parametrize("outage", [GatewayUnavailable("the database is out of reach"), ZeroDivisionError()])
async def test_the_teller_outlives_whatever_fails(outage: Exception) -> None:
    round_ = Round(outage=outage)
    round_.may_end.set()
    dispatcher = UsageNoticeDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        await round_.until_begun()
        dispatcher.nudge()
        await round_.until_begun()

    assert (round_.begun, round_.done) == (2, 1)
