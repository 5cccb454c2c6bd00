"""Calls to the provider at a limited rate, with retries."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.errors import GatewayUnavailable

PAUSES = (1.0, 3.0, 9.0)
"""Seconds before each retry of a call that got no usable answer."""

T = TypeVar("T")


class Pace:
    """Spaces calls evenly at a rate per second."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = 0.0

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a call that is safe to repeat.

        Raises:
            GatewayUnavailable: every attempt failed.
        """
        for pause in PAUSES:
            await self._turn()
            try:
                return await call()
            except GatewayUnavailable as error:
                if error.code == "stripe_key":
                    raise
                await asyncio.sleep(pause)
        await self._turn()
        return await call()

    async def _turn(self) -> None:
        now = asyncio.get_running_loop().time()
        mine = max(self._next, now)
        self._next = mine + self._gap
        await asyncio.sleep(mine - now)
