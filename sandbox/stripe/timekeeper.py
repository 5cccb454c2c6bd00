"""Lets time pass: real time for all customers, travel of one customer, and advancing test clocks."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from sandbox.stripe import frozen_clocks
from sandbox.stripe.passing_time import catch_up
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

TICK = 1.0
"""Seconds between checks for what has become due in real time."""

_log = logging.getLogger(__name__)


class Timekeeper:
    """Does what is due by each customer's clock, in order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store, self._clocks = world.store, world.clocks
        self._ticker: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()
        world.on_advancing = self._hurried.set

    def start(self) -> None:
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        if self._ticker is None:
            return
        self._ticker.cancel()
        with suppress(asyncio.CancelledError):
            await self._ticker
        self._ticker = None

    async def _tick(self) -> None:
        while True:
            self._hurried.clear()
            for clock in frozen_clocks.advancing(self._world):
                await self._move_on(clock)
            for customer in self._store.all_due(time.time()):
                try:
                    await self._catch_up(customer)
                except Exception:  # noqa: BLE001 - whatever it is, only this customer is to suffer
                    # Rolled back, and retried at the next check; other customers' time continues.
                    _log.exception("what is due for %s failed in the simulator", customer)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), TICK)

    async def _catch_up(self, stripe_id: str) -> None:
        busy = True
        while busy:
            busy = catch_up(self._world, stripe_id, self._clocks.now(stripe_id))
            await asyncio.sleep(0)

    async def _move_on(self, clock: Object) -> None:
        """Do what is due on the way of an advancing test clock, and let it arrive."""
        target = frozen_clocks.target_of(clock)
        try:
            while (first := self._first_due(self._clocks.standing_on(clock["id"]))) and first[0] <= target:
                catch_up(self._world, first[1], datetime.fromtimestamp(target, UTC))
                await asyncio.sleep(0)
        except Exception:  # noqa: BLE001 - whatever it is, Stripe says so in the clock's status
            _log.exception("test clock %s could not be advanced in the simulator", clock["id"])
            frozen_clocks.break_off(self._world, clock["id"])
        else:
            frozen_clocks.arrive(self._world, clock["id"])

    def next_boundary(self, customer: str) -> datetime | None:
        first = self._first_due(self._travelling(customer))
        return None if first is None else datetime.fromtimestamp(first[0], UTC)

    def _travelling(self, customer: str) -> list[str]:
        """The Stripe customers of that name that are not on a test clock."""
        return [each for each in self._clocks.stripe_ids(customer) if self._clocks.test_clock_of(each) is None]

    def _first_due(self, stripe_ids: Sequence[str]) -> tuple[int, str] | None:
        """(moment, Stripe id) of what is due first."""
        found = [(self._store.next_due(each), each) for each in stripe_ids]
        return min(((due[0], each) for due, each in found if due is not None), default=None)

    async def advance(self, customer: str, to: datetime) -> None:
        if to.tzinfo is None:
            raise ValueError("advance needs a time with a zone, such as datetime.now(UTC)")
        while (first := self._first_due(self._travelling(customer))) is not None and first[0] <= to.timestamp():
            moment, stripe_id = first
            with self._store.transaction():
                self._clocks.forward(customer, datetime.fromtimestamp(moment, UTC))
                catch_up(self._world, stripe_id, to)
            await asyncio.sleep(0)
        self._clocks.forward(customer, to)
