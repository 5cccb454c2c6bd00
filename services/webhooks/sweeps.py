"""Several sweeps in one: what the first cannot finish does not hold up the others."""

from time import monotonic

from domain.errors import GatewayUnavailable
from domain.webhooks.ports import EventSweep


class Sweeps:
    """Implements `EventSweep` by several, one after the other."""

    def __init__(self, *sweeps: EventSweep) -> None:
        self._sweeps = sweeps

    async def sweep(self, seconds: float) -> int:
        """Run every sweep, each with what is left of *seconds*; returns how much all have processed.

        Raises:
            GatewayUnavailable: the failure of the first that has failed.
        """
        stop_at, done, failure = monotonic() + seconds, 0, None
        for each in self._sweeps:
            try:
                done += await each.sweep(max(0.0, stop_at - monotonic()))
            except GatewayUnavailable as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return done
