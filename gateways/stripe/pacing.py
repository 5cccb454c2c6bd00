"""The pace of a process whose requests to Stripe no task queue limits."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import stripe

BURST_SECONDS = 1.0
"""This many seconds' worth of requests may go out at once after a rest."""
LONGEST_WAIT = 5.0
"""Seconds. Who would wait longer is refused: somebody waits for the answer."""


class Pace:
    """Lets *a_second* requests through each second, in the order in which they come."""

    def __init__(
        self,
        a_second: float,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap = 1 / a_second
        self._burst = max(BURST_SECONDS, self._gap) - self._gap
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    async def turn(self) -> None:
        """Return when the next request may be sent.

        Raises:
            stripe.RateLimitError: that would take longer than `LONGEST_WAIT`.
        """
        now = self._clock()
        at = max(self._free_at, now)
        wait = at - self._burst - now
        if wait > LONGEST_WAIT:
            message = "this process has too many requests for Stripe under way"
            raise stripe.RateLimitError(message, http_status=429)
        self._free_at = at + self._gap
        if wait > 0:
            await self._sleep(wait)
