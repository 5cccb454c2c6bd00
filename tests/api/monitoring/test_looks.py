"""Looks are shared, bounded in time, and never fail a scrape."""

import asyncio

import pytest

from api.monitoring.looks import Look
from domain.errors import GatewayUnavailable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_look_is_taken_once_for_all_who_ask_within_some_seconds() -> None:
    clock, looks = Clock(), iter(range(10))

    async def look() -> int:
        await asyncio.sleep(0)
        return next(looks)

    it = Look(look, fresh_for=10, within=5, clock=clock)

    assert await asyncio.gather(*(it.latest() for _ in range(5))) == [0] * 5
    clock.now = 9.9
    assert await it.latest() == 0
    clock.now = 10
    assert await it.latest() == 1


@pytest.mark.parametrize("error", [GatewayUnavailable("down"), TimeoutError(), RuntimeError("a fault of ours")])
async def test_what_cannot_be_looked_at_is_left_out_until_it_can(error: Exception) -> None:
    clock, answers = Clock(), iter((1, error, 2))

    async def look() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    it = Look(look, fresh_for=1, within=5, clock=clock)
    found = []
    for clock.now in (0, 1, 2):
        found.append(await it.latest())

    assert found == [1, None, 2]


async def test_a_look_that_takes_too_long_is_ended() -> None:
    ended = asyncio.Event()

    async def look() -> bool:
        try:
            return await asyncio.Event().wait()
        finally:
            ended.set()

    assert await Look(look, fresh_for=1, within=0.01).latest() is None
    assert ended.is_set()
