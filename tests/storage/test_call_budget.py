"""The calls of all reconciliations: one after the other, whichever process makes them."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from storage.call_budget import FleetCallBudget


class Waits:
    """How long each call was made to wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def test_runs_at_the_same_time_share_the_budget(engine: AsyncEngine) -> None:
    waits = Waits()
    # So slow that the time between two statements makes no difference.
    one, another = (FleetCallBudget(engine, 0.001, sleep=waits) for _ in range(2))

    await asyncio.gather(*(each.take() for each in (one, another, one, another)))

    assert [round(each / 1000) for each in sorted(waits.seconds)] == [1, 2, 3]


async def test_what_was_not_used_is_not_saved_up(engine: AsyncEngine) -> None:
    waits = Waits()
    await FleetCallBudget(engine, 1e9, sleep=waits).take()
    slow = FleetCallBudget(engine, 0.001, sleep=waits)

    await slow.take()
    await slow.take()

    assert [round(each / 1000) for each in waits.seconds if each > 1] == [1]


async def test_without_a_limit_nothing_waits(engine: AsyncEngine) -> None:
    waits = Waits()
    budget = FleetCallBudget(engine, None, sleep=waits)

    await budget.take()
    await budget.take()

    assert waits.seconds == []
