"""Several sweeps in one run."""

import pytest

from domain.errors import GatewayUnavailable
from services.webhooks.sweeps import Sweeps


class Swept:
    """A sweep that processes one, or fails."""

    def __init__(self, failure: str = "") -> None:
        self._failure = failure
        self.seconds: list[float] = []

    async def sweep(self, seconds: float) -> int:
        self.seconds.append(seconds)
        if self._failure:
            raise GatewayUnavailable(self._failure)
        return 1


async def test_every_sweep_has_its_turn_within_the_time() -> None:
    sweeps = [Swept(), Swept()]

    assert await Sweeps(*sweeps).sweep(10) == 2

    assert all(0 < each.seconds[0] <= 10 for each in sweeps)


async def test_one_that_fails_holds_up_no_other_and_is_told() -> None:
    last = Swept()

    with pytest.raises(GatewayUnavailable, match="first"):
        await Sweeps(Swept("first"), Swept("second"), last).sweep(10)

    assert len(last.seconds) == 1
