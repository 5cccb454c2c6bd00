"""The sweep hands over what was left, and begins again what was lost."""

from collections.abc import Sequence

from domain.events.deliveries import QueuedDelivery
from services.events.hand_over import HandOver

LEFT, LOST = (QueuedDelivery(name, "acme", "e-1", "p-1") for name in ("left", "lost"))


class Waiting:
    """Implements `WaitingDeliveries`: one was left, and one was lost."""

    def __init__(self) -> None:
        self.left, self.lost = [LEFT], [LOST]
        self.handed_over: list[QueuedDelivery] = []

    async def waiting(self, *, limit: int) -> Sequence[QueuedDelivery]:
        return self.left[:limit]

    async def mark_handed_over(self, deliveries: Sequence[QueuedDelivery]) -> None:
        self.handed_over += deliveries
        self.left = []

    async def release_lost(self, *, limit: int) -> Sequence[QueuedDelivery]:
        released, self.lost = self.lost[:limit], self.lost[limit:]
        return released


class Dispatched:
    """Implements `EventDispatcher`."""

    def __init__(self) -> None:
        self.first: list[QueuedDelivery] = []
        self.again: list[QueuedDelivery] = []

    async def dispatch(self, deliveries: Sequence[QueuedDelivery]) -> None:
        self.first += deliveries

    async def dispatch_again(self, deliveries: Sequence[QueuedDelivery]) -> None:
        self.again += deliveries


async def test_a_sweep_takes_up_what_was_left_and_what_was_lost() -> None:
    waiting, dispatched = Waiting(), Dispatched()

    assert await HandOver(waiting, dispatched).sweep(10) == 2

    assert (dispatched.first, waiting.handed_over) == ([LEFT], [LEFT])
    assert dispatched.again == [LOST]


async def test_a_sweep_without_time_begins_nothing() -> None:
    waiting, dispatched = Waiting(), Dispatched()

    assert await HandOver(waiting, dispatched).sweep(0) == 0

    assert (dispatched.first, dispatched.again) == ([], [])
