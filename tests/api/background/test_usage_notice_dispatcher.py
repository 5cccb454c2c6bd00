"""Usage notices are sent after the response, and failures there affect no request."""

import asyncio
from dataclasses import dataclass, field

import pytest

from api.background.usage_notice_dispatcher import UsageNoticeDispatcher
from domain.errors import GatewayUnavailable
from tests.harness.patience import PATIENT


@dataclass
class Round:
    """Counts the rounds, and blocks each until it is released."""

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


async def test_notices_left_by_an_earlier_process_are_sent_at_startup() -> None:
    round_ = Round()
    async with UsageNoticeDispatcher(round_).running(), asyncio.timeout(PATIENT):
        await round_.until_begun()
        round_.may_end.set()

    assert round_.done == 1


async def test_nudges_during_a_round_cause_one_more_round_even_at_shutdown() -> None:
    round_ = Round()
    dispatcher = UsageNoticeDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        await round_.until_begun()
        for _ in range(10):
            dispatcher.nudge()
        round_.may_end.set()

    assert round_.done == 2


@pytest.mark.parametrize("outage", [GatewayUnavailable("the database is out of reach"), ZeroDivisionError()])
async def test_the_dispatcher_survives_any_error(outage: Exception) -> None:
    round_ = Round(outage=outage)
    round_.may_end.set()
    dispatcher = UsageNoticeDispatcher(round_)
    async with dispatcher.running(), asyncio.timeout(PATIENT):
        await round_.until_begun()
        dispatcher.nudge()
        await round_.until_begun()

    assert (round_.begun, round_.done) == (2, 1)
