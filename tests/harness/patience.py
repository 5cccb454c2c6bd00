"""How long tests wait: until something is so. Only what is broken makes them wait as long as this."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENT = 180.0
"""Seconds: many times what a busy machine needs, and longer than the minute after which what was left is swept up."""
LOOK = 0.02


async def until(is_so: Callable[[], Awaitable[object] | object]) -> None:
    """Return once *is_so* answers something true; for what nobody tells of when it comes about."""
    async with asyncio.timeout(PATIENT):
        while True:
            found = is_so()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(LOOK)
